"""Less common functions of single elements, and the special functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtype
from .._tensor import Tensor
from ..autograd.op import PUBLIC, op, public, publish
from ..kernels.namespace import namespace
from . import activation, pointwise
from .halves import in_float32
from .pointwise import _is_complex, cos, exp, log, sgn, where, zeros_of
from .pointwise import abs as magnitude
from .pointwise import imag as imaginary_part
from .pointwise import real as real_part


@op("torch", "Tensor", promote="float", inplace=True)
def hypot(input: Any, other: Any, /) -> Any:
    """sqrt(x^2 + y^2) without overflow."""
    return namespace(input, other).hypot(input, other)


hypot.vjp(input=lambda g, input, out: g * (input / out), other=lambda g, other, out: g * (other / out))


@op("torch", "Tensor", promote="common")
def fmax(input: Any, other: Any, /) -> Any:
    """The larger of two elements; where one is NaN, the other."""
    return namespace(input, other).fmax(input, other)


@op("torch", "Tensor", promote="common")
def fmin(input: Any, other: Any, /) -> Any:
    """The smaller of two elements; where one is NaN, the other."""
    return namespace(input, other).fmin(input, other)


fmax.vjp(
    input=lambda g, input, other: where((input >= other) | (other != other), g, 0.0),
    other=lambda g, input, other: where((input >= other) | (other != other), 0.0, g),
)
fmin.vjp(
    input=lambda g, input, other: where((input <= other) | (other != other), g, 0.0),
    other=lambda g, input, other: where((input <= other) | (other != other), 0.0, g),
)


@op("torch", "Tensor", promote="float")
def logaddexp2(input: Any, other: Any, /) -> Any:
    """log2(2^x + 2^y) without overflow."""
    return namespace(input, other).logaddexp2(input, other)


logaddexp2.vjp(
    input=lambda g, input, out: g * exp((input - out) * math.log(2)),
    other=lambda g, other, out: g * exp((other - out) * math.log(2)),
)


def _xlogy_name(input: Any, other: Any) -> str:
    first, second = hasattr(input, "shape"), hasattr(other, "shape")
    return "XlogyBackward" + ("0" if first and second else "2" if first else "1")


@op("torch", "Tensor", "special", promote="float", inplace=True, grad_name=_xlogy_name)
def xlogy(input: Any, other: Any, /) -> Any:
    """x * log(y), and 0 where x is 0 unless y is NaN."""
    xp = namespace(input, other)
    dtype = input.dtype if hasattr(input, "dtype") else other.dtype
    return xp.where((input == 0) & (other == other), 0, input * xp.log(other)).astype(dtype)


xlogy.vjp(
    input=lambda g, input, other: g * where((input == 0) & (other <= 0), 0.0, log(other)),
    other=lambda g, input, other: g * (input / other),
)


@op("torch", "Tensor", promote="float", inplace=True)
def sinc(input: Any, /) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    return namespace(input).sinc(input).astype(input.dtype)


def _sinc_input(g: Any, input: Any, out: Any) -> Any:
    safe = where(input == 0, 1.0, input)
    return where(input == 0, 0.0, g * ((cos(safe * math.pi) - out) / safe))


sinc.vjp(input=_sinc_input)


@op("torch", "Tensor", "special", promote="float", inplace=True)
def logit(input: Any, /, eps: float | None = None) -> Any:
    """log(x / (1 - x)); with `eps` x is limited to [eps, 1 - eps] first."""
    xp = namespace(input)
    x = input if eps is None else xp.clip(input, eps, 1 - eps)
    return xp.log(x / (1 - x))


def _logit_input(g: Any, input: Any, eps: float | None) -> Any:
    slope = g / (input * (1 - input))
    return slope if eps is None else where((input < eps) | (input > 1 - eps), 0.0, slope)


logit.vjp(input=_logit_input)


@op("torch", "Tensor", promote="float", inplace=True, grad_name="Deg2RadBackward0")
def deg2rad(input: Any, /) -> Any:
    """Degrees as radians."""
    return input * input.dtype.type(math.pi / 180)


@op("torch", "Tensor", promote="float", inplace=True, grad_name="Rad2DegBackward0")
def rad2deg(input: Any, /) -> Any:
    """Radians as degrees."""
    return input * input.dtype.type(180 / math.pi)


deg2rad.vjp(input=lambda g: g * (math.pi / 180))
rad2deg.vjp(input=lambda g: g * (180 / math.pi))


@op("torch", "Tensor", promote="common", inplace=True, grad_name="CopysignBackward0")
def copysign(input: Any, other: Any, /) -> Any:
    """The magnitude of `input` with the sign of `other`."""
    xp = namespace(input, other)
    return (
        xp.copysign(input, other) if input.dtype.kind in "fV" else xp.copysign(input.astype("float32"), other)
    )


copysign.vjp(
    input=lambda g, input, out: where(input == 0, 0.0, g * sgn(input) * sgn(out)),
    other=lambda g, other: zeros_of(other) * g,
)


@op("torch", "Tensor", promote="common", differentiable=False)
def heaviside(input: Any, values: Any, /) -> Any:
    """0 for negative elements, 1 for positive ones, `values` at 0."""
    return namespace(input).where(input == 0, values, (input > 0).astype(input.dtype))


@op("torch", "Tensor", promote="common", differentiable=False)
def gcd(input: Any, other: Any, /) -> Any:
    """Greatest common divisor."""
    return namespace(input, other).gcd(input, other)


@op("torch", "Tensor", promote="common", differentiable=False)
def lcm(input: Any, other: Any, /) -> Any:
    """Least common multiple."""
    return namespace(input, other).lcm(input, other)


@op("torch", "Tensor", differentiable=False)
def isposinf(input: Any, /) -> Any:
    """Whether each element is positive infinity."""
    return input == math.inf


@op("torch", "Tensor", differentiable=False)
def isneginf(input: Any, /) -> Any:
    """Whether each element is negative infinity."""
    return input == -math.inf


# ---- gamma function and inverse error function
# ---------------------------------------------------------------

# Lanczos approximation with g = 7 and nine terms (P. Godfrey 2001): about 15 digits.
_LANCZOS = (
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
)  # fmt: skip


@op("torch", "Tensor", promote="float", inplace=True)
def lgamma(input: Any, /) -> Any:
    """Logarithm of the absolute value of the gamma function."""
    xp = namespace(input)
    x = input.astype("float64")
    reflected = x < 0.5
    z = xp.where(reflected, 1 - x, x) - 1
    series = _LANCZOS[0] + sum(c / (z + i) for i, c in enumerate(_LANCZOS[1:], 1))
    t = z + 7.5
    value = 0.5 * math.log(2 * math.pi) + (z + 0.5) * xp.log(t) - t + xp.log(series)
    mirror = math.log(math.pi) - xp.log(xp.abs(xp.sin(math.pi * x))) - value
    result = xp.where(reflected, mirror, value)
    return xp.where((x <= 0) & (x == xp.floor(x)), math.inf, result).astype(input.dtype)


lgamma.vjp(input=lambda g, input: g * digamma(input))


@op("torch", "Tensor", "special", promote="float", inplace=True)
def digamma(input: Any, /) -> Any:
    """Derivative of `lgamma`: by the recurrence up to 10 and the asymptotic series from there."""
    return _polygamma(namespace(input), input, 0)


@op("torch", grad_name="PolygammaBackward0", promote="float")
def polygamma_of(input: Any, /, n: int) -> Any:
    """The n-th derivative of `digamma`, for n from 0 to 3."""
    return _polygamma(namespace(input), input, n)


digamma.vjp(input=lambda g, input: g * polygamma_of(input, 1))
polygamma_of.vjp(input=lambda g, input, n: g * polygamma_of(input, n + 1))

# Bernoulli numbers B2, B4, ... of the asymptotic series (Abramowitz and Stegun 6.3.18 and 6.4.11).
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def _polygamma(xp: Any, input: Any, n: int) -> Any:
    x = input.astype("float64")
    if n == 0:
        below = x < 0.5  # reflection: psi(1 - x) - psi(x) = pi / tan(pi x)
        z, total = xp.where(below, 1 - x, x), 0.0
        for _ in range(10):
            total, z = total - 1 / z, z + 1
        tail = sum(b / (2 * k * z ** (2 * k)) for k, b in enumerate(_BERNOULLI, 1))
        value = total + xp.log(z) - 1 / (2 * z) - tail
        return xp.where(below, value - math.pi / xp.tan(math.pi * x), value).astype(input.dtype)
    sign = -1.0 if n % 2 == 0 else 1.0
    z, total = x, 0.0
    for _ in range(14):
        total, z = total + math.factorial(n) / z ** (n + 1), z + 1
    total = total + math.factorial(n - 1) / z**n + math.factorial(n) / (2 * z ** (n + 1))
    for k, b in enumerate(_BERNOULLI, 1):
        total = total + b * math.factorial(2 * k + n - 1) / (math.factorial(2 * k) * z ** (2 * k + n))
    return (sign * total).astype(input.dtype)


@public("torch", "special")
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma`, n >= 0; for n >= 1 of positive elements."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return digamma(input) if n == 0 else polygamma_of(input, n)


@op("torch", "Tensor", promote="float", inplace=True)
def erfinv(input: Any, /) -> Any:
    """Inverse of `erf`: Winitzki's approximation (2008), made exact by three steps of Halley's method."""
    xp = namespace(input)
    y = input.astype("float64")
    log_term = xp.log((1 - y) * (1 + y))
    a = 0.147
    first = 2 / (math.pi * a) + log_term / 2
    x = xp.sign(y) * xp.sqrt(xp.sqrt(first * first - log_term / a) - first)
    inner = xp.where(xp.isfinite(x), x, 0.0)
    for _ in range(3):
        step = (activation.erf_of(inner) - y) / (2 / math.sqrt(math.pi) * xp.exp(-inner * inner))
        step = xp.where(xp.isfinite(step), step, 0.0)
        inner = inner - step / (1 + inner * step)
    result = xp.where(xp.abs(y) < 1, inner, xp.where(xp.abs(y) == 1, y * math.inf, math.nan))
    return result.astype(input.dtype)


erfinv.vjp(input=lambda g, out: g * (exp(out * out) * (math.sqrt(math.pi) / 2)))


# ---- complex numbers
# -----------------------------------------------------------------------------------------


@op("torch", "Tensor", promote="float")
def angle(input: Any, /) -> Any:
    """The angle of complex numbers; for real ones 0, or pi if negative."""
    result = namespace(input).angle(input)
    return result.astype(input.dtype) if input.dtype.kind != "c" else result


def _angle_input(g: Any, input: Any) -> Any:
    if not _is_complex(input):
        return zeros_of(g)
    square = magnitude(input) * magnitude(input)
    return where(square == 0, 0.0, g / where(square == 0, 1.0, square)) * input * 1j


angle.vjp(input=_angle_input)


@op("torch", name="complex", grad_name="ComplexBackward0")
def make_complex(real: Any, imag: Any, /) -> Any:
    """Complex numbers of the given real and imaginary parts, which have one dtype."""
    if real.dtype != imag.dtype or real.dtype.kind != "f":
        raise RuntimeError(
            f"Expected both inputs to be of one floating dtype but got {real.dtype.name} and "
            f"{imag.dtype.name}"
        )
    return real + 1j * imag


make_complex.vjp(real=lambda g: real_part(g), imag=lambda g: imaginary_part(g))


@public("torch")
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers of the given lengths and angles."""
    return make_complex(abs * angle.cos(), abs * angle.sin())


