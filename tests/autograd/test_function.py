"""Operations with a hand-written gradient."""

from __future__ import annotations

from typing import Any

import pytest

import facula as t
from facula.autograd import Function
from facula.autograd.function import once_differentiable


def leaf(*data: float) -> t.Tensor:
    return t.tensor([float(v) for v in data], requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
        (x,) = ctx.saved_tensors
        return 3 * g * x * x


def make(forward: Any, backward: Any) -> type[Function]:
    return type("Made", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def test_values_and_gradients() -> None:
    x = leaf(1, 2)
    y = Cube.apply(x)
    assert (
        y.tolist() == [1, 8]
        and type(y.grad_fn).__name__ == "CubeBackward"
        and y.grad_fn.name() == "CubeBackward"
    )
    y.sum().backward()
    assert x.grad.tolist() == [3, 12]


def test_higher_derivatives_go_through_backward() -> None:
    x = leaf(1, 2)
    (g,) = t.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), x, create_graph=True)
    (k,) = t.autograd.grad(h.sum(), x)
    assert (h.tolist(), k.tolist()) == ([6, 12], [6, 6])


def test_the_form_with_setup_context() -> None:
    class Scale(Function):
        @staticmethod
        def forward(x: t.Tensor, k: float) -> t.Tensor:
            return x * k

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: t.Tensor) -> None:
            ctx.k = inputs[1]
            ctx.shape = output.shape

        @staticmethod
        def backward(ctx: Any, g: t.Tensor) -> Any:
            return g * ctx.k, None

    x = leaf(1, 2)
    Scale.apply(x, 5.0).sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_several_inputs_and_outputs() -> None:
    seen = []

    def forward(ctx: Any, x: t.Tensor, y: t.Tensor, note: str) -> Any:
        ctx.save_for_backward(x, y)
        seen.append(ctx.needs_input_grad)
        return x * y, x + y, note

    def backward(ctx: Any, a: t.Tensor, b: t.Tensor, rest: Any) -> Any:
        x, y = ctx.saved_tensors
        return a * y + b, a * x + b, None

    both = make(forward, backward)
    x, y = leaf(1, 2), leaf(3, 4)
    product, total, note = both.apply(x, y, "hello")
    assert (
        note == "hello"
        and product.grad_fn is total.grad_fn
        and (product.output_nr, total.output_nr) == (0, 1)
    )
    (product * 10 + total).sum().backward()
    assert x.grad.tolist() == [31, 41] and y.grad.tolist() == [11, 21]
    both.apply(x, t.ones(2), "")
    with t.no_grad():
        both.apply(x, y, "")
    assert seen == [(True, True, False), (True, False, False), (False, False, False)]


@pytest.mark.parametrize(("materialize", "expected"), [(True, [0, 0]), (False, None)])
def test_gradients_of_unused_outputs(materialize: bool, expected: Any) -> None:
    seen = []

    def forward(ctx: Any, x: t.Tensor) -> Any:
        ctx.set_materialize_grads(materialize)
        return x * 2, x * 3

    def backward(ctx: Any, a: Any, b: Any) -> Any:
        seen.append(None if a is None else a.tolist())
        return b * 3

    x = leaf(1, 2)
    make(forward, backward).apply(x)[1].sum().backward()
    assert seen == [expected] and x.grad.tolist() == [3, 3]


def test_changing_an_input_in_place() -> None:
    def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    double = make(forward, lambda ctx, g: g * 2)
    a = leaf(1, 2)
    x = a * 1
    y = double.apply(x)
    assert y is x and y.tolist() == [2, 4] and y.grad_fn.name() == "MadeBackward"
    y.sum().backward()
    assert a.grad.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="leaf"):
        double.apply(leaf(1, 2))


def test_a_dirty_input_kept_by_an_earlier_operation_is_an_error() -> None:
    double = make(lambda ctx, x: (ctx.mark_dirty(x), x.mul_(2))[1], lambda ctx, g: g * 2)
    x = leaf(1, 2) * 1
    y = x * x
    double.apply(x)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()


