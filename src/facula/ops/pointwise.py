"""Operations on each element by itself."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op, public
from ..kernels.namespace import namespace

# ---- arithmetic --------------------------------------------------------------------------------------------


@op(promote="common")
def add(input: Any, other: Any, /) -> Any:
    """Sum of two arrays, element by element."""
    return input + other


add.vjp(input=lambda g: g, other=lambda g: g)


@op(promote="common")
def sub(input: Any, other: Any, /) -> Any:
    """Difference of two arrays, element by element."""
    if getattr(input, "dtype", None) == "bool":
        _no_bool((input,))
    return input - other


def _no_bool(values: Any) -> None:
    for v in values:
        if isinstance(v, bool) or getattr(v, "dtype", None) == "bool":
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
                "invert a "
                "mask, use the `~` or `logical_not()` operator instead."
            )


sub.vjp(input=lambda g: g, other=lambda g: -g)
sub.op.check = _no_bool


@op(
    promote="common", grad_name=lambda input, other: "RsubBackward0" if _is_tensor(other) else "RsubBackward1"
)
def rsub(input: Any, other: Any, /) -> Any:
    """`other - input`, element by element."""
    if getattr(input, "dtype", None) == "bool":
        _no_bool((input,))
    return other - input


rsub.vjp(input=lambda g: -g, other=lambda g: g)
rsub.op.check = _no_bool


@op("torch", "Tensor", promote="common", inplace=True)
def mul(input: Any, other: Any, /) -> Any:
    """Product of two tensors, element by element, with broadcasting.

    >>> import facula
    >>> facula.mul(facula.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    return input * other


mul.op.wide_numbers = True
mul.vjp(input=lambda g, other: mul(g, conj(other)), other=lambda g, input: mul(g, conj(input)))


@op(promote="float")
def div(input: Any, other: Any, /) -> Any:
    """Quotient of two arrays, element by element, in floating point."""
    return input / other


div.op.wide_numbers = True
div.vjp(input=lambda g, other: g / conj(other), other=lambda g, other, out: -g * conj(out / other))


@op(promote="float", grad_name="DivBackward2")
def div_whole(input: Any, other: Any, /, floor: bool) -> Any:
    """Quotient rounded towards minus infinity or towards zero, in floating point."""
    xp = namespace(input, other)
    if floor:
        return xp.where(other == 0, input / other, xp.floor_divide(input, other))
    return xp.trunc(input / other)


div_whole.vjp(input=lambda g: zeros_of(g), other=lambda g: zeros_of(g))


def _pow_name(input: Any, other: Any) -> str:
    if not _is_tensor(other):
        return "PowBackward0"
    return "PowBackward1" if _is_tensor(input) else "PowBackward2"


@op(promote="common", grad_name=_pow_name)
def pow(input: Any, other: Any, /) -> Any:
    """`input` to the power of `other`, element by element."""
    kinds = [getattr(a, "dtype", None) for a in (input, other)]
    integral = all(k is None or k.kind in "iub" for k in kinds)
    if integral and not isinstance(other, float) and namespace(other).any(namespace(other).less(other, 0)):
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if isinstance(other, (int, float)) and not isinstance(other, bool) and kinds[0] is not None:
        # The common exponents, exact and quick.
        if other == 2:
            return input * input
        if other == 0.5 and kinds[0].kind == "f":
            return namespace(input).sqrt(input)
    return namespace(input, other).power(input, other)


def _pow_input(g: Any, input: Any, other: Any) -> Any:
    if isinstance(other, (int, float)):
        return zeros_of(g) if other == 0 else g * (conj(pow(input, other - 1)) * other)
    return g * where(other == 0, 0.0, conj(other * pow(input, other - 1)))


def _pow_other(g: Any, input: Any, other: Any, out: Any) -> Any:
    return g * where((input == 0) & (other >= 0), 0.0, conj(out * log(input)))


pow.vjp(input=_pow_input, other=_pow_other)


def _by_tensor(name: str) -> Any:
    """The node's name of a function whose second argument may be a number (0) or a tensor (1)."""
    return lambda input, other: name + ("Backward1" if _is_tensor(other) else "Backward0")


@op("torch", "Tensor", promote="common", inplace=True, grad_name=_by_tensor("Remainder"))
def remainder(input: Any, other: Any, /) -> Any:
    """Remainder of the division, with the sign of the divisor, as Python's `%`."""
    _no_zero_division(input, other)
    return namespace(input, other).remainder(input, other)


remainder.vjp(input=lambda g: g, other=lambda g, input, other: -g * div_whole(input, other, True))


@op("torch", "Tensor", promote="common", inplace=True, grad_name=_by_tensor("Fmod"))
def fmod(input: Any, other: Any, /) -> Any:
    """Remainder of the division, with the sign of the dividend, as C's `fmod`."""
    _no_zero_division(input, other)
    return namespace(input, other).fmod(input, other)


fmod.vjp(input=lambda g: g, other=lambda g, input, other: -g * div_whole(input, other, False))


@op("torch", "Tensor", promote="common", inplace=True, grad_name="NotImplemented")
def floor_divide(input: Any, other: Any, /) -> Any:
    """Quotient rounded towards minus infinity; it has no derivative (see `div` with `rounding_mode`)."""
    _no_zero_division(input, other)
    xp = namespace(input, other)
    result = xp.floor_divide(input, other)
    # C rounds the quotient; NumPy's division by zero gives NaN where the quotient is infinite.
    return result if result.dtype.kind in "iub" else xp.where(other == 0, input / other, result)


def _no_zero_division(input: Any, other: Any) -> None:
    if getattr(other, "dtype", None) is not None and other.dtype.kind in "iub" and (other == 0).any():
        raise RuntimeError("ZeroDivisionError")


@op("torch", "Tensor", promote="float", inplace=True)
def atan2(input: Any, other: Any, /) -> Any:
    """Angle of the point (other, input), in radians."""
    return namespace(input, other).arctan2(input, other)


def _slope(g: Any, input: Any, other: Any) -> Any:
    """`g` over the squared distance from the origin; 0 at the origin."""
    square = input * input + other * other
    return where(square == 0, 0.0, g / where(square == 0, 1.0, square))


atan2.vjp(
    input=lambda g, input, other: _slope(g, input, other) * other,
    other=lambda g, input, other: _slope(g, input, other) * -input,
)


@op("torch", "Tensor", promote="common", differentiable=True)
def maximum(input: Any, other: Any, /) -> Any:
    """The larger of two elements; NaN if either is. The gradient is halved between equal elements."""
    return namespace(input, other).maximum(input, other)


maximum.vjp(
    input=lambda g, input, other: where(input == other, g / 2, where(input < other, 0.0, g)),
    other=lambda g, input, other: where(input == other, g / 2, where(other < input, 0.0, g)),
)


@op("torch", "Tensor", promote="common")
def minimum(input: Any, other: Any, /) -> Any:
    """The smaller of two elements; NaN if either is. The gradient is halved between equal elements."""
    return namespace(input, other).minimum(input, other)


minimum.vjp(
    input=lambda g, input, other: where(input == other, g / 2, where(other < input, 0.0, g)),
    other=lambda g, input, other: where(input == other, g / 2, where(input < other, 0.0, g)),
)


# ---- signs and rounding ------------------------------------------------------------------------------------


@op("torch", "Tensor", inplace=True)
def neg(input: Any, /) -> Any:
    """Every element with the other sign."""
    if input.dtype == bool:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
            "mask, use the "
            "`~` or `logical_not()` operator instead."
        )
    return -input


