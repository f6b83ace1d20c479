"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import in_float32
from .pointwise import conj, exp, sigmoid_of, tanh, where


@op("torch", "Tensor", inplace=True)
def relu(input: Any, /) -> Any:
    """max(x, 0), element by element.

    >>> import facula
    >>> facula.relu(facula.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return namespace(input).maximum(input, input.dtype.type(0))


relu.vjp(input=lambda g, out: relu_grad(g, out))


@op()
def relu_grad(g: Any, out: Any, /) -> Any:
    """`g` where the output of relu is positive, 0 elsewhere."""
    return g * (out > 0)


relu_grad.vjp(g=lambda h, out: relu_grad(h, out), out=lambda h: None)


@op("torch", "Tensor", promote="float", inplace=True)
def sigmoid(input: Any, /) -> Any:
    """1 / (1 + exp(-x)), element by element, without overflow."""
    return sigmoid_of(input)


sigmoid.vjp(input=lambda g, out: sigmoid_grad(g, out))


@op()
def sigmoid_grad(g: Any, out: Any, /) -> Any:
    """The gradient of sigmoid from its result: `g * ((1 - out) * out)`."""
    return g * ((1 - out) * out).conj()


sigmoid_grad.vjp(
    g=lambda h, out: sigmoid_grad(h, out),
    out=lambda h, g, out: h * g * conj(1 - out * 2),
)


@op()
def leaky_relu(input: Any, /, negative_slope: float = 0.01) -> Any:
    """x where positive, `negative_slope` times x elsewhere."""
    return namespace(input).where(input > 0, input, input * input.dtype.type(negative_slope))


leaky_relu.vjp(input=lambda g, input, negative_slope: leaky_relu_grad(g, input, negative_slope))


@op()
def leaky_relu_grad(g: Any, input: Any, /, negative_slope: float) -> Any:
    """`g` where the input is positive, `negative_slope` times `g` elsewhere."""
    return namespace(g).where(input > 0, g, g * negative_slope)


leaky_relu_grad.vjp(
    g=lambda h, input, negative_slope: leaky_relu_grad(h, input, negative_slope), input=lambda h: None
)


@op(grad_name="PreluKernelBackward0")
def prelu(input: Any, weight: Any, /) -> Any:
    """x where positive, `weight` times x elsewhere; the weight broadcasts."""
    return namespace(input).where(input > 0, input, input * weight)


prelu.vjp(
    input=lambda g, input, weight: where(input > 0, g, g * weight),
    weight=lambda g, input: where(input > 0, 0.0, g * input),
)


@op()
def elu(input: Any, /, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """scale * x where positive, scale * alpha * (exp(input_scale * x) - 1) elsewhere (Clevert et al.
    2015).
    """
    xp = namespace(input)
    negative = xp.expm1(xp.minimum(input, input.dtype.type(0)) * input_scale) * alpha
    return xp.where(input > 0, input, negative) * scale


elu.vjp(
    input=lambda g, input, alpha, scale, input_scale: elu_grad(g, input, alpha, scale, input_scale),
)


@op()
def elu_grad(g: Any, input: Any, /, alpha: float, scale: float, input_scale: float) -> Any:
    """The gradient of `elu` from its input."""
    xp = namespace(input)
    slope = xp.exp(xp.minimum(input, input.dtype.type(0)) * input_scale) * (alpha * scale * input_scale)
    return g * xp.where(input > 0, input.dtype.type(scale), slope)


elu_grad.vjp(
    g=lambda h, input, alpha, scale, input_scale: elu_grad(h, input, alpha, scale, input_scale),
    input=lambda h, g, input, alpha, scale, input_scale: where(
        input > 0, 0.0, h * elu_grad(g, input, alpha, scale, input_scale) * input_scale
    ),
)


@op()
def celu(input: Any, /, alpha: float = 1.0) -> Any:
    """x where positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron 2017)."""
    xp = namespace(input)
    return xp.where(input > 0, input, xp.expm1(xp.minimum(input, input.dtype.type(0)) / alpha) * alpha)


celu.vjp(input=lambda g, input, alpha: elu_grad(g, input, alpha, 1.0, 1.0 / alpha))


@op(grad_name="GeluBackward0")
def gelu_erf(input: Any, /) -> Any:
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016)."""
    return input * (erf_of(input * math.sqrt(0.5)) + 1) * 0.5


