"""Printing against texts recorded from PyTorch 2.13, one for every rule that shapes them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

import facula
from facula import _branding, printing
from facula._dtype import set_default_dtype
from facula._tensor import wrap

nan, inf = math.nan, math.inf
f32, f64, bf16, c64 = np.float32, np.float64, ml_dtypes.bfloat16, np.complex64

# name, array, print options, what PyTorch prints
# fmt: off
CASES = [
    ("whole floats", lambda: np.array([1.0, -2.0, 30.0], f32), {}, "tensor([ 1., -2., 30.])"),
    ("fixed decimals", lambda: np.array([1.0, -2.5, 0.33333], f32),
     {}, "tensor([ 1.0000, -2.5000,  0.3333])"),
    ("factor of 1000 is fixed", lambda: np.array([0.5, 500.0], f32), {}, "tensor([  0.5000, 500.0000])"),
    ("more than 1000 is scientific", lambda: np.array([0.5, 501.0], f32),
     {}, "tensor([5.0000e-01, 5.0100e+02])"),
    ("1e8 is fixed", lambda: np.array([1e8, 1e7, 3e5], f32),
     {}, "tensor([100000000.,  10000000.,    300000.])"),
    ("above 1e8 is scientific", lambda: np.array([100000008.0, 5e7], f32),
     {}, "tensor([1.0000e+08, 5.0000e+07])"),
    ("1e-4 is fixed", lambda: np.array([0.0001, 0.002], f64),
     {}, "tensor([0.0001, 0.0020], dtype=torch.float64)"),
    ("below 1e-4 is scientific", lambda: np.array([0.00009, 0.002], f64),
     {}, "tensor([9.0000e-05, 2.0000e-03], dtype=torch.float64)"),
    ("whole and scientific", lambda: np.array([1.0, 2000.0, 0.0], f32),
     {}, "tensor([1.0000e+00, 2.0000e+03, 0.0000e+00])"),
    ("smallest and largest", lambda: np.array([1e-45, -3.4e38], f32),
     {}, "tensor([ 1.4013e-45, -3.4000e+38])"),
    ("three digits of exponent", lambda: np.array([1e100, -1e99, 0.0, nan], f64), {}, """\
tensor([1.0000e+100, -1.0000e+99,  0.0000e+00,         nan],
       dtype=torch.float64)"""),
    ("ratio overflows", lambda: np.array([5e-324, 1e308], f64),
     {}, "tensor([4.9407e-324, 1.0000e+308], dtype=torch.float64)"),
    ("all zero", lambda: np.zeros((2, 2), f32), {}, """\
tensor([[0., 0.],
        [0., 0.]])"""),
    ("minus zero", lambda: np.array([0.0, -0.0], f32), {}, "tensor([0., -0.])"),
    ("minus zero among decimals", lambda: np.array([-0.0, 1.5, -1.5], f32),
     {}, "tensor([-0.0000,  1.5000, -1.5000])"),
    ("nothing counts", lambda: np.array([nan, inf, -inf, 0.0], f32), {}, "tensor([nan, inf, -inf, 0.])"),
    ("not finite, whole", lambda: np.array([nan, inf, -inf, 1.0], f32), {}, "tensor([nan, inf, -inf, 1.])"),
    ("not finite, decimals", lambda: np.array([nan, inf, -inf, 0.5], f32),
     {}, "tensor([   nan,    inf,   -inf, 0.5000])"),
    ("not finite, scientific", lambda: np.array([nan, -inf, 1e10], f32),
     {}, "tensor([       nan,       -inf, 1.0000e+10])"),
    ("float 0-d", lambda: np.array(2.5, f32), {}, "tensor(2.5000)"),
    ("nan 0-d", lambda: np.array(nan, f32), {}, "tensor(nan)"),
    ("int 0-d", lambda: np.array(-7), {}, "tensor(-7)"),
    ("bool 0-d", lambda: np.array(True), {}, "tensor(True)"),
    ("complex 0-d", lambda: np.array(1 - 2j, c64), {}, "tensor(1.-2.j)"),
    ("bools", lambda: np.array([True, False]), {}, "tensor([ True, False])"),
    ("ints", lambda: np.array([[1, -20], [300, 4]]), {}, """\
