"""The op layer: definition and binding, rules, promotion, out=, changes in place, views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import facula as t
from facula.autograd import op as layer
from facula.autograd.op import OPS, op


def leaf(*data: float) -> t.Tensor:
    return t.tensor([float(v) for v in data], requires_grad=True)


@pytest.fixture
def made() -> Iterator[Any]:
    """An op of the test's own: scale * a * b."""

    @op(promote="common")
    def scaled_product(input: Any, other: Any, /, scale: float = 1.0) -> Any:
        """The scaled product."""
        return input * other * scale

    scaled_product.vjp(
        input=lambda g, other, scale: g * other * scale, other=lambda g, input, scale: g * input * scale
    )
    yield scaled_product
    del OPS["scaled_product"]


# ---- definition --------------------------------------------------------------------------------------------


def test_an_op_runs_on_raw_arrays_and_on_tensors(made: Any) -> None:
    raw = made(np.ones(2), np.full(2, 3.0), 2)
    assert type(raw) is np.ndarray and raw.tolist() == [6, 6]
    a, b = leaf(1, 2), leaf(3, 4)
    y = made(a, b, scale=10)
    assert y.tolist() == [30, 80] and type(y.grad_fn).__name__ == "ScaledProductBackward0"
    y.sum().backward()
    assert a.grad.tolist() == [30, 40] and b.grad.tolist() == [10, 20]


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((1,), {}, 'missing 1 required positional arguments: "other"'),
        ((1, 2, 3, 4), {}, "takes 3 positional arguments but 4"),
        ((1, 2), {"input": 3}, "multiple values for argument 'input'"),
        ((1, 2), {"shift": 3}, "unexpected keyword argument 'shift'"),
    ],
)
def test_binding_errors(made: Any, args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        made(*(t.tensor(float(a)) for a in args), **kwargs)


def test_numpy_names_of_arguments_are_understood() -> None:
    x = t.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert np.sum(x, axis=0, keepdims=True).tolist() == [[4, 6]]
    assert np.sum(x).item() == 10


def test_rules_are_checked_when_they_are_set(made: Any) -> None:
    with pytest.raises(TypeError, match="unknown input"):
        made.vjp(scale=lambda g: g)
    with pytest.raises(TypeError, match="unknown name"):
        made.vjp(input=lambda g, bogus: g)


def test_a_missing_rule_is_an_error_only_when_it_is_needed() -> None:
    @op()
    def unruly(input: Any, /) -> Any:
        return input * 2

    y = unruly(leaf(1, 2))
    del OPS["unruly"]
    assert y.requires_grad
    with pytest.raises(NotImplementedError, match=r"\[unruly\] the derivative for 'input'"):
        y.sum().backward()


def test_only_what_the_rules_ask_for_is_kept() -> None:
    a, b, frozen = leaf(1, 2), leaf(3, 4), t.ones(2)
    assert not (a + b).grad_fn.saved
    kept = (a * frozen).grad_fn.saved
    assert len(kept) == 1 and kept[0] is frozen
    out = a.exp()
    assert out.grad_fn.saved[0] is out._array


def test_a_kernel_may_decline(made: Any) -> None:
    calls = []

    @made.kernel(np.ndarray)
    def fast(input: Any, other: Any, scale: float) -> Any:
        calls.append(scale)
        return NotImplemented if scale == 1 else np.zeros(2)

    assert made(t.ones(2), t.ones(2)).tolist() == [1, 1]
    assert made(t.ones(2), t.ones(2), 5).tolist() == [0, 0]
    assert made(np.ones(2), np.ones(2)).tolist() == [1, 1]
    assert calls == [1.0, 5, 1.0]


def test_observers_see_every_call(made: Any) -> None:
    seen = []
    layer.observers.append(lambda this, args, out: seen.append((this.name, len(args), out.tolist())))
    try:
        made(t.ones(2), 3.0)
        t.ones(2) + 1
    finally:
        layer.observers.clear()
    assert ("scaled_product", 3, [3, 3]) in seen and ("add", 2, [2, 2]) in seen


def test_gradients_are_summed_back_to_the_shape_of_their_input(made: Any) -> None:
    a, b = t.ones(3, 1, requires_grad=True), t.ones(4, requires_grad=True)
    made(a, b).sum().backward()
    assert a.grad.tolist() == [[4], [4], [4]] and b.grad.tolist() == [3, 3, 3, 3]


# ---- promotion and out= ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (t.ones(2, dtype=t.int64), t.ones(2), t.float32),
        (t.ones(2, dtype=t.int64), 2.5, t.float32),
        (t.ones(2, dtype=t.float16), t.ones((), dtype=t.float64), t.float16),
        (t.ones(2, dtype=t.float16), t.ones(2, dtype=t.bfloat16), t.float32),
        (t.ones(2, dtype=t.uint8), t.ones(2, dtype=t.int8), t.int16),
        (t.ones(2, dtype=t.bool), 2, t.int64),
        (t.ones(2, dtype=t.float64), 1j, t.complex128),
    ],
)
def test_promotion(a: Any, b: Any, expected: t.dtype) -> None:
    assert (a + b).dtype is expected and (b + a).dtype is expected