gelu_erf.vjp(input=lambda g, input: gelu_erf_grad(g, input))


@op()
def gelu_erf_grad(g: Any, input: Any, /) -> Any:
    """The gradient of `gelu_erf` from its input."""
    bell = namespace(input).exp(input * input * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * ((erf_of(input * math.sqrt(0.5)) + 1) * 0.5 + input * bell)


gelu_erf_grad.vjp(
    g=lambda h, input: gelu_erf_grad(h, input),
    input=lambda h, g, input: (
        h * g * (2 - input * input) * exp(input * input * -0.5) * (1 / math.sqrt(2 * math.pi))
    ),
)


@op(grad_name="GeluBackward0")
def gelu_tanh(input: Any, /) -> Any:
    """The tanh approximation of GELU."""
    inner = (input + input * input * input * 0.044715) * math.sqrt(2 / math.pi)
    return input * (namespace(input).tanh(inner) + 1) * 0.5


gelu_tanh.vjp(input=lambda g, input: gelu_tanh_grad(g, input))


@op()
def gelu_tanh_grad(g: Any, input: Any, /) -> Any:
    """The gradient of `gelu_tanh` from its input."""
    k = math.sqrt(2 / math.pi)
    th = namespace(input).tanh((input + input * input * input * 0.044715) * k)
    slope = (1 - th * th) * ((1 + input * input * (3 * 0.044715)) * k)
    return g * ((th + 1) * 0.5 + input * slope * 0.5)


def _gelu_tanh_second(h: Any, g: Any, input: Any) -> Any:
    k = math.sqrt(2 / math.pi)
    th = tanh((input + input * input * input * 0.044715) * k)
    inner, bend = (1 + input * input * (3 * 0.044715)) * k, input * (6 * 0.044715 * k)
    return h * g * (1 - th * th) * (inner + input * bend * 0.5 - input * th * inner * inner)


gelu_tanh_grad.vjp(g=lambda h, input: gelu_tanh_grad(h, input), input=_gelu_tanh_second)


@op("torch", "Tensor", promote="float", inplace=True)
def erf(input: Any, /) -> Any:
    """The error function of every element."""
    return erf_of(input)


erf.vjp(input=lambda g, input: g * (exp(-(input * input)) * (2 / math.sqrt(math.pi))))


@op("torch", "Tensor", promote="float", inplace=True)
def erfc(input: Any, /) -> Any:
    """1 - erf of every element."""
    return erfc_of(input)


erfc.vjp(input=lambda g, input: g * (exp(-(input * input)) * (-2 / math.sqrt(math.pi))))


# Rational approximations by W. J. Cody, "Rational Chebyshev approximation for the error function" (1969).
_SMALL_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_SMALL_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_MID_P = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_MID_Q = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
_BIG_P = (
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
)  # fmt: skip
_BIG_Q = (
    1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
)  # fmt: skip


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    total = x * 0 + coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def erfc_of(input: Any) -> Any:
    """1 - erf on a raw array, in float64 inside."""
    xp = namespace(input)
    x = input.astype("float64")
    a = xp.abs(x)
    tail = _erfc_tail(xp, xp.where(a < 0.46875, 1.0, a))
    small = xp.where(a < 0.46875, x, 0.0)
    near = 1 - small * _horner(_SMALL_P, small * small) / _horner(_SMALL_Q, small * small)
    return xp.where(a < 0.46875, near, xp.where(x > 0, tail, 2 - tail)).astype(input.dtype)


def erf_of(input: Any) -> Any:
    """erf on a raw array, in float64 inside."""
    xp = namespace(input)
    x = input.astype("float64")
    a = xp.abs(x)
    small = xp.where(a < 0.46875, x, 0.0)
    near = small * _horner(_SMALL_P, small * small) / _horner(_SMALL_Q, small * small)
    tail = _erfc_tail(xp, xp.where(a < 0.46875, 1.0, a))
    return xp.where(a < 0.46875, near, xp.sign(x) * (1 - tail)).astype(input.dtype)


def _erfc_tail(xp: Any, a: Any) -> Any:
    """erfc for a >= 0.46875."""
    big = xp.maximum(a, 4.0)
    inverse = 1 / (big * big)
    far = (1 / math.sqrt(math.pi) - inverse * _horner(_BIG_P, inverse) / _horner(_BIG_Q, inverse)) / big
    mid = xp.minimum(a, 4.0)
    scaled = xp.where(a <= 4.0, _horner(_MID_P, mid) / _horner(_MID_Q, mid), far)
    return scaled * xp.exp(-a * a)


@op(name="silu")
def silu(input: Any, /) -> Any:
    """x * sigmoid(x) (Elfwing et al. 2017)."""
    return input * sigmoid_of(input)


silu.vjp(input=lambda g, input: silu_grad(g, input))


@op()
def silu_grad(g: Any, input: Any, /) -> Any:
    """The gradient of `silu` from its input."""
    s = sigmoid_of(input)
    return g * (s * (1 + input * (1 - s)))


def _silu_second(h: Any, g: Any, input: Any) -> Any:
    s = sigmoid(input)
    return h * g * (s * (1 - s) * (2 + input * (1 - s * 2)))


silu_grad.vjp(g=lambda h, input: silu_grad(h, input), input=_silu_second)


@op(name="mish")
def mish(input: Any, /) -> Any:
    """x * tanh(softplus(x)) (Misra 2019)."""
    xp = namespace(input)
    return input * xp.tanh(xp.logaddexp(input, input.dtype.type(0)))


mish.vjp(input=lambda g, input: mish_grad(g, input))


@op()
def mish_grad(g: Any, input: Any, /) -> Any:
    """The gradient of `mish` from its input."""
    xp = namespace(input)
    th = xp.tanh(xp.logaddexp(input, input.dtype.type(0)))
    return g * (th + input * sigmoid_of(input) * (1 - th * th))


def _mish_second(h: Any, g: Any, input: Any) -> Any:
    th, s = tanh(softplus(input, 1.0, math.inf)), sigmoid(input)
    slope = s * (1 - th * th)  # of th
    return h * g * slope * (2 + input * (1 - s) - input * th * s * 2)


mish_grad.vjp(g=lambda h, input: mish_grad(h, input), input=_mish_second)


@op()
def softplus(input: Any, /, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x exceeds the threshold."""
    xp = namespace(input)
    scaled = input * beta
    return xp.where(scaled > threshold, input, xp.logaddexp(scaled, input.dtype.type(0)) / beta)


softplus.vjp(input=lambda g, input, beta, threshold: softplus_grad(g, input, beta, threshold))


@op()
def softplus_grad(g: Any, input: Any, /, beta: float, threshold: float) -> Any:
    """The gradient of `softplus` from its input."""
    scaled = input * beta
    return namespace(input).where(scaled > threshold, g, g * sigmoid_of(scaled))


def _softplus_second(h: Any, g: Any, input: Any, beta: float, threshold: float) -> Any:
    s = sigmoid(input * beta)
    return where(input * beta > threshold, 0.0, h * g * (s * (1 - s) * beta))


softplus_grad.vjp(
    g=lambda h, input, beta, threshold: softplus_grad(h, input, beta, threshold), input=_softplus_second
)


@op()
def log_sigmoid(input: Any, /) -> Any:
    """log(sigmoid(x)), without overflow."""
    xp = namespace(input)
    return xp.minimum(input, input.dtype.type(0)) - xp.log1p(xp.exp(-xp.abs(input)))


log_sigmoid.vjp(input=lambda g, input: log_sigmoid_grad(g, input))


@op()
def log_sigmoid_grad(g: Any, input: Any, /) -> Any:
    """The gradient of `log_sigmoid` from its input."""
    return g * sigmoid_of(-input)


log_sigmoid_grad.vjp(
    g=lambda h, input: log_sigmoid_grad(h, input),
    input=lambda h, g, input: h * g * (sigmoid(input) * (sigmoid(input) - 1)),
)


@op()
def hardtanh(input: Any, /, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x limited to [min_val, max_val]."""
    return namespace(input).clip(input, min_val, max_val)


hardtanh.vjp(input=lambda g, input, min_val, max_val: hardtanh_grad(g, input, min_val, max_val))


@op()
def hardtanh_grad(g: Any, input: Any, /, min_val: float, max_val: float) -> Any:
    """`g` where the input lies between the limits, 0 elsewhere."""
    return namespace(g).where((input <= min_val) | (input >= max_val), g.dtype.type(0), g)


hardtanh_grad.vjp(
    g=lambda h, input, min_val, max_val: hardtanh_grad(h, input, min_val, max_val), input=lambda h: None
)


@op()
def hardsigmoid(input: Any, /) -> Any:
    """(x + 3) / 6 limited to [0, 1] (Howard et al. 2019)."""
    return namespace(input).clip(input + 3, 0, 6) / 6


hardsigmoid.vjp(input=lambda g, input: hardsigmoid_grad(g, input))


@op()
def hardsigmoid_grad(g: Any, input: Any, /) -> Any:
    """A sixth of `g` where the input lies between -3 and 3, 0 elsewhere."""
    return namespace(g).where((input > -3) & (input < 3), g / 6, g.dtype.type(0))


hardsigmoid_grad.vjp(g=lambda h, input: hardsigmoid_grad(h, input), input=lambda h: None)


@op()
def hardswish(input: Any, /) -> Any:
    """x * hardsigmoid(x) (Howard et al. 2019)."""
    return input * namespace(input).clip(input + 3, 0, 6) / 6


hardswish.vjp(input=lambda g, input: hardswish_grad(g, input))


@op()
def hardswish_grad(g: Any, input: Any, /) -> Any:
    """The gradient of `hardswish` from its input."""
    xp = namespace(g)
    return xp.where(input <= -3, g.dtype.type(0), xp.where(input < 3, g * (input / 3 + 0.5), g))


hardswish_grad.vjp(
    g=lambda h, input: hardswish_grad(h, input),
    input=lambda h, g, input: where((input > -3) & (input < 3), h * g / 3, 0.0),
)


@op()
def softshrink(input: Any, /, lambd: float = 0.5) -> Any:
    """x moved towards 0 by `lambd`, 0 in between."""
    xp = namespace(input)
    return xp.where(input > lambd, input - lambd, xp.where(input < -lambd, input + lambd, input * 0))


softshrink.vjp(input=lambda g, input, lambd: where((input > lambd) | (input < -lambd), g, 0.0))


@op()
def hardshrink(input: Any, /, lambd: float = 0.5) -> Any:
    """x where |x| exceeds `lambd`, 0 elsewhere."""
    xp = namespace(input)
    return xp.where(xp.abs(input) > lambd, input, input.dtype.type(0))


hardshrink.vjp(input=lambda g, input, lambd: where((input > lambd) | (input < -lambd), g, 0.0))


@op()
def threshold(input: Any, /, threshold: float, value: float) -> Any:
    """x where it exceeds the threshold, `value` elsewhere."""
    return namespace(input).where(input > threshold, input, input.dtype.type(value))


threshold.vjp(input=lambda g, input, threshold: where(input > threshold, g, 0.0))


in_float32(sigmoid, hardtanh, erf, erfc)
in_float32(leaky_relu, refuse="leaky_relu_cpu")
in_float32(elu, refuse="elu_cpu")
in_float32(celu, refuse="celu_cpu")
in_float32(gelu_erf, gelu_tanh, refuse="GeluKernelImpl")
in_float32(silu, refuse="silu_cpu")
in_float32(mish, refuse="mish_cpu")
in_float32(softplus, refuse="softplus_cpu")
in_float32(log_sigmoid, refuse="log_sigmoid_cpu")
in_float32(hardsigmoid, refuse="hardsigmoid_cpu")
in_float32(hardswish, refuse="hardswish_cpu")
in_float32(softshrink, refuse="softshrink_cpu")
in_float32(hardshrink, refuse="hardshrink_cpu")
in_float32(
    leaky_relu_grad, elu_grad, gelu_erf_grad, gelu_tanh_grad, silu_grad, mish_grad, softplus_grad, log_sigmoid_grad,
    hardtanh_grad, hardsigmoid_grad, hardswish_grad,
)  # fmt: skip