tensor([[  1, -20],
        [300,   4]])"""),
    ("int8", lambda: np.array([-128, 127], np.int8), {}, "tensor([-128,  127], dtype=torch.int8)"),
    ("uint64", lambda: np.array([0, 2**64 - 1], np.uint64),
     {}, "tensor([                   0, 18446744073709551615], dtype=torch.uint64)"),
    ("int32 0-d", lambda: np.array(3, np.int32), {}, "tensor(3, dtype=torch.int32)"),
    ("float64", lambda: np.array([0.1], f64), {}, "tensor([0.1000], dtype=torch.float64)"),
    ("float16", lambda: np.array([65504.0, 0.5], np.float16),
     {}, "tensor([6.5504e+04, 5.0000e-01], dtype=torch.float16)"),
    ("bfloat16", lambda: np.array([1.0, 2.5, inf], f32).astype(bf16),
     {}, "tensor([1.0000, 2.5000,    inf], dtype=torch.bfloat16)"),
    ("float8_e4m3fn", lambda: np.array([448.0, -0.5], f32).astype(ml_dtypes.float8_e4m3fn),
     {}, "tensor([448.0000,  -0.5000], dtype=torch.float8_e4m3fn)"),
    ("float8_e5m2", lambda: np.array([57344.0, nan, 1.0], f32).astype(ml_dtypes.float8_e5m2),
     {}, "tensor([5.7344e+04,        nan, 1.0000e+00], dtype=torch.float8_e5m2)"),
    ("complex64", lambda: np.array([1 + 2j, -1.5 - 0.5j, 0], c64),
     {}, "tensor([ 1.0000+2.0000j, -1.5000-0.5000j,  0.0000+0.0000j])"),
    ("complex128 whole", lambda: np.array([1 + 2j, -10 - 0j], np.complex128),
     {}, "tensor([  1.+2.j, -10.+0.j], dtype=torch.complex128)"),
    ("complex not finite", lambda: np.array([complex(nan, inf), complex(-inf, nan), 1 + 0.5j], c64),
     {}, "tensor([nan+infj, -inf+nanj, 1.+0.5000j])"),
    ("complex scientific part", lambda: np.array([1 + 1e-6j, 2 + 1j], c64),
     {}, "tensor([1.+1.0000e-06j, 2.+1.0000e+00j])"),
    ("complex wraps", lambda: np.arange(12, dtype=f32).astype(c64), {}, """\
tensor([ 0.+0.j,  1.+0.j,  2.+0.j,  3.+0.j,  4.+0.j,  5.+0.j,  6.+0.j,  7.+0.j,  8.+0.j,  9.+0.j,
        10.+0.j, 11.+0.j])"""),
    ("no elements", lambda: np.zeros(0, f32), {}, "tensor([])"),
    ("no elements, ints", lambda: np.zeros(0, np.int64), {}, "tensor([], dtype=torch.int64)"),
    ("no elements, complex", lambda: np.zeros(0, c64), {}, "tensor([], dtype=torch.complex64)"),
    ("no elements, 2-d", lambda: np.zeros((0, 3), f32), {}, "tensor([], size=(0, 3))"),
    ("no elements, 3-d bools", lambda: np.zeros((2, 0, 3), bool),
     {}, "tensor([], size=(2, 0, 3), dtype=torch.bool)"),
    ("row of one", lambda: np.ones((1, 1), f32), {}, "tensor([[1.]])"),
    ("3-d", lambda: np.arange(12).reshape(2, 3, 2), {}, """\
tensor([[[ 0,  1],
         [ 2,  3],
         [ 4,  5]],

        [[ 6,  7],
         [ 8,  9],
         [10, 11]]])"""),
    ("4-d", lambda: np.arange(16, dtype=f32).reshape(2, 2, 2, 2) / 4, {}, """\
tensor([[[[0.0000, 0.2500],
          [0.5000, 0.7500]],

         [[1.0000, 1.2500],
          [1.5000, 1.7500]]],


        [[[2.0000, 2.2500],
          [2.5000, 2.7500]],

         [[3.0000, 3.2500],
          [3.5000, 3.7500]]]])"""),
    ("long row", lambda: np.arange(25, dtype=f32) / 2, {}, """\
