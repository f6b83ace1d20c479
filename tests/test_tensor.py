"""Tensors: attributes, conversions, copies, and life together with NumPy."""

from __future__ import annotations

import copy
import gc
import math
import operator
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import facula as t

# ---- attributes --------------------------------------------------------------------------------------------


def test_shape_and_size() -> None:
    x = t.zeros(2, 3, 4)
    assert x.shape == x.size() == (2, 3, 4) and isinstance(x.shape, t.Size)
    assert (x.size(0), x.size(-1), x.size(dim=1)) == (2, 4, 3)
    assert (x.ndim, x.dim(), x.ndimension(), x.numel(), x.nelement()) == (3, 3, 3, 24, 24)
    assert (x.itemsize, x.element_size(), x.nbytes) == (4, 4, 96)
    with pytest.raises(IndexError, match="Dimension out of range"):
        x.size(3)


def test_strides_and_offsets_count_elements() -> None:
    x = t.zeros(4, 5, dtype=t.float64)
    part = x[1:, 2:]
    assert (x.stride(), x.stride(0), part.stride(), part.storage_offset()) == ((5, 1), 5, (5, 1), 7)
    assert x.is_contiguous() and not part.is_contiguous() and part.contiguous().is_contiguous()
    assert x.t().stride() == (1, 5) and x.t().contiguous().stride() == (4, 1)
    assert t.zeros(2, 0, 3).stride() == (3, 3, 1) and t.zeros(()).stride() == ()
    assert part.data_ptr() - x.data_ptr() == 7 * 8
    assert part.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() == x.data_ptr()
    assert part.untyped_storage().nbytes() == x.nbytes == 160


def test_kinds_of_dtypes() -> None:
    kinds = {
        t.float16: (True, False, True),
        t.bfloat16: (True, False, True),
        t.int8: (False, False, True),
        t.uint8: (False, False, False),
        t.bool: (False, False, False),
        t.complex64: (False, True, True),
    }
    for dtype, expected in kinds.items():
        x = t.zeros(1, dtype=dtype)
        assert (x.is_floating_point(), x.is_complex(), x.is_signed()) == expected
        assert (t.is_floating_point(x), t.is_complex(x)) == expected[:2]


def test_what_is_true_of_every_tensor() -> None:
    x = t.zeros(1)
    assert (
        x.is_cpu
        and str(x.device) == "cpu"
        and x.get_device() == -1
        and x.layout is t.strided
        and x.name is None
    )
    for name in (
        "is_cuda",
        "is_sparse",
        "is_quantized",
        "is_nested",
        "is_mps",
        "is_meta",
        "is_xla",
        "is_mkldnn",
    ):
        assert getattr(x, name) is False
    assert not (x.is_pinned() or x.is_shared() or x.is_inference())
    assert x.cpu() is x and x.pin_memory() is x
    with pytest.raises(AssertionError, match="CUDA"):
        x.cuda()
    with pytest.raises(NotImplementedError, match="share_memory_"):
        x.share_memory_()


def test_views_know_their_base() -> None:
    x = t.zeros(4)
    v = x[1:].view(3, 1)
    assert v._is_view() and v._base is x and x._base is None and not x.clone()._is_view()


def test_attributes_that_cannot_be_set_and_those_of_users() -> None:
    x = t.zeros(2)
    for name in ("shape", "dtype", "device", "ndim", "grad_fn", "is_leaf"):
        with pytest.raises(AttributeError):
            setattr(x, name, None)
    x.note = "mine"
    assert x.note == "mine"


def test_transposes() -> None:
    x = t.arange(6).reshape(2, 3)
    assert x.T.tolist() == x.mT.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert t.zeros(2, 3, 4).mT.shape == (2, 4, 3) and t.zeros(2, 3, 4).T.shape == (4, 3, 2)
    with pytest.raises(RuntimeError, match="mT"):
        _ = t.zeros(3).mT
    z = t.tensor([[1 + 2j, 3]])
    assert z.H.tolist() == z.mH.tolist() == [[1 - 2j], [3]]


# ---- requires_grad, grad, data -----------------------------------------------------------------------------


def test_requires_grad() -> None:
    x = t.ones(2)
    assert x.requires_grad_() is x and x.requires_grad and x.is_leaf
    x.requires_grad = False
    assert not x.requires_grad
    y = t.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad_(False)
    with pytest.raises(RuntimeError, match="floating point"):
        t.tensor([1]).requires_grad_()
    assert not t.tensor([1]).requires_grad_(False).requires_grad


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (3, TypeError, "Tensor or None"),
        (t.ones(3), RuntimeError, "size"),
        (t.ones(2, dtype=t.float64), RuntimeError, "type"),
    ],
)
def test_wrong_gradients_are_refused(value: Any, kind: type[Exception], text: str) -> None:
    x = t.ones(2, requires_grad=True)
    with pytest.raises(kind, match=text):
        x.grad = value
    with pytest.raises(RuntimeError, match="own grad"):
        x.grad = x