def test_outputs_without_gradient() -> None:
    def forward(ctx: Any, x: t.Tensor) -> Any:
        values, order = x.sort()
        zero = x * 0
        ctx.order = order
        ctx.mark_non_differentiable(order, zero)
        return values, order, zero

    def backward(ctx: Any, g: t.Tensor, *rest: Any) -> t.Tensor:
        return t.zeros(3).scatter(0, ctx.order, g)

    x = leaf(3, 1, 2)
    values, order, zero = make(forward, backward).apply(x)
    assert (values.requires_grad, order.requires_grad, zero.requires_grad) == (True, False, False)
    (values * t.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [100, 1, 10]


def test_a_saved_output_and_its_second_derivative() -> None:
    def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    exp = make(forward, lambda ctx, g: g * ctx.saved_tensors[0])
    x = t.zeros(2, requires_grad=True)
    (g,) = t.autograd.grad(exp.apply(x).sum(), x, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), x, create_graph=True)
    assert g.tolist() == h.tolist() == [1, 1]
    y = exp.apply(x)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()


def test_saved_tensors_are_checked() -> None:
    x = leaf(1, 2) * 1
    y = Cube.apply(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()
    y = Cube.apply(leaf(1, 2))
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        _ = y.grad_fn.saved_tensors


def test_once_differentiable() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
            assert not t.is_grad_enabled()
            return 2 * g * ctx.saved_tensors[0]

    x = leaf(1, 2)
    (g,) = t.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    assert g.tolist() == [2, 4]
    with pytest.raises(RuntimeError):
        t.autograd.grad(g.sum(), x)


@pytest.mark.parametrize(
    ("backward", "kind", "text"),
    [
        (lambda ctx, g: (g, g), RuntimeError, r"expected 1, got 2"),
        (lambda ctx, g: 5, RuntimeError, "no Tensor"),
        (lambda ctx, g: t.ones(3), RuntimeError, "invalid gradient"),
        (lambda ctx, g: t.ones(1), RuntimeError, "invalid gradient"),
        (lambda ctx, g: {}["missing"], KeyError, "missing"),
    ],
)
def test_bad_backwards(backward: Any, kind: type[Exception], text: str) -> None:
    x = leaf(1, 2)
    with pytest.raises(kind, match=text):
        make(lambda ctx, x: x * 2, backward).apply(x).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize(
    ("backward", "expected"),
    [
        (lambda ctx, g: (g * 3, None, None), [3, 3]),
        (lambda ctx, g: g.double() * 3, [3, 3]),
        (lambda ctx, g: t.full((4, 2), 3.0), [12, 12]),  # more dimensions than the input: summed up
    ],
)
def test_forgiven_backwards(backward: Any, expected: list[float]) -> None:
    x = leaf(1, 2)
    make(lambda ctx, x: x * 2, backward).apply(x).sum().backward()
    assert x.grad.tolist() == expected and x.grad.dtype is t.float32


def test_no_gradient_at_all() -> None:
    x = leaf(1, 2)
    make(lambda ctx, x: x * 2, lambda ctx, g: None).apply(x).sum().backward()
    assert x.grad is None


def test_misuse() -> None:
    class Empty(Function):
        pass

    class Forward(Function):
        @staticmethod
        def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
            return x * 2

    with pytest.raises(NotImplementedError, match="forward"):
        Empty.apply(leaf(1))
    with pytest.raises(NotImplementedError, match="backward"):
        Forward.apply(leaf(1)).backward()
    with pytest.raises(RuntimeError, match="apply"):
        Forward()(leaf(1))
    with pytest.raises(TypeError, match="save_for_backward"):
        make(lambda ctx, x: ctx.save_for_backward(3), None).apply(leaf(1))


def test_forward_runs_without_recording_and_backward_with_it_only_for_a_graph() -> None:
    seen = []

    def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
        seen.append(t.is_grad_enabled())
        return x * 2

    def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
        seen.append(t.is_grad_enabled())
        return g * 2

    double = make(forward, backward)
    x = leaf(1)
    double.apply(x).backward()
    t.autograd.grad(double.apply(x), x, create_graph=True)
    assert seen == [False, False, False, True]


def test_returning_the_input() -> None:
    x = leaf(1, 2)
    y = make(lambda ctx, x: x, lambda ctx, g: g * 2).apply(x)
    assert y is not x and y.data_ptr() == x.data_ptr() and not y.is_leaf and x.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_without_tensors_that_need_gradients() -> None:
    y = Cube.apply(t.tensor([2.0]))
    assert y.tolist() == [8] and y.grad_fn is None