neg.vjp(input=lambda g: -g)


@op("torch", "Tensor", inplace=True)
def abs(input: Any, /) -> Any:
    """Absolute value of every element; its gradient at 0 is 0."""
    return namespace(input).abs(input)


abs.vjp(input=lambda g, input: g * sgn(input))


@op("torch", "Tensor", inplace=True)
def sign(input: Any, /) -> Any:
    """-1, 0 or 1 for every element; 0 for NaN."""
    return _sign(input)


sign.vjp(input=lambda g: zeros_of(g))


@op("torch", "Tensor", inplace=True)
def sgn(input: Any, /) -> Any:
    """`sign`, and for complex numbers the number of length one in the same direction."""
    return _sign(input)


def _sign(input: Any) -> Any:
    xp = namespace(input)
    if input.dtype == bool:
        return input.copy()
    if input.dtype.kind in "iuc":
        return xp.sign(input)
    return (input > 0).astype(input.dtype) - (input < 0).astype(input.dtype)


def _sgn_input(g: Any, input: Any, out: Any) -> Any:
    if not _is_complex(input):
        return zeros_of(g)
    size = where(input == 0, 1.0, abs(input))
    along = real(conj(out) * g)
    return where(input == 0, 0.0, (g - out * along) / size)


sgn.vjp(input=_sgn_input)


