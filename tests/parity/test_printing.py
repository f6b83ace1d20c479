"""Printing, compared with PyTorch over random tensors, print options and default dtypes."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is
from facula import _branding, printing  # noqa: E402
from facula._dtype import ALL, set_default_dtype  # noqa: E402
from facula._tensor import wrap  # noqa: E402

CASES_PER_DTYPE = 200
OPTIONS = {
    "precision": [0, 1, 2, 4, 4, 7, 12],
    "threshold": [0, 5, 30, 200, 1000, 1000, float("inf")],
    "edgeitems": [0, 1, 2, 3, 3, 5],
    "linewidth": [*range(1, 120, 3), 80, 100000],
    "sci_mode": [None, None, True, False],
}
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1e8, 1e-4])


@pytest.fixture(autouse=True)
def same_state():
    """Our dtypes under PyTorch's names (line breaks depend on their length); afterwards, all as it was."""
    ours, theirs = printing.get_printoptions(), torch._tensor_str.get_printoptions()
    name, default = _branding.name(), torch.get_default_dtype()
    _branding.set_name("torch")
    yield
    _branding.set_name(name)
    printing.set_printoptions(**ours)
    torch.set_printoptions(**theirs)
    set_defaults(str(default).removeprefix("torch."))


def set_defaults(name):
    torch.set_default_dtype(getattr(torch, name))
    set_default_dtype(getattr(facula, name))


def set_options(**options):
    torch.set_printoptions(**options)
    printing.set_printoptions(**options)
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()


def random_shape(rng):
    style = rng.integers(10)
    if style == 0:
        return (int(rng.integers(900, 1200)),)
    if style == 1:
        return tuple(rng.permutation([int(rng.integers(1, 4)), int(rng.integers(300, 600))]).tolist())
    if style == 2:
        return (int(rng.integers(1, 40)),)
    shape = rng.choice([1, 2, 2, 3, 3, 4, 5, 7, 9], size=rng.integers(0, 5))
    if style == 3 and shape.size:
        shape[rng.integers(shape.size)] = 0
    return tuple(shape.tolist())


def random_floats(rng, size):
    style = rng.integers(7)
    if style == 0:
        values = rng.standard_normal(size)
    elif style == 1:
        values = np.rint(rng.standard_normal(size) * 10.0 ** rng.integers(0, 10))
    elif style == 2:
        values = rng.standard_normal(size) * 10.0 ** rng.uniform(-45, 38)
    elif style == 3:
        values = rng.choice([-1, 1], size) * 10.0 ** rng.uniform(-45, 38, size)
    elif style == 4:
        values = rng.choice([-1, 1], size) * 10.0 ** rng.uniform(-2, 2, size)
    elif style == 5:
        values = rng.choice(SPECIAL, size)
    else:
        values = rng.integers(-300, 300, size) / 4
    if rng.integers(4) == 0:
        few = rng.choice(SPECIAL[: rng.integers(1, len(SPECIAL))], size)
        values = np.where(rng.random(size) < 0.3, few, values)
    return values


def random_array(rng, dtype, shape):
    """An array of our dtype `dtype`: chosen values, or now and then any bits at all."""
    size = int(np.prod(shape))
    if dtype.name == "bool":
        return (rng.random(size) < rng.choice([0, 0.5, 1])).reshape(shape)
    if rng.integers(5) == 0:
        return np.frombuffer(rng.bytes(size * dtype.itemsize), dtype.numpy).reshape(shape).copy()
    if dtype.numpy.kind in "iu":
        bounds = np.iinfo(dtype.numpy)
        most = min(bounds.max, [9, 1000, bounds.max][rng.integers(3)])
        least = rng.choice([0, max(bounds.min, -most)])
        return rng.integers(least, most, shape, dtype=dtype.numpy, endpoint=True).reshape(shape)
    values = random_floats(rng, size)
    if dtype.is_complex:
        values = values.astype(np.complex128)
        values.imag = random_floats(rng, size)
    with np.errstate(all="ignore"):
        return values.astype(dtype.numpy).reshape(shape)