@public("torch", "Tensor", name="conj")
def conj_of(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    return pointwise.conjugate(input) if input.is_complex() else input


@public("torch")
def view_as_real(input: Tensor) -> Tensor:
    """Real and imaginary part as a last dimension of length 2 (a copy)."""
    from .reshaping import stack

    if not input.is_complex():
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return stack([pointwise.real(input), pointwise.imag(input)], -1)


@public("torch")
def view_as_complex(input: Tensor) -> Tensor:
    """A last dimension of length 2 as complex numbers (a copy)."""
    if input.ndim == 0 or input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return make_complex(input[..., 0], input[..., 1])


# ---- thin wrappers
# -------------------------------------------------------------------------------------------


@public("torch", "Tensor")
def positive(input: Tensor) -> Tensor:
    """The tensor itself. RuntimeError for bool."""
    if input._array.dtype == bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@public("torch", "Tensor")
def float_power(input: Any, exponent: Any) -> Tensor:
    """`input` to the power of `exponent`, computed in float64."""
    base = input.to(_dtype.float64) if isinstance(input, Tensor) else input
    return pointwise.pow(base, exponent.to(_dtype.float64) if isinstance(exponent, Tensor) else exponent)


@public("Tensor")
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """In-place `float_power`. RuntimeError unless this tensor is float64 (or complex128)."""
    if self.dtype not in (_dtype.float64, _dtype.complex128):
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype} but the operation's result requires "
            f"dtype {_dtype.float64}"
        )
    return self.pow_(exponent)