@op("torch", "Tensor", inplace=True)
def floor(input: Any, /) -> Any:
    """The largest integer not above each element."""
    return input.copy() if input.dtype.kind in "iub" else namespace(input).floor(input)


@op("torch", "Tensor", inplace=True)
def ceil(input: Any, /) -> Any:
    """The smallest integer not below each element."""
    return input.copy() if input.dtype.kind in "iub" else namespace(input).ceil(input)


@op("torch", "Tensor", inplace=True)
def trunc(input: Any, /) -> Any:
    """Every element without its fraction."""
    return input.copy() if input.dtype.kind in "iub" else namespace(input).trunc(input)


@op("torch", "Tensor", inplace=True, grad_name=lambda input, decimals: f"RoundBackward{int(decimals != 0)}")
def round(input: Any, /, decimals: int = 0) -> Any:
    """Every element rounded to `decimals` places, halves to even."""
    if decimals == 0:
        return input.copy() if input.dtype.kind in "iub" else namespace(input).rint(input)
    scale = 10.0 ** math.fabs(decimals)
    scaled = input * scale if decimals > 0 else input / scale
    whole = namespace(input).rint(scaled)
    return whole / scale if decimals > 0 else whole * scale


for _step in (floor, ceil, trunc, round):
    _step.vjp(input=lambda g: zeros_of(g))


@op("torch", "Tensor", inplace=True)
def frac(input: Any, /) -> Any:
    """The fraction of every element, with its sign."""
    return input - namespace(input).trunc(input)


frac.vjp(input=lambda g: g)


# ---- roots, exponentials, logarithms -----------------------------------------------------------------------


@op("torch", "Tensor", promote="float", inplace=True)
def sqrt(input: Any, /) -> Any:
    """Square root of every element; NaN for negative ones."""
    return namespace(input).sqrt(input)


sqrt.vjp(input=lambda g, out: g / conj(out * 2))


@op("torch", "Tensor", promote="float", inplace=True)
def rsqrt(input: Any, /) -> Any:
    """1 / sqrt of every element."""
    return 1 / namespace(input).sqrt(input)


rsqrt.vjp(input=lambda g, out: g * conj(out * out * out * -0.5))


@op("torch", "Tensor", inplace=True, grad_name="PowBackward0")
def square(input: Any, /) -> Any:
    """Square of every element."""
    return input * input


square.vjp(input=lambda g, input: g * conj(input * 2))


@op("torch", "Tensor", promote="float", inplace=True)
def reciprocal(input: Any, /) -> Any:
    """1 over every element."""
    return 1 / input


reciprocal.vjp(input=lambda g, out: -g * conj(out * out))


@op("torch", "Tensor", promote="float", inplace=True)
def exp(input: Any, /) -> Any:
    """e to the power of every element."""
    return namespace(input).exp(input)


exp.vjp(input=lambda g, out: g * conj(out))


@op("torch", "Tensor", promote="float", inplace=True)
def exp2(input: Any, /) -> Any:
    """2 to the power of every element."""
    return namespace(input).exp2(input)


exp2.vjp(input=lambda g, out: g * conj(out * math.log(2)))


@op("torch", "Tensor", promote="float", inplace=True)
def expm1(input: Any, /) -> Any:
    """exp(x) - 1 of every element, exact near 0."""
    return namespace(input).expm1(input)


expm1.vjp(input=lambda g, out: g * conj(out + 1))


@op("torch", "Tensor", promote="float", inplace=True)
def log(input: Any, /) -> Any:
    """Natural logarithm of every element; NaN for negative ones."""
    return namespace(input).log(input)


log.vjp(input=lambda g, input: g / conj(input))


@op("torch", "Tensor", promote="float", inplace=True)
def log2(input: Any, /) -> Any:
    """Logarithm to base 2 of every element."""
    return namespace(input).log2(input)


