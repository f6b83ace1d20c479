"""Gradients against finite differences."""

from __future__ import annotations

from typing import Any

import pytest

import facula as t
from facula.autograd import Function, gradcheck, gradgradcheck


def doubles(*data: float) -> t.Tensor:
    return t.tensor(data, dtype=t.float64, requires_grad=True)


class Wrong(Function):
    """x squared, with a gradient that is half as large again."""

    @staticmethod
    def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
        return 3 * g * ctx.saved_tensors[0]


class WrongTwice(Function):
    """x cubed: the first derivative is right, the second one is not."""

    @staticmethod
    def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
        (x,) = ctx.saved_tensors
        return 3 * g * x * x.detach()


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: (x * y).sum(),
        lambda x, y: (x.exp(), (x / y).tanh()),
        lambda x, y: [x.unsqueeze(1) @ y.unsqueeze(0)],
        lambda x, y: x**2 + t.tensor([1, 2]),
        lambda x, y: (x * 2, (y * 3).detach()),  # what is constant does not count
    ],
)
def test_right_gradients(function: Any) -> None:
    inputs = (doubles(0.5, 1.5), doubles(2.0, -1.0))
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def test_wrong_gradients() -> None:
    x = doubles(0.5, 1.5)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, (x,))
    assert not gradcheck(Wrong.apply, (x,), raise_exception=False)
    assert gradcheck(Wrong.apply, (x,), atol=10)


def test_wrong_second_gradients() -> None:
    x = doubles(0.5, 1.5)
    assert gradcheck(WrongTwice.apply, (x,))
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradgradcheck(WrongTwice.apply, (x,))
    assert not gradgradcheck(WrongTwice.apply, (x,), raise_exception=False)


def test_a_gradient_that_changes_from_call_to_call() -> None:
    calls = []

    class Drifting(Function):
        @staticmethod
        def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
            calls.append(g)
            return g * 2 + 1e-9 * len(calls)

    with pytest.raises(RuntimeError, match="not reentrant"):
        gradcheck(Drifting.apply, (doubles(1.0),))
    assert gradcheck(Drifting.apply, (doubles(1.0),), nondet_tol=1e-6)


def test_a_result_that_hides_its_dependence() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradcheck(lambda x: x.detach() * 2, (doubles(1.0),))
    assert gradcheck(lambda x: t.ones(2, dtype=t.float64), (doubles(1.0),))


def test_complex_numbers() -> None:
    z = t.tensor([1 + 2j, 0.5 - 1j], dtype=t.complex128, requires_grad=True)
    assert gradcheck(lambda z: (z * z.conj()).real, (z,))
    assert gradcheck(lambda z: z * z * (1 + 2j), (z,))
    assert gradcheck(lambda x: x * (2 + 1j), (doubles(1.0, 2.0),))

    class NotConjugated(Function):
        @staticmethod
        def forward(ctx: Any, z: t.Tensor) -> t.Tensor:
            return z * 2j

        @staticmethod
        def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
            return g * 2j  # should be -2j

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(NotConjugated.apply, (z,))


def test_inputs_that_are_not_checked_stay_as_they_are() -> None:
    x, constant = doubles(1.0, 2.0), t.tensor([3.0, 4.0], dtype=t.float64)
    assert gradcheck(lambda x, c, k: x * c * k, (x, constant, 5))
    assert x.tolist() == [1, 2] and constant.tolist() == [3, 4] and x.grad is None


def test_errors() -> None:
    with pytest.raises(ValueError, match="at least one input"):
        gradcheck(lambda x: x, (t.ones(2),))
    with pytest.raises(NotImplementedError, match="fast_mode"):
        gradcheck(lambda x: x, (doubles(1.0),), fast_mode=True)
    with pytest.raises(ValueError, match="at least one input"):
        gradgradcheck(lambda x: x, (t.ones(2),))


def test_given_grad_outputs() -> None:
    assert gradgradcheck(lambda x: x**3, (doubles(1.0, 2.0),), grad_outputs=(doubles(1.0, -1.0),))