tensor([ 0.0000,  0.5000,  1.0000,  1.5000,  2.0000,  2.5000,  3.0000,  3.5000,
         4.0000,  4.5000,  5.0000,  5.5000,  6.0000,  6.5000,  7.0000,  7.5000,
         8.0000,  8.5000,  9.0000,  9.5000, 10.0000, 10.5000, 11.0000, 11.5000,
        12.0000])"""),
    ("long rows", lambda: np.arange(40).reshape(2, 20) * 1000, {}, """\
tensor([[    0,  1000,  2000,  3000,  4000,  5000,  6000,  7000,  8000,  9000,
         10000, 11000, 12000, 13000, 14000, 15000, 16000, 17000, 18000, 19000],
        [20000, 21000, 22000, 23000, 24000, 25000, 26000, 27000, 28000, 29000,
         30000, 31000, 32000, 33000, 34000, 35000, 36000, 37000, 38000, 39000]])"""),
    ("shortened", lambda: np.arange(1001), {}, "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    ("shortened one way", lambda: np.arange(1002, dtype=f32).reshape(2, 501), {}, """\
tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 4.9800e+02, 4.9900e+02,
         5.0000e+02],
        [5.0100e+02, 5.0200e+02, 5.0300e+02,  ..., 9.9900e+02, 1.0000e+03,
         1.0010e+03]])"""),
    ("shortened the other way", lambda: np.arange(1002, dtype=np.int16).reshape(501, 2), {}, """\
tensor([[   0,    1],
        [   2,    3],
        [   4,    5],
        ...,
        [ 996,  997],
        [ 998,  999],
        [1000, 1001]], dtype=torch.int16)"""),
    ("transposed", lambda: np.arange(6, dtype=f32).reshape(2, 3).T, {}, """\
tensor([[0., 3.],
        [1., 4.],
        [2., 5.]])"""),
    ("precision", lambda: np.array([1.23456789, 2.0], f64),
     {"precision": 7}, "tensor([1.2345679, 2.0000000], dtype=torch.float64)"),
    ("precision 0", lambda: np.array([1.5, 20.25], f32), {"precision": 0}, "tensor([ 2, 20])"),
    ("precision 0, scientific", lambda: np.array([1e-9], f32), {"precision": 0}, "tensor([1e-09])"),
    ("threshold", lambda: np.arange(8), {"threshold": 7}, "tensor([0, 1, 2,  ..., 5, 6, 7])"),
    ("threshold not passed", lambda: np.arange(8), {"threshold": 8}, "tensor([0, 1, 2, 3, 4, 5, 6, 7])"),
    ("edgeitems", lambda: np.arange(100), {"threshold": 5, "edgeitems": 1}, "tensor([ 0,  ..., 99])"),
    ("edgeitems 0", lambda: np.arange(2000).reshape(20, 100),
     {"edgeitems": 0}, "tensor([...], size=(20, 100))"),
    ("edgeitems 0, short", lambda: np.arange(2), {"edgeitems": 0}, "tensor([0, 1], size=(2,))"),
    ("edgeitems 0, 0-d", lambda: np.array(3), {"edgeitems": 0, "threshold": 0}, "tensor(3, size=())"),
    ("linewidth", lambda: np.arange(12), {"linewidth": 20}, """\
tensor([ 0,  1,  2,
         3,  4,  5,
         6,  7,  8,
         9, 10, 11])"""),
    ("linewidth too small", lambda: np.arange(3), {"linewidth": 1}, """\
tensor([0,
        1,
        2])"""),
    ("profile short", lambda: np.arange(30, dtype=f32).reshape(5, 6) / 4,
     {"profile": "short", "threshold": 20}, """\
