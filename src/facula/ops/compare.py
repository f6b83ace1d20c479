"""Comparisons and logic: results are bool and carry no gradient."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def eq(input: Any, other: Any, /) -> Any:
    """Whether elements are equal."""
    return input == other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def ne(input: Any, other: Any, /) -> Any:
    """Whether elements differ."""
    return input != other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def lt(input: Any, other: Any, /) -> Any:
    """Whether `input` is less than `other`."""
    return input < other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def le(input: Any, other: Any, /) -> Any:
    """Whether `input` is at most `other`."""
    return input <= other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def gt(input: Any, other: Any, /) -> Any:
    """Whether `input` is greater than `other`."""
    return input > other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def ge(input: Any, other: Any, /) -> Any:
    """Whether `input` is at least `other`."""
    return input >= other


@op("torch", "Tensor", inplace=True, differentiable=False)
def logical_not(input: Any, /) -> Any:
    """True where the element is zero."""
    return namespace(input).logical_not(input)


@op("torch", "Tensor", inplace=True, differentiable=False)
def logical_and(input: Any, other: Any, /) -> Any:
    """True where both elements are non-zero."""
    return namespace(input).logical_and(input, other)


@op("torch", "Tensor", inplace=True, differentiable=False)
def logical_or(input: Any, other: Any, /) -> Any:
    """True where either element is non-zero."""
    return namespace(input).logical_or(input, other)


@op("torch", "Tensor", inplace=True, differentiable=False)
def logical_xor(input: Any, other: Any, /) -> Any:
    """True where just one element is non-zero."""
    return namespace(input).logical_xor(input, other)


def _integers(name: str, *arrays: Any) -> None:
    for a in arrays:
        if a.dtype.kind not in "iub":
            raise NotImplementedError(f'"{name}_cpu" not implemented for {a.dtype.name}')


@op("torch", "Tensor", inplace=True, differentiable=False)
def bitwise_not(input: Any, /) -> Any:
    """Every bit flipped; logical not for bool."""
    return ~input


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def bitwise_and(input: Any, other: Any, /) -> Any:
    """Bits set in both."""
    _integers("bitwise_and", input)
    return input & other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def bitwise_or(input: Any, other: Any, /) -> Any:
    """Bits set in either."""
    _integers("bitwise_or", input)
    return input | other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def bitwise_xor(input: Any, other: Any, /) -> Any:
    """Bits set in just one."""
    _integers("bitwise_xor", input)
    return input ^ other


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def bitwise_left_shift(input: Any, other: Any, /) -> Any:
    """The bits of `input` moved `other` places to the left; 0 where all fall out."""
    _integers("lshift", input)
    bits = input.dtype.itemsize * 8
    return (
        namespace(input).where((other < 0) | (other >= bits), 0, input << (other % bits)).astype(input.dtype)
    )


@op("torch", "Tensor", promote="common", inplace=True, differentiable=False)
def bitwise_right_shift(input: Any, other: Any, /) -> Any:
    """The bits of `input` moved `other` places to the right, the sign bit staying."""
    _integers("rshift", input)
    bits = input.dtype.itemsize * 8
    return input >> namespace(input).where((other < 0) | (other >= bits), bits - 1, other).astype(input.dtype)


@op("torch", "Tensor", differentiable=False)
def isclose(
    input: Any, other: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether `|input - other| <= atol + rtol * |other|`, element by element. RuntimeError for different
    dtypes.
    """
    if input.dtype != other.dtype:
        raise RuntimeError(f"[isclose] dtypes must be equal: got {input.dtype.name} and {other.dtype.name}")
    return namespace(input, other).isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)