def to_torch(array, dtype):
    bits = {"bfloat16": np.int16, "float8_e4m3fn": np.uint8, "float8_e5m2": np.uint8}.get(dtype.name)
    if bits is None:
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(bits)).view(getattr(torch, dtype.name))


def assert_same(ours, theirs, what):
    ours, theirs = repr(ours), repr(theirs)
    assert ours == theirs, f"{what}\nours:\n{ours}\nPyTorch:\n{theirs}"
    return ours


@pytest.mark.parametrize("dtype", ALL, ids=lambda d: d.name)
def test_random_tensors(dtype):
    rng = np.random.default_rng(ALL.index(dtype))
    printed = set()
    for case in range(CASES_PER_DTYPE):
        options = {key: values[rng.integers(len(values))] for key, values in OPTIONS.items()}
        if case % 3 == 0:
            options = {"profile": "default"}
        set_options(**options)
        shape = random_shape(rng)
        array = random_array(rng, dtype, shape)
        grad = bool((dtype.is_floating_point or dtype.is_complex) and dtype.itemsize > 1 and rng.integers(2))
        set_defaults(rng.choice(["float32", "float32", "float64", "float16", "bfloat16"]))
        ours, theirs = wrap(array, requires_grad=grad), to_torch(array, dtype).requires_grad_(grad)
        printed.add(assert_same(ours, theirs, f"case {case}: {shape}, {options}"))
    assert len(printed) > CASES_PER_DTYPE / 2  # the cases are not all alike


def test_line_breaks_of_rows_and_suffixes():
    seen = set()
    for count in range(1, 30):
        for linewidth in range(1, 100, 3):
            set_options(linewidth=linewidth, edgeitems=linewidth % 2)
            array = np.arange(count, dtype=np.float64) / 2
            theirs = torch.from_numpy(array).requires_grad_()
            ours = assert_same(wrap(array, requires_grad=True), theirs, f"{count}, {linewidth}")
            seen.add(ours[ours.index("]") :])
    # Every way to break before dtype and requires_grad, and nearly every one with size before them.
    assert len({tail for tail in seen if "size" not in tail}) == 4
    assert len({re.sub(r"\d+", "N", tail) for tail in seen if "size" in tail}) == 7


def test_large_and_small_corners():
    for shape in [(7, 150), (150, 7), (6, 6, 30), (6, 6, 6, 6), (1001,), (2, 500), (2, 501), (11, 13, 17)]:
        array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
        for edgeitems in range(5):
            set_options(edgeitems=edgeitems)
            assert_same(wrap(array), torch.from_numpy(array), f"{shape}, {edgeitems}")
            # The elements between the corners must not decide how the others look.
            floats = np.where((array % 31) == 7, 1e9, 1.5)
            assert_same(wrap(floats), torch.from_numpy(floats), f"{shape}, {edgeitems}")
            assert_same(wrap(floats.swapaxes(0, -1)), torch.from_numpy(floats).swapaxes(0, -1), f"{shape}")


def test_options_in_a_row():
    """What one call leaves for the next: a profile, and sci_mode, which is forgotten."""
    array = np.array([[1.23456789, 1000.5], [1e-5, np.nan]])
    for options in [
        {"sci_mode": True}, {"precision": 2}, {"profile": "short", "precision": 6}, {"linewidth": 20},
        {"profile": "full"}, {"sci_mode": False, "edgeitems": 1, "threshold": 1}, {}, {"profile": "default"},
    ]:  # fmt: skip
        set_options(**options)
        assert_same(wrap(array), torch.from_numpy(array), options)


def test_results_of_operations():
    """The name of the operation that made a tensor is printed, on a line of its own where it must."""
    for columns in (2, 12):
        array = np.arange(3 * columns, dtype=np.float32).reshape(3, columns)
        for work in (
            lambda x: x + 1,
            lambda x: x * 2 / 3,
            lambda x: (x - 1) @ x.T,
            lambda x: x.sum(),
            lambda x: x[1:],
            lambda x: x.exp().mean(dim=0),
            lambda x: x.reshape(-1).detach(),
        ):
            ours, theirs = (work(x.requires_grad_()) for x in (wrap(array), torch.from_numpy(array)))
            assert_same(ours, theirs, columns)