def test_gradients_can_be_set_and_deleted() -> None:
    x = t.ones(2, requires_grad=True)
    g = t.full((2,), 5.0)
    x.grad = g
    assert x.grad is g
    (x * 2).sum().backward()
    assert g.tolist() == [7, 7]
    del x.grad
    assert x.grad is None


def test_data_shares_memory_but_no_history() -> None:
    x = t.ones(2, requires_grad=True)
    x.data.mul_(3)
    assert x.tolist() == [3, 3] and x._version == 0 and x.requires_grad and not x.data.requires_grad
    x.data = t.zeros(3)
    assert x.shape == (3,) and x.requires_grad
    with pytest.raises(TypeError, match="has to be a tensor"):
        x.data = 5


def test_detach() -> None:
    x = t.ones(2, requires_grad=True)
    d = x.detach()
    d[0] = 5
    assert x.tolist() == [5, 1] and not d.requires_grad and d.is_leaf
    y = x * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    with pytest.raises(RuntimeError, match="views"):
        (x * 2)[0].detach_()


# ---- to Python ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "value"),
    [
        (t.tensor(3), 3),
        (t.tensor([[2.5]]), 2.5),
        (t.tensor(True), True),
        (t.tensor(1 + 2j), 1 + 2j),
        (t.tensor(0.5, dtype=t.bfloat16), 0.5),
        (t.tensor(0.5, dtype=t.float16), 0.5),
    ],
)
def test_item(x: t.Tensor, value: Any) -> None:
    assert x.item() == value and type(x.item()) is type(value)


@pytest.mark.parametrize("n", [0, 2])
def test_one_element_only(n: int) -> None:
    x = t.zeros(n)
    for convert, kind in (
        (t.Tensor.item, RuntimeError),
        (float, ValueError),
        (int, ValueError),
        (complex, ValueError),
        (bool, RuntimeError),
    ):
        with pytest.raises(kind):
            convert(x)


def test_numbers() -> None:
    assert (float(t.tensor(2.5)), int(t.tensor([-2.7])), complex(t.tensor(2.0)), bool(t.tensor([[0.0]]))) == (
        2.5,
        -2,
        2,
        False,
    )
    assert (
        [10, 20, 30][t.tensor(1)] == 20
        and list(range(t.tensor(3))) == [0, 1, 2]
        and operator.index(t.tensor([7])) == 7
    )
    for x in (t.tensor(1.0), t.tensor([1, 2])):
        with pytest.raises(TypeError, match="index"):
            operator.index(x)
    with pytest.raises(OverflowError):
        int(t.tensor(math.inf))
    with pytest.raises(RuntimeError, match="overflow"):
        float(t.tensor(1j))


def test_lists_keep_types() -> None:
    assert t.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert t.tensor(2.5).tolist() == 2.5 and t.zeros(2, 0).tolist() == [[], []]
    assert t.tensor([1.5], dtype=t.bfloat16).tolist() == [1.5]
    assert type(t.tensor([True]).tolist()[0]) is bool and type(t.tensor([1]).tolist()[0]) is int


def test_sequences() -> None:
    x = t.arange(6).reshape(3, 2)
    assert len(x) == 3 and [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    assert [row.tolist() for row in reversed(x)] == [[4, 5], [2, 3], [0, 1]]
    a, b = t.tensor([1, 2])
    assert (a.item(), b.item()) == (1, 2)
    assert 5 in x and t.tensor(5) in x and 6 not in x
    for refused in (len, iter):
        with pytest.raises(TypeError, match="0-d"):
            refused(t.tensor(1))
    for thing in ("a", None, [1]):
        with pytest.raises(RuntimeError, match="__contains__"):
            thing in x  # noqa: B015


def test_iterating_is_differentiable() -> None:
    x = t.ones(3, 2, requires_grad=True)
    for k, row in enumerate(x):
        (row * k).sum().backward()
    assert x.grad.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_hash_is_by_identity_although_equality_is_by_element() -> None:
    x, y = t.ones(2), t.ones(2)
    assert (x == y).all() and len({x, y, x}) == 2 and {x: 1}[x] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{t.tensor(1.23456):.2f}", "1.23"),
        (f"{t.tensor(5):>4}", "   5"),
        (f"{t.tensor(2.5)}", "2.5"),
        (f"{t.tensor(2.5, requires_grad=True):.3f}", "2.500"),
        (f"{t.tensor(2.5, requires_grad=True)}", "2.5"),
        (f"{t.tensor([1.5])}", "tensor([1.5000])"),
        (f"{t.tensor(0.256):.1%}", "25.6%"),
        ("%.3f" % t.tensor(0.12345), "0.123"),  # noqa: UP031 - it has to work, too
        (f"{t.tensor([1])!r}", "tensor([1])"),
    ],
)
def test_formats(text: str, expected: str) -> None:
    assert text == expected