tensor([[0.00, 0.25,  ..., 1.00, 1.25],
        [1.50, 1.75,  ..., 2.50, 2.75],
        ...,
        [4.50, 4.75,  ..., 5.50, 5.75],
        [6.00, 6.25,  ..., 7.00, 7.25]])"""),
    ("always scientific", lambda: np.array([1.0, 20.0, 0.0], f32),
     {"sci_mode": True}, "tensor([1.0000e+00, 2.0000e+01, 0.0000e+00])"),
    ("always scientific, all zero", lambda: np.zeros(2, f32), {"sci_mode": True}, "tensor([0., 0.])"),
    ("never scientific", lambda: np.array([1e-6, 1e9], f64),
     {"sci_mode": False}, "tensor([         0.0000, 1000000000.0000], dtype=torch.float64)"),
    ("never scientific, whole", lambda: np.array([1.0, 1e12], f64),
     {"sci_mode": False}, "tensor([            1., 1000000000000.], dtype=torch.float64)"),
]
# fmt: on


@pytest.fixture(autouse=True)
def same_state():
    options, name = printing.get_printoptions(), _branding.name()
    yield
    printing.set_printoptions(**options)
    _branding.set_name(name)
    set_default_dtype(facula.float32)


@pytest.fixture
def as_torch():
    """Dtypes under the names that the recorded texts have; a line's length depends on them."""
    _branding.set_name("torch")