def test_numbers_do_not_widen_and_overflow_silently() -> None:
    assert (t.tensor([200], dtype=t.uint8) + 100).tolist() == [44]
    assert (t.ones(1, dtype=t.float16) * 1e6).tolist() == [float("inf")]
    assert (t.ones(1) * t.tensor(1e300, dtype=t.float64)).tolist() == [float("inf")]


def test_wrong_operands() -> None:
    with pytest.raises(TypeError):
        t.ones(2) + "a"
    with pytest.raises(TypeError):
        t.add(t.ones(2), None)


def test_out() -> None:
    out = t.empty(0)
    assert t.add(t.ones(2), 1, out=out) is out and out.tolist() == [2, 2]
    same = t.empty(2, dtype=t.float64)
    place = same.data_ptr()
    t.exp(t.zeros(2), out=same)
    assert same.tolist() == [1, 1] and same.data_ptr() == place and same._version == 1
    with pytest.raises(RuntimeError, match="can't be cast"):
        t.add(t.ones(2), 1, out=t.empty(2, dtype=t.int64))
    with pytest.raises(TypeError, match="must be Tensor"):
        t.add(t.ones(2), 1, out=np.empty(2))
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        t.add(leaf(1, 2), 1, out=t.empty(2))
    with t.no_grad():
        assert t.add(leaf(1, 2), 1, out=t.empty(2)).tolist() == [2, 3]


# ---- changes in place --------------------------------------------------------------------------------------


def test_versions_are_shared_by_everything_over_the_same_memory() -> None:
    x = t.zeros(4)
    v, d, other = x[1:], x.detach(), x.data
    x.add_(1)
    v.mul_(2)
    d[0] = 5
    assert (x._version, v._version, d._version, other._version) == (3, 3, 3, 0)
    other.fill_(7)
    assert x._version == 3 and other._version == 1 and x.tolist() == [7] * 4


@pytest.mark.parametrize(
    ("use", "change"),
    [
        (lambda x: x * x, lambda x, y: x.add_(1)),
        (lambda x: x.exp(), lambda x, y: y.add_(1)),
        (lambda x: x.sigmoid(), lambda x, y: y.detach().zero_()),
        (lambda x: x[:1] * x[:1], lambda x, y: x.__setitem__(1, 5)),
        (lambda x: x @ x, lambda x, y: x.copy_(t.ones(2))),
    ],
)
def test_what_was_kept_must_not_change(use: Any, change: Any) -> None:
    x = leaf(1, 2) * 1
    y = use(x)
    change(x, y)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("use", "change"),
    [
        (lambda x: x + 1, lambda x, y: (x.mul_(2), y.mul_(2))),
        (lambda x: x * 3, lambda x, y: x.zero_()),
        (lambda x: x.sigmoid(), lambda x, y: y.data.zero_()),
    ],
)
def test_what_was_not_kept_may_change(use: Any, change: Any) -> None:
    x = leaf(1, 2) * 1
    y = use(x)
    change(x, y)
    y.sum().backward()


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.add_(1),
        lambda a: a.__setitem__(0, 1),
        lambda a: a[:1].mul_(2),
        lambda a: a.view(2).zero_(),
        lambda a: a.__iadd__(1),
        lambda a: a.copy_(t.ones(2)),
        lambda a: a.unbind()[0].add_(1),
        lambda a: a.uniform_(),
    ],
)
def test_leaves_may_not_change_while_recording(change: Any) -> None:
    a = leaf(1, 2)
    with pytest.raises(RuntimeError):
        change(a)
    assert a.tolist() == [1, 2] and a._version == 0
    with t.no_grad():
        change(a)
    assert a.requires_grad and a.is_leaf


