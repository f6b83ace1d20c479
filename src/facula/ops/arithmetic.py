"""PyTorch's call shapes of arithmetic, choosing and comparison: thin wrappers over the ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtype
from .._tensor import Tensor
from ..autograd.op import apply_inplace, public, write_out
from . import compare, pointwise
from .arguments import raw_of
from .halves import in_float32

in_float32(
    pointwise.addcmul, pointwise.addcdiv, pointwise.clamp, pointwise.lerp, pointwise.round,
    pointwise.logaddexp,
    pointwise.rsqrt, pointwise.reciprocal,
)  # fmt: skip


@public("torch", "Tensor")
def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """`input + alpha * other`, element by element, with broadcasting and type promotion.

    >>> import facula
    >>> facula.add(facula.tensor([1, 2]), facula.tensor([10, 20]), alpha=2)
    tensor([21, 42])
    """
    if alpha != 1:
        other = _scaled(other, alpha)
    return pointwise.add(input, other, out=out) if out is not None else pointwise.add(input, other)


def _scaled(other: Any, alpha: Any) -> Any:
    if isinstance(alpha, float) and isinstance(other, Tensor) and other.dtype.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other * alpha


@public("Tensor")
def add_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Add `alpha * other` to this tensor in place."""
    return apply_inplace(pointwise.add.op, (self, other if alpha == 1 else _scaled(other, alpha)))


@public("torch", "Tensor")
def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """`input - alpha * other`, element by element, with broadcasting and type promotion."""
    if alpha != 1:
        other = _scaled(other, alpha)
    return pointwise.sub(input, other, out=out)


@public("Tensor")
def sub_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Subtract `alpha * other` from this tensor in place."""
    return apply_inplace(pointwise.sub.op, (self, other if alpha == 1 else _scaled(other, alpha)))


@public("torch", "Tensor")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`, element by element."""
    return pointwise.rsub(input if alpha == 1 else input * alpha, other)


@public("torch", "Tensor")
def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """Quotient, element by element.

    `rounding_mode`: None (true division, in floating point), "floor" (towards minus infinity), "trunc"
    (towards 0).
    """
    if rounding_mode is None:
        return pointwise.div(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    target = _dtype.result_dtype([raw_of(input), raw_of(other)])
    if target.category < 2:
        if rounding_mode == "floor":
            return pointwise.floor_divide(input, other, out=out)
        whole = pointwise.sub(input, pointwise.fmod(input, other))
        return write_out("div", pointwise.floor_divide(whole, other), out)
    return write_out("div", pointwise.div_whole(input, other, rounding_mode == "floor"), out)


@public("Tensor")
def div_(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Divide this tensor in place; see `div`."""
    if rounding_mode is None:
        return apply_inplace(pointwise.div.op, (self, other))
    if rounding_mode in ("floor", "trunc") and self.is_floating_point():
        return apply_inplace(pointwise.div_whole.op, (self, other, rounding_mode == "floor"))
    return self.copy_(div(self, other, rounding_mode=rounding_mode))


@public("torch", "Tensor")
def pow(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
    """`input` to the power of `exponent`, element by element."""
    return pointwise.pow(input, exponent, out=out)


@public("Tensor")
def pow_(self: Tensor, exponent: Any) -> Tensor:
    """Raise this tensor to a power in place."""
    return apply_inplace(pointwise.pow.op, (self, exponent))


@public("torch", "Tensor")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Any = None) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    return pointwise.addcmul(input, tensor1, tensor2, value, out=out)


@public("torch", "Tensor")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Any = None) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    return pointwise.addcdiv(input, tensor1, tensor2, value, out=out)


@public("Tensor")
def addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """Add `value * tensor1 * tensor2` in place."""
    return apply_inplace(pointwise.addcmul.op, (self, tensor1, tensor2, value))


@public("Tensor")
def addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """Add `value * tensor1 / tensor2` in place."""
    return apply_inplace(pointwise.addcdiv.op, (self, tensor1, tensor2, value))


@public("torch", "Tensor")
def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Any = None) -> Tensor:
    """`input + weight * (end - input)`; `weight` is a number or a tensor."""
    return pointwise.lerp(input, end, weight, out=out)


@public("Tensor")
def lerp_(self: Tensor, end: Tensor, weight: Any) -> Tensor:
    """Move this tensor towards `end` in place."""
    return apply_inplace(pointwise.lerp.op, (self, end, weight))


@public("torch")
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """`input` where the condition is True, `other` elsewhere; with the condition alone: its non-zero
    indices.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition._array.dtype not in (bool, np.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
        )
    target = _dtype.result_dtype([raw_of(input), raw_of(other)])
    sides = [
        s.to(target) if isinstance(s, Tensor) else np.asarray(s).astype(target.numpy) for s in (input, other)
    ]
    return pointwise.where(condition.to(_dtype.bool_), *sides, out=out)


@public("Tensor", name="where")
def where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor where the condition is True, `other` elsewhere."""
    return where(condition, self, other)


def _limits(input: Tensor, min: Any, max: Any) -> Tensor:
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return pointwise.clamp_between(input, min, max)
    target = _dtype.result_dtype([input._array, *(v for v in (min, max) if v is not None)])
    return pointwise.clamp(input.to(target), min, max)


@public("torch", "Tensor")
def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """Every element limited to [min, max]; each bound is a number, a tensor or None.

    >>> import facula
    >>> facula.clamp(facula.tensor([-2.0, 0.5, 3.0]), min=0, max=1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return write_out("clamp", _limits(input, min, max), out)


@public("Tensor")
def clamp_(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit this tensor's elements to [min, max] in place."""
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return self.copy_(_limits(self, min, max))
    return apply_inplace(pointwise.clamp.op, (self, min, max))


@public("torch", "Tensor")
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Every element at least `min`."""
    return _limits(input, min, None)


@public("Tensor")
def clamp_min_(self: Tensor, min: Any) -> Tensor:
    """Raise elements to at least `min` in place."""
    return self.clamp_(min, None)


@public("Tensor")
def clamp_max_(self: Tensor, max: Any) -> Tensor:
    """Lower elements to at most `max` in place."""
    return self.clamp_(None, max)


@public("torch", "Tensor")
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Every element at most `max`."""
    return _limits(input, None, max)


@public("torch", "Tensor")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements, as a Python bool."""
    return input._array.shape == other._array.shape and bool((input == other).all())


@public("torch", "Tensor")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(compare.isclose(input, other, rtol, atol, equal_nan).all())