log2.vjp(input=lambda g, input: g / conj(input * math.log(2)))


@op("torch", "Tensor", promote="float", inplace=True)
def log10(input: Any, /) -> Any:
    """Logarithm to base 10 of every element."""
    return namespace(input).log10(input)


log10.vjp(input=lambda g, input: g / conj(input * math.log(10)))


@op("torch", "Tensor", promote="float", inplace=True, grad_name="Log1PBackward0")
def log1p(input: Any, /) -> Any:
    """log(1 + x) of every element, exact near 0."""
    return namespace(input).log1p(input)


log1p.vjp(input=lambda g, input: g / conj(input + 1))


@op("torch", "Tensor", promote="common")
def logaddexp(input: Any, other: Any, /) -> Any:
    """log(exp(x) + exp(y)) without overflow."""
    floating("logaddexp_cpu", input)
    return namespace(input, other).logaddexp(input, other)


logaddexp.vjp(
    input=lambda g, input, out: g * exp(input - out),
    other=lambda g, other, out: g * exp(other - out),
)


# ---- trigonometry ------------------------------------------------------------------------------------------


@op("torch", "Tensor", promote="float", inplace=True)
def sin(input: Any, /) -> Any:
    """Sine of every element, in radians."""
    return namespace(input).sin(input)


sin.vjp(input=lambda g, input: g * conj(cos(input)))


@op("torch", "Tensor", promote="float", inplace=True)
def cos(input: Any, /) -> Any:
    """Cosine of every element, in radians."""
    return namespace(input).cos(input)


cos.vjp(input=lambda g, input: g * -conj(sin(input)))


@op("torch", "Tensor", promote="float", inplace=True)
def tan(input: Any, /) -> Any:
    """Tangent of every element, in radians."""
    return namespace(input).tan(input)


tan.vjp(input=lambda g, out: g * conj(1 + out * out))


@op("torch", "Tensor", promote="float", inplace=True)
def asin(input: Any, /) -> Any:
    """Angle whose sine is the element."""
    return namespace(input).arcsin(input)


asin.vjp(input=lambda g, input: g * conj(rsqrt(1 - input * input)))


@op("torch", "Tensor", promote="float", inplace=True)
def acos(input: Any, /) -> Any:
    """Angle whose cosine is the element."""
    return namespace(input).arccos(input)


acos.vjp(input=lambda g, input: -g * conj(rsqrt(1 - input * input)))


@op("torch", "Tensor", promote="float", inplace=True)
def atan(input: Any, /) -> Any:
    """Angle whose tangent is the element."""
    return namespace(input).arctan(input)


atan.vjp(input=lambda g, input: g / conj(input * input + 1))


@op("torch", "Tensor", promote="float", inplace=True)
def sinh(input: Any, /) -> Any:
    """Hyperbolic sine of every element."""
    return namespace(input).sinh(input)


sinh.vjp(input=lambda g, input: g * conj(cosh(input)))


@op("torch", "Tensor", promote="float", inplace=True)
def cosh(input: Any, /) -> Any:
    """Hyperbolic cosine of every element."""
    return namespace(input).cosh(input)


cosh.vjp(input=lambda g, input: g * conj(sinh(input)))