def test_history_after_changes() -> None:
    a = leaf(1, 2, 3)
    x = a * 2
    x.mul_(3)
    x += a
    x[0] = 0
    x.relu_()
    assert x.tolist() == [0, 14, 21] and x.grad_fn.name() == "ReluBackward0"
    x.sum().backward()
    assert a.grad.tolist() == [0, 7, 7]


def test_writing_a_recorded_tensor_into_a_plain_one() -> None:
    a = leaf(1, 2)
    x = t.zeros(2, 2)
    x[0] = a
    x[1].copy_(a * 3)
    assert x.requires_grad and not x.is_leaf
    (x * x).sum().backward()
    assert a.grad.tolist() == [2 + 18, 4 + 36]


def test_a_view_changed_in_place_changes_its_base() -> None:
    a = leaf(1, 2, 3, 4)
    x = a * 1
    v = x[1:3]
    w = x[2:]
    v.mul_(10)
    assert x.grad_fn.name() == "CopySlices"
    (x * x).sum().backward(retain_graph=True)
    assert a.grad.tolist() == [2, 400, 600, 8]
    a.grad = None
    w.sum().backward()  # made before the change, and right after it
    assert a.grad.tolist() == [0, 0, 10, 1]


def test_a_base_changed_in_place_changes_its_views() -> None:
    a = leaf(1, 2, 3)
    x = a * 1
    v = x[1:]
    x.mul_(10)
    v.sum().backward()
    assert v.tolist() == [20, 30] and a.grad.tolist() == [0, 10, 10]


def test_a_view_of_a_view() -> None:
    a = t.arange(6.0).reshape(2, 3).requires_grad_()
    x = a * 1
    u = x.t()[1:][0]  # the second column
    u.mul_(5)
    assert x.tolist() == [[0, 5, 2], [3, 20, 5]]
    (x * t.tensor([[1.0, 2, 3], [4, 5, 6]])).sum().backward()
    assert a.grad.tolist() == [[1, 10, 3], [4, 25, 6]]


def test_views_made_together_may_not_change() -> None:
    for split in (lambda x: x.chunk(2), lambda x: x.unbind(0), lambda x: x.split(2)):
        x = leaf(1, 2, 3, 4) * 1
        part = split(x)[0]
        with pytest.raises(RuntimeError, match="several views"):
            part.mul_(2)
        assert x.tolist() == [1, 2, 3, 4]
        with t.no_grad():
            part.mul_(2)
        with pytest.raises(RuntimeError, match="several views"):
            part.sum().backward()


def test_elements_in_one_place_may_not_change() -> None:
    x = t.zeros(3)
    for change in (lambda v: v.add_(1), lambda v: v.copy_(t.ones(2, 3))):
        with pytest.raises(RuntimeError, match="single memory location"):
            change(x.expand(2, 3))
    assert x.tolist() == [0, 0, 0]
    x.expand(2, 3).fill_(4)  # harmless, and allowed
    x.expand(1, 3).add_(1)
    assert x.tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("make", "change", "text"),
    [
        (lambda: t.tensor([1, 2]), lambda x: x.add_(1.5), "can't be cast"),
        (lambda: t.tensor([1, 2]), lambda x: x.div_(2), "can't be cast"),
        (lambda: t.tensor([True]), lambda x: x.add_(1), "can't be cast"),
        (lambda: t.ones(2), lambda x: x.add_(t.ones(3, 2)), "broadcast shape"),
        (lambda: t.ones(2, 1), lambda x: x.mul_(t.ones(2, 3)), "broadcast shape"),
    ],
)
def test_results_that_do_not_fit(make: Any, change: Any, text: str) -> None:
    x = make()
    before = x.tolist()
    with pytest.raises(RuntimeError, match=text):
        change(x)
    assert x.tolist() == before and x._version == 0