@public("torch", "Tensor")
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """`input` times 2 to the power of `other`."""
    return input * pointwise.pow(2.0, other)


@public("torch", "Tensor")
def isreal(input: Tensor) -> Tensor:
    """Whether each element has no imaginary part."""
    return pointwise.imag(input) == 0 if input.is_complex() else input == input


@public("torch", "Tensor")
def i0(input: Tensor) -> Tensor:
    """Modified Bessel function of the first kind and order 0. It has no derivative here."""
    from .._tensor import wrap

    x = input if input.is_floating_point() else input.to(_dtype.get_default_dtype())
    return wrap(np.i0(x._array.astype(np.float64)).astype(x._array.dtype))


in_float32(sinc, logit, deg2rad, rad2deg, hypot, xlogy, logaddexp2)

_special: dict[str, Any] = {
    "expit": activation.sigmoid, "erf": activation.erf, "erfc": activation.erfc, "exp2": pointwise.exp2,
    "expm1": pointwise.expm1, "log1p": pointwise.log1p, "gammaln": lgamma, "psi": digamma, "erfinv": erfinv,
    "sinc": sinc, "i0": i0, "round": pointwise.round,
}  # fmt: skip
for _name, _function in _special.items():
    publish(_function, _name, "special")

# Second names, as methods; the package's __init__ has those of functions.
for _alias, _name in {
    "absolute": "abs", "negative": "neg", "multiply": "mul", "subtract": "sub", "divide": "div",
    "true_divide": "div", "clip": "clamp", "fix": "trunc", "arccos": "acos", "arcsin": "asin",
    "arctan": "atan", "arccosh": "acosh", "arcsinh": "asinh", "arctanh": "atanh", "greater": "gt",
    "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
}.items():  # fmt: skip
    for _end in ("", "_"):
        _method = getattr(Tensor, _name + _end, None)
        if _method is not None:
            publish(_method, _alias + _end, "Tensor")
publish(pointwise.atan2, "arctan2", "Tensor")
publish(PUBLIC["Tensor"]["atan2_"], "arctan2_", "Tensor")