@pytest.mark.parametrize(("array", "options", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_recorded(as_torch, array, options, expected):
    printing.set_printoptions(**options)
    assert repr(wrap(array())) == expected


def test_own_name_in_dtype():
    _branding.set_name("facula")
    assert repr(wrap(np.zeros(1, f64))) == "tensor([0.], dtype=facula.float64)"


def test_requires_grad_and_grad_fn():
    x = wrap(np.ones(2, f32), requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
    assert repr(x.detach()) == "tensor([1., 1.])"


def test_suffixes_move_to_a_line_of_their_own(as_torch):
    x = wrap(np.ones(10, f64), requires_grad=True)
    row = "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1.]"
    for linewidth in (80, 70):
        printing.set_printoptions(linewidth=linewidth)
        assert repr(x) == f"{row}, dtype=torch.float64,\n       requires_grad=True)"
    printing.set_printoptions(linewidth=69)
    assert repr(x) == f"{row},\n       dtype=torch.float64, requires_grad=True)"
    printing.set_printoptions(linewidth=45)
    row = "tensor([1., 1., 1., 1., 1., 1., 1., 1., 1.,\n        1.]"
    assert repr(x) == f"{row}, dtype=torch.float64,\n       requires_grad=True)"


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (30, 45, "tensor([1., 1.], size=(2,),|dtype=torch.float64,|requires_grad=True)"),
        (46, 48, "tensor([1., 1.], size=(2,),|dtype=torch.float64, requires_grad=True)"),
        (49, 68, "tensor([1., 1.], size=(2,), dtype=torch.float64,|requires_grad=True)"),
        (69, 200, "tensor([1., 1.], size=(2,), dtype=torch.float64, requires_grad=True)"),
    ],
)
def test_three_suffixes_break_where_pytorch_breaks_them(as_torch, least, most, expected):
    for linewidth in (least, most):
        printing.set_printoptions(edgeitems=0, linewidth=linewidth)
        text = repr(wrap(np.ones(2, f64), requires_grad=True))
        assert text == expected.replace("|", "\n" + " " * 7)


def test_nested_rows_are_filled_to_the_line_width():
    x = wrap(np.arange(8).reshape(1, 1, 8))
    for linewidth, first, rest in [(30, "0, 1, 2, 3, 4, 5, 6", "7"), (29, "0, 1, 2, 3, 4, 5", "6, 7")]:
        printing.set_printoptions(linewidth=linewidth)
        assert repr(x) == f"tensor([[[{first},\n{' ' * 10}{rest}]]])"


def test_default_dtype_is_left_out(as_torch):
    single, double = wrap(np.ones(1, f32)), wrap(np.ones(1, f64))
    set_default_dtype(facula.float64)
    assert repr(double) == "tensor([1.])"
    assert repr(single) == "tensor([1.], dtype=torch.float32)"
    assert repr(wrap(np.ones(1, np.complex128))) == "tensor([1.+0.j])"
    assert repr(wrap(np.ones(1, c64))) == "tensor([1.+0.j], dtype=torch.complex64)"
    set_default_dtype(facula.float16)
    assert repr(single) == "tensor([1.], dtype=torch.float32)"
    assert repr(wrap(np.ones(1, c64))) == "tensor([1.+0.j])"


def test_given_contents(as_torch):
    x = wrap(np.ones((2, 2), f64), requires_grad=True)
    text = printing.format_tensor(x, tensor_contents="...")
    assert text == "tensor(..., dtype=torch.float64, requires_grad=True)"


def test_subclasses_show_their_names():
    class Picture(facula.Tensor):
        pass

    class Weight(facula.nn.Parameter):
        pass

    plain = wrap(np.ones(2, f32))
    assert repr(Picture([1.0, 1.0])) == "Picture([1., 1.])"
    assert repr(facula.nn.Parameter(plain)) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(Weight(plain)) == "Parameter containing:\nParameter(Weight([1., 1.], requires_grad=True))"


def test_a_device_array_is_copied_by_corners_only(as_torch):
    copied = []

    class DeviceArray:
        """An array that reaches the host only through `get`."""

        def __init__(self, array):
            self._hidden = array
            self.shape, self.ndim, self.size, self.dtype = array.shape, array.ndim, array.size, array.dtype

        def __getitem__(self, index):
            return DeviceArray(self._hidden[index])

        def get(self):
            copied.append(self.size)
            return self._hidden

    tensor = SimpleNamespace(
        _array=DeviceArray(np.arange(5000).reshape(50, 100)),
        dtype=facula.int64,
        device=facula.device("cuda", 1),
        requires_grad=False,
        grad_fn=None,
    )
    printing.set_printoptions(edgeitems=1)
    text = printing.format_tensor(tensor)
    rows = ["[   0,  ...,   99]", "...", "[4900,  ..., 4999]"]
    assert text == f"SimpleNamespace([{(',' + chr(10) + ' ' * 17).join(rows)}], device='cuda:1')"
    assert copied == [1, 1, 1, 1]


def test_only_the_corners_are_read():
    huge = np.broadcast_to(f32(1.5), (10**5, 10**5, 10**5))  # takes four bytes, and would take 4e15 if copied
    text = repr(wrap(huge))
    assert text.startswith("tensor([[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000],\n")
    assert text.count("1.5000") == 6**3


def test_profile_full_shows_everything():
    printing.set_printoptions(profile="full")
    assert repr(wrap(np.zeros(5000, f32))).count("0.") == 5000


def test_options_are_kept_but_for_sci_mode():
    printing.set_printoptions(precision=2, sci_mode=True)
    printing.set_printoptions(edgeitems=5)
    assert printing.get_printoptions() == {
        "precision": 2, "threshold": 1000, "edgeitems": 5, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip
    printing.set_printoptions(profile="short", linewidth=np.int64(50))
    assert printing.get_printoptions() == {
        "precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 50, "sci_mode": None,
    }  # fmt: skip
    printing.set_printoptions(profile="default")
    with printing.printoptions(sci_mode=True, threshold=inf):
        assert printing.get_printoptions()["threshold"] == inf
        assert repr(wrap(np.ones(1, f32))) == "tensor([1.0000e+00])"
    assert printing.get_printoptions() == {
        "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip


def test_options_survive_an_error_inside_the_block():
    with pytest.raises(KeyError), printing.printoptions(precision=1):
        raise KeyError
    assert printing.get_printoptions()["precision"] == 4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": -1}, ValueError, r"\[set_printoptions\] precision must not be negative: got -1"),
        ({"precision": 2.5}, TypeError, r"\[set_printoptions\] precision must be an integer: got 2.5"),
        ({"edgeitems": -3}, ValueError, r"\[set_printoptions\] edgeitems must not be negative: got -3"),
        ({"threshold": "all"}, TypeError, r"\[set_printoptions\] threshold must be a number: got 'all'"),
        ({"linewidth": "wide"}, TypeError, r"\[set_printoptions\] linewidth must be a number: got 'wide'"),
        ({"profile": "tiny"}, ValueError, r"\[set_printoptions\] profile must be .*'short'.*: got 'tiny'"),
    ],
)
def test_bad_options_change_nothing(options, error, message):
    before = printing.get_printoptions()
    with pytest.raises(error, match=message):
        printing.set_printoptions(**{"precision": 9, "profile": "short", "sci_mode": True} | options)
    assert printing.get_printoptions() == before