@op("torch", "Tensor", "F", promote="float", inplace=True)
def tanh(input: Any, /) -> Any:
    """Hyperbolic tangent of every element.

    >>> import facula
    >>> facula.tanh(facula.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return namespace(input).tanh(input)


tanh.vjp(input=lambda g, out: tanh_grad(g, out))


@op()
def tanh_grad(g: Any, out: Any, /) -> Any:
    """The gradient of tanh from its result: `g * (1 - out * out)`."""
    return g * (1 - (out * out).conj())


tanh_grad.vjp(
    g=lambda h, out: tanh_grad(h, out),
    out=lambda h, g, out: h * g * conj(out * -2),
)


@op("torch", "Tensor", promote="float", inplace=True)
def asinh(input: Any, /) -> Any:
    """Inverse hyperbolic sine of every element."""
    return namespace(input).arcsinh(input)


asinh.vjp(input=lambda g, input: g * conj(rsqrt(input * input + 1)))


@op("torch", "Tensor", promote="float", inplace=True)
def acosh(input: Any, /) -> Any:
    """Inverse hyperbolic cosine of every element."""
    return namespace(input).arccosh(input)


acosh.vjp(input=lambda g, input: g * conj(rsqrt((input - 1) * (input + 1))))


@op("torch", "Tensor", promote="float", inplace=True)
def atanh(input: Any, /) -> Any:
    """Inverse hyperbolic tangent of every element."""
    return namespace(input).arctanh(input)


atanh.vjp(input=lambda g, input: g / conj(1 - input * input))


# ---- choosing and limiting ---------------------------------------------------------------------------------


@op(differentiable=True, grad_name="WhereBackward0")
def where(condition: Any, input: Any, other: Any, /) -> Any:
    """`input` where the condition holds, `other` elsewhere."""
    xp = namespace(condition, input, other)
    # A number takes the array's dtype, so that a rule's constant does not widen the gradient.
    if not hasattr(input, "dtype") and hasattr(other, "dtype"):
        input = xp.asarray(input, dtype=other.dtype)
    elif not hasattr(other, "dtype") and hasattr(input, "dtype"):
        other = xp.asarray(other, dtype=input.dtype)
    return xp.where(condition, input, other)


where.vjp(
    input=lambda g, condition: where(condition, g, 0.0),
    other=lambda g, condition: where(condition, 0.0, g),
)


@op(grad_name="ClampBackward1")
def clamp(input: Any, /, min: Any, max: Any) -> Any:
    """Every element limited to [min, max]; None leaves a side open."""
    return namespace(input).clip(input, min, max)


def _clamp_input(g: Any, input: Any, min: Any, max: Any) -> Any:
    if min is not None:
        g = where(input >= min, g, 0.0)
    return g if max is None else where(input <= max, g, 0.0)


clamp.vjp(input=_clamp_input)


@op("torch", "Tensor", inplace=True)
def nan_to_num(input: Any, /, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """NaN and infinities replaced: by `nan`, `posinf`, `neginf` (None: the largest and lowest finite
    number).
    """
    return namespace(input).nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


nan_to_num.vjp(input=lambda g, input: where(isfinite(input), g, 0.0))


@op(promote="common", grad_name="ClampBackward0")
def clamp_between(input: Any, min: Any, max: Any, /) -> Any:
    """Every element limited to [min, max], which are arrays or None."""
    xp = namespace(input)
    result = input if min is None else xp.maximum(input, min)
    return result if max is None else xp.minimum(result, max)


def _between_input(g: Any, input: Any, min: Any, max: Any) -> Any:
    if min is not None:
        g = where(input >= min, g, 0.0)
    return g if max is None else where(input <= max, g, 0.0)


clamp_between.vjp(
    input=_between_input,
    min=lambda g, input, min, max: where(input < min if max is None else (input < min) & (min < max), g, 0.0),
    max=lambda g, input, min, max: where(input > max if min is None else (input > max) | (max < min), g, 0.0),
)


@op(promote="common")
def addcmul(input: Any, tensor1: Any, tensor2: Any, /, value: Any = 1) -> Any:
    """`input + value * tensor1 * tensor2`."""
    return input + tensor1 * tensor2 * value if value != 1 else input + tensor1 * tensor2


addcmul.vjp(
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * (conj(tensor2) * value),
    tensor2=lambda g, tensor1, value: g * (conj(tensor1) * value),
)


@op(promote="common")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, /, value: Any = 1) -> Any:
    """`input + value * tensor1 / tensor2`."""
    if input.dtype.kind in "iub":
        raise RuntimeError(
            "[addcdiv] division of integers is not supported here: got only integer tensors; convert them "
            "first"
        )
    return input + value * (tensor1 / tensor2)


addcdiv.vjp(
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * (value / conj(tensor2)),
    tensor2=lambda g, tensor1, tensor2, value: -g * conj(tensor1 / (tensor2 * tensor2)) * value,
)


@op(promote="common", grad_name=lambda input, end, weight: f"LerpBackward{int(_is_tensor(weight))}")
def lerp(input: Any, end: Any, weight: Any, /) -> Any:
    """`input + weight * (end - input)`, exact at both ends."""
    xp = namespace(input)
    step = end - input
    return xp.where(xp.abs(weight) < 0.5, input + weight * step, end - step * (1 - weight))


lerp.vjp(
    input=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, input, end: g * (end - input),
)


# ---- tests -------------------------------------------------------------------------------------------------


@op("torch", "Tensor", differentiable=False)
def isnan(input: Any, /) -> Any:
    """Whether each element is NaN."""
    return namespace(input).isnan(input)


@op("torch", "Tensor", differentiable=False)
def isinf(input: Any, /) -> Any:
    """Whether each element is infinite."""
    return namespace(input).isinf(input)


@op("torch", "Tensor", differentiable=False)
def isfinite(input: Any, /) -> Any:
    """Whether each element is neither infinite nor NaN."""
    return namespace(input).isfinite(input)


@op("torch", "Tensor", differentiable=False)
def signbit(input: Any, /) -> Any:
    """Whether each element has its sign bit set."""
    return namespace(input).signbit(input)


# ---- dtype and complex parts -------------------------------------------------------------------------------


@op(grad_name="ToCopyBackward0")
def cast(input: Any, /, dtype: Any) -> Any:
    """The elements converted to another NumPy dtype."""
    if input.dtype.kind == "c" and dtype.kind != "c":
        input = input.real
    return input.astype(dtype)


cast.vjp(input=lambda g: g)


@op("torch", "Tensor")
def clone(input: Any, /, memory_format: Any = None) -> Any:
    """A copy with the same strides order; gradients flow through it."""
    if memory_format is not None and str(memory_format).rpartition(".")[2] == "contiguous_format":
        return namespace(input).array(input, order="C")
    if memory_format is not None and str(memory_format).rpartition(".")[2] != "preserve_format":
        raise NotImplementedError(f"[clone] memory_format={memory_format} is not supported")
    # Overlapping memory (expanded dimensions) is laid out anew, as PyTorch does.
    return namespace(input).array(input, order="K" if 0 not in input.strides else "C")


clone.vjp(input=lambda g: g)


@op(view=True, grad_name="SelectBackward0")
def real(input: Any, /) -> Any:
    """The real part: a view of a complex array."""
    return input.real


real.vjp(input=lambda g: g)


@op("torch", view=True, grad_name="SelectBackward0")
def imag(input: Any, /) -> Any:
    """The imaginary part of a complex tensor, as a view. RuntimeError for real ones."""
    if input.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return input.imag


imag.vjp(input=lambda g: g * 1j)


@op(grad_name="ConjBackward0")
def conjugate(input: Any, /) -> Any:
    """The complex conjugate of every element."""
    return namespace(input).conj(input)


conjugate.vjp(input=lambda g: conj(g))


@public("torch", "Tensor")
def conj(input: Any) -> Any:
    """The complex conjugate; what is real comes back as it is, at no cost."""
    return conjugate(input) if _is_complex(input) else input


@op()
def zeros_of(input: Any, /) -> Any:
    """Zeros of the input's shape and dtype: the gradient of a piecewise constant function."""
    return namespace(input).zeros_like(input)


zeros_of.vjp(input=lambda g: zeros_of(g))


def floating(name: str, *arrays: Any) -> None:
    """NotImplementedError, as PyTorch's, for arrays whose dtype a function does not take."""
    for a in arrays:
        if a.dtype.kind in "iub":
            raise NotImplementedError(f'"{name}" not implemented for {a.dtype.name}')


@op(grad_name=lambda input, value: "FillBackward3" if _is_tensor(value) else "FillBackward2")
def fill(input: Any, value: Any, /) -> Any:
    """`value` in the shape and dtype of `input`."""
    xp = namespace(input)
    return xp.full_like(input, value)


fill.vjp(input=lambda g: zeros_of(g), value=lambda g: g)


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "_array")


def _is_complex(x: Any) -> bool:
    if _is_tensor(x):
        x = x._array
    kind = x.dtype.kind if hasattr(x, "dtype") else "c" if type(x) is complex else "f"
    return kind == "c"


def sigmoid_of(x: Any) -> Any:
    """1 / (1 + exp(-x)) on a raw array, without overflow."""
    xp = namespace(x)
    if x.dtype.kind == "c":
        return 1 / (1 + xp.exp(-x))
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, small) / (1 + small)