def test_only_numbers_have_format_codes() -> None:
    with pytest.raises(TypeError):
        format(t.tensor([1.5]), ".2f")


# ---- NumPy -------------------------------------------------------------------------------------------------


def test_memory_is_shared_with_numpy_both_ways() -> None:
    x = t.zeros(2, 3)
    a = x.t().numpy()
    a[0, 1] = 5
    x[0, 0] = 7
    assert x.tolist() == [[7, 0, 0], [5, 0, 0]] and a[0].tolist() == [7, 5]
    b = np.asarray(x)
    b[1, 2] = 9
    assert x[1, 2] == 9
    c = np.array(x)
    c[...] = 0
    assert x[1, 2] == 9
    assert np.asarray(x, dtype=np.float64).dtype == np.float64


def test_tensors_that_numpy_cannot_have() -> None:
    x = t.ones(2, requires_grad=True)
    for convert in (t.Tensor.numpy, np.asarray, np.array):
        with pytest.raises(RuntimeError, match="requires grad"):
            convert(x)
    assert x.numpy(force=True).tolist() == [1, 1]
    with pytest.raises(TypeError, match="ScalarType"):
        t.ones(2, dtype=t.bfloat16).numpy()


def test_numpy_functions_take_tensors() -> None:
    x = t.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(x), t.Tensor) and np.sqrt(x).tolist() == [1, 2]
    assert float(np.sum(x)) == 5 and np.mean(x).item() == 2.5 and np.max(x).item() == 4
    assert np.concatenate([x, t.zeros(1)]).tolist() == [1, 4, 0]
    assert np.allclose(x, [1, 4]) and np.array_equal(x, np.array([1, 4]))


@pytest.mark.parametrize(
    "operation", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
)
def test_operators_between_arrays_and_tensors(operation: Any) -> None:
    a, x = np.array([1.0, 2.0]), t.tensor([4.0, 8.0])
    for result, expected in (
        (operation(a, x), operation(a, x.numpy())),
        (operation(x, a), operation(x.numpy(), a)),
    ):
        assert (
            isinstance(result, t.Tensor)
            and result.dtype is t.float64
            and result.tolist() == expected.tolist()
        )


def test_numpy_numbers_are_numbers() -> None:
    assert (np.float64(2) * t.ones(2)).dtype is t.float32
    assert (t.ones(2, dtype=t.float16) * np.float64(2.5)).dtype is t.float16
    assert (t.tensor([1, 2]) * np.float32(2.5)).tolist() == [2.5, 5]
    x = t.zeros(2)
    x[np.int64(1)] = np.float64(5)
    x += np.float64(1)
    assert x.tolist() == [1, 6]


def test_arrays_and_tensors_index_each_other() -> None:
    assert np.arange(4)[t.tensor([1, 2])].tolist() == [1, 2]
    assert t.arange(4)[np.array([1, 2])].tolist() == [1, 2]
    assert t.arange(4)[np.array([True, False, False, True])].tolist() == [0, 3]


# ---- copies ------------------------------------------------------------------------------------------------


def test_deepcopy() -> None:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    x.note = ["kept"]
    (x * x).sum().backward()
    y, again = copy.deepcopy([x, x])
    assert y is again and y is not x and y.requires_grad and y.is_leaf
    assert y.grad.tolist() == [2, 4] and y.grad is not x.grad and y.note == ["kept"] and y.note is not x.note
    y.data[0] = 9
    assert x.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(x * 2)


def test_deepcopy_keeps_what_shares_memory_together() -> None:
    x = t.arange(6.0)
    rows = x.view(2, 3)
    a, b, c = copy.deepcopy((x, rows, x[4:]))
    a[4] = 100
    assert b.tolist() == [[0, 1, 2], [3, 100, 5]] and c.tolist() == [100, 5] and x[4] == 4
    assert c.storage_offset() == 4 and b.stride() == (3, 1)
    half = t.ones(4, dtype=t.bfloat16)
    d, e = copy.deepcopy([half, half[2:]])
    d[3] = 7
    assert e.tolist() == [1, 7]


def test_copy_shares_memory_but_not_the_gradient() -> None:
    x = t.ones(2, requires_grad=True)
    x.sum().backward()
    y = copy.copy(x)
    assert y is not x and y.data_ptr() == x.data_ptr() and y.requires_grad and y.grad is None


@pytest.mark.parametrize(
    "x",
    [
        t.arange(6).reshape(2, 3).t(),
        t.ones(2, dtype=t.bfloat16),
        t.zeros(0, 3),
        t.tensor(2.5),
        t.ones(1, requires_grad=True),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_pickle(x: t.Tensor, protocol: int) -> None:
    y = pickle.loads(pickle.dumps(x, protocol))
    assert (
        y.dtype is x.dtype
        and y.tolist() == x.tolist()
        and y.shape == x.shape
        and y.requires_grad == x.requires_grad
    )
    with t.no_grad():
        y.add_(1)  # writeable


# ---- to() and friends --------------------------------------------------------------------------------------


def test_to() -> None:
    x = t.tensor([1.5, -2.5])
    for same in (
        x.to(t.float32),
        x.to("cpu"),
        x.to(x),
        x.to(t.device("cpu"), t.float32),
        x.float(),
        x.type(t.float32),
    ):
        assert same is x
    assert x.to(t.float32, copy=True) is not x
    assert x.to(t.int64).tolist() == x.long().tolist() == [1, -2]
    assert (
        x.to("cpu", t.float64).dtype
        is x.to(t.zeros(1, dtype=t.float64)).dtype
        is x.double().dtype
        is t.float64
    )
    assert x.t().to(t.float64, memory_format=t.contiguous_format).is_contiguous()
    for wrong, kind in (
        (lambda: x.to([1]), TypeError),
        (lambda: x.to("nonsense"), RuntimeError),
        (lambda: x.to(bogus=1), TypeError),
    ):
        with pytest.raises(kind):
            wrong()


def test_conversions_are_differentiable() -> None:
    x = t.ones(2, requires_grad=True)
    (x.double() * 2).half().sum().backward()
    assert x.grad.dtype is t.float32 and x.grad.tolist() == [2, 2]
    assert not x.long().requires_grad


def test_type_names() -> None:
    assert (
        t.ones(1).type() == "facula.FloatTensor"
        and t.tensor(1).type() == t.typename(t.tensor(1)) == "facula.LongTensor"
    )
    assert (
        t.ones(1).type("torch.DoubleTensor").dtype is t.float64
        and t.ones(1).type(t.IntTensor).dtype is t.int32
    )
    assert t.ones(1).type_as(t.tensor(1)).dtype is t.int64
    with pytest.raises(ValueError, match="invalid type"):
        t.ones(1).type("nonsense")
    assert isinstance(t.ones(1), t.FloatTensor) and not isinstance(t.tensor(1), t.FloatTensor)


def test_new_tensors_of_the_same_dtype() -> None:
    x = t.ones(1, dtype=t.float64)
    assert (
        x.new_zeros(2, 3).dtype
        is x.new_ones((2,)).dtype
        is x.new_empty(1).dtype
        is x.new_tensor([1]).dtype
        is t.float64
    )
    assert x.new_full((2,), 3).tolist() == [3, 3] and x.new_zeros(1, dtype=t.int8).dtype is t.int8


# ---- operators ---------------------------------------------------------------------------------------------


def test_assigning_operators_work_in_place() -> None:
    x = t.tensor([1, 2])
    y = x
    x += 1
    x *= 2
    x -= 1
    x //= 2
    x **= 2
    x %= 3
    assert y is x and x.tolist() == [1, 1] and x._version == 6
    with pytest.raises(RuntimeError, match="can't be cast"):
        x /= 2
    x = x + 1
    assert y.tolist() == [1, 1]


def test_reversed_operators() -> None:
    x = t.tensor([1, 2])
    assert (
        (2 * x).tolist(),
        (5 - x).tolist(),
        (2 / x).tolist(),
        (2**x).tolist(),
        (7 // x).tolist(),
        (7 % x).tolist(),
    ) == (
        [2, 4],
        [4, 3],
        [2.0, 1.0],
        [2, 4],
        [7, 3],
        [0, 1],
    )


def test_comparisons_with_other_things() -> None:
    x = t.tensor([1, 2])
    assert (x == None) is False and (x != None) is True  # noqa: E711
    with pytest.raises(TypeError):
        _ = x < "a"


# ---- memory ------------------------------------------------------------------------------------------------


def test_tensors_are_freed_by_reference_counting() -> None:
    gc.collect()
    gc.disable()
    try:
        x = t.ones(3)
        v = x[1:]
        array = weakref.ref(x._array)
        x.note = v
        del v
        copy.deepcopy(x.detach())
        repr(x)
        del x.note, x
        assert array() is None
    finally:
        gc.enable()
