"""Normalisation: deviations from the mean in units of the standard deviation.

Forward definitions are plain; each has one fused op for its gradients, whose own rule is written with the input in a
view in which statistics and weights go by dimension (`Layout`), so that one derivation serves all.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import _is_half
from .pointwise import rsqrt
from .reduce import mean, sum, var
from .shape import expand, reshape

Dims = tuple[int, ...]
# The input's view, the weight's view, the weight's shape, the dimensions that are normalised over, those that the
# weight's gradient is summed over.
Layout = tuple[Dims, Dims, Dims, Dims, Dims]


def _work(x: Any) -> Any:
    """What is computed with: halves in float32."""
    return x.astype("float32") if _is_half(x) else x


def _statistics(x: Any, dims: Dims) -> tuple[Any, Any, Any]:
    """Deviations from the mean, the mean and the variance over `dims`, on a raw array."""
    average = x.mean(axis=dims, keepdims=True)
    center = x - average
    return center, average, (center * center).mean(axis=dims, keepdims=True)


def _affine(normal: Any, weight: Any, bias: Any, shape: Dims, dtype: Any) -> Any:
    """`normal * weight + bias`, both brought to `shape`."""
    if weight is not None:
        normal = normal * weight.reshape(shape)
    return (normal if bias is None else normal + bias.reshape(shape)).astype(dtype, copy=False)


def _layer(x: Any, n_dims: int) -> Layout:
    shape = tuple(x.shape)
    last = shape[len(shape) - n_dims :]
    size = math.prod(last)
    return (math.prod(shape[: len(shape) - n_dims]), size), (1, size), last, (1,), (0,)


def _grouped(x: Any, groups: int) -> Layout:
    channels, places = x.shape[1], math.prod(x.shape[2:])
    each = channels // groups
    return (x.shape[0], groups, each, places), (1, groups, each, 1), (channels,), (2, 3), (0, 3)


def _channels(x: Any) -> Layout:
    channels = x.shape[1]
    return (x.shape[0], channels, math.prod(x.shape[2:])), (1, channels, 1), (channels,), (0, 2), (0, 2)


# ---- gradients, by ops -------------------------------------------------------------------------------------


def _mean(x: Any, dims: Dims) -> Any:
    return mean(x, dims, True, None)


def _standard(x: Any, dims: Dims, eps: float, centered: bool) -> tuple[Any, Any]:
    """The normalised input and 1 / sqrt(var + eps); not centered: var is the mean square."""
    if not centered:
        scale = rsqrt(_mean(x * x, dims) + eps)
        return x * scale, scale
    scale = rsqrt(var(x, dims, 0, True) + eps)
    return (x - _mean(x, dims)) * scale, scale


def _back(u: Any, normal: Any, scale: Any, dims: Dims, centered: bool) -> Any:
    """The gradient through the normalisation, from that of its result."""
    rest = u - normal * _mean(u * normal, dims)
    return (rest - _mean(u, dims) if centered else rest) * scale


def _gradients(
    g: Any, x: Any, weight: Any, layout: Layout, eps: float, centered: bool = True
) -> tuple[Any, Any, Any]:
    """The gradients of input, weight and bias, as arrays."""
    view, weight_view, weight_shape, dims, sums = layout
    wide, shape = reshape(_work(g), view), tuple(x.shape)
    normal, scale = _standard(reshape(_work(x), view), dims, eps, centered)
    u = wide if weight is None else wide * reshape(_work(weight), weight_view)
    kind = g.dtype if weight is None else weight.dtype
    return (
        reshape(_back(u, normal, scale, dims, centered), shape).astype(x.dtype, copy=False),
        reshape(sum(wide * normal, sums, False, None), weight_shape).astype(kind, copy=False),
        reshape(sum(wide, sums, False, None), weight_shape).astype(kind, copy=False),
    )


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a + b


def _again(
    h: tuple[Any, ...], g: Any, x: Any, weight: Any, layout: Layout, eps: float, centered: bool = True
) -> tuple[Any, Any, Any]:
    """The gradients of `_gradients` with respect to g, x and weight; `h` has those of its results, or None.

    The input's gradient is a self-adjoint function of u = g * weight: so is its own.
    """
    view, weight_view, weight_shape, dims, sums = layout
    shape, g, x = tuple(x.shape), reshape(g, view), reshape(x, view)
    w = None if weight is None else reshape(weight, weight_view)
    normal, scale = _standard(x, dims, eps, centered)
    u = g if w is None else g * w
    of_g: Any = None
    of_weight: Any = None
    of_normal: Any = None  # the gradient of the normalised input where it stands for itself
    direct: Any = None  # what reaches the input through `scale`
    if h[0] is not None:
        a = reshape(h[0], view)
        back = _back(a, normal, scale, dims, centered)
        along, slope = _mean(a * normal, dims), _mean(u * normal, dims)
        common = _mean(a * u, dims)
        if centered:
            common = common - _mean(a, dims) * _mean(u, dims)
        of_g = back if w is None else back * w
        of_weight = reshape(sum(back * g, sums, False, None), weight_shape)
        of_normal = -scale * (a * slope + u * along)
        direct = -scale * scale * normal * (common - along * slope)
    if h[1] is not None:
        p = reshape(h[1], weight_view)
        of_g = _plus(of_g, p * normal)
        of_normal = _plus(of_normal, p * g)
    if len(h) > 2 and h[2] is not None:
        of_g = _plus(of_g, expand(reshape(h[2], weight_view), view))
    of_x = None if of_normal is None else _back(of_normal, normal, scale, dims, centered)
    if of_x is not None:
        of_x = reshape(_plus(direct, of_x), shape)
    return (
        None if of_g is None else reshape(of_g, shape),
        of_x,
        None if weight is None else of_weight,
    )


# ---- layers ------------------------------------------------------------------------------------------------


@op(grad_name="NativeLayerNormBackward0")
def layer_norm(input: Any, weight: Any, bias: Any, /, n_dims: int, eps: float) -> Any:
    """Normalisation over the last `n_dims` dimensions, then times weight plus bias (Ba et al. 2016)."""
    center, _, square = _statistics(_work(input), tuple(range(input.ndim - n_dims, input.ndim)))
    return _affine(
        center / namespace(input).sqrt(square + eps),
        weight,
        bias,
        input.shape[input.ndim - n_dims :],
        input.dtype,
    )


@op()
def layer_norm_grad(g: Any, input: Any, weight: Any, /, n_dims: int, eps: float) -> Any:
    """The gradients of `layer_norm`'s input, weight and bias."""
    return _gradients(g, input, weight, _layer(input, n_dims), eps)


layer_norm.joint_vjp(lambda g, input, weight, n_dims, eps: layer_norm_grad(g, input, weight, n_dims, eps))
layer_norm_grad.joint_vjp(
    lambda h, g, input, weight, n_dims, eps: _again(h, g, input, weight, _layer(input, n_dims), eps)
)


@op(grad_name="MulBackward0")
def rms_norm(input: Any, weight: Any, /, n_dims: int, eps: float) -> Any:
    """The input over the root of its mean square over the last `n_dims` dimensions, then times weight (Zhang and
    Sennrich 2019).
    """
    x, dims = _work(input), tuple(range(input.ndim - n_dims, input.ndim))
    scale = 1 / namespace(x).sqrt((x * x).mean(axis=dims, keepdims=True) + eps)
    return _affine(x * scale, weight, None, input.shape[input.ndim - n_dims :], input.dtype)


@op()
def rms_norm_grad(g: Any, input: Any, weight: Any, /, n_dims: int, eps: float) -> Any:
    """The gradients of `rms_norm`'s input and weight."""
    return _gradients(g, input, weight, _layer(input, n_dims), eps, False)[:2]


rms_norm.joint_vjp(lambda g, input, weight, n_dims, eps: rms_norm_grad(g, input, weight, n_dims, eps))
rms_norm_grad.joint_vjp(
    lambda h, g, input, weight, n_dims, eps: _again(h, g, input, weight, _layer(input, n_dims), eps, False)
)


# ---- groups of channels ------------------------------------------------------------------------------------


def per_channel(v: Any, ndim: int) -> Any:
    """A vector with one number for each channel, shaped to broadcast over (N, C, ...)."""
    return reshape(v, (1, -1, *(1,) * (ndim - 2)))


def _column(x: Any) -> Dims:
    return (1, -1, *(1,) * (x.ndim - 2))


def _others(x: Any) -> Dims:
    """Every dimension but the channels."""
    return (0, *range(2, len(x.shape)))


@op(grad_name="NativeGroupNormBackward0")
def group_norm(input: Any, weight: Any, bias: Any, /, groups: int, eps: float) -> Any:
    """Normalisation of each group of channels of each sample, then times weight plus bias (Wu and He
    2018).
    """
    center, _, square = _statistics(_work(input).reshape(input.shape[0], groups, -1), (2,))
    normal = (center / namespace(input).sqrt(square + eps)).reshape(input.shape)
    return _affine(normal, weight, bias, _column(input), input.dtype)


@op()
def group_norm_grad(g: Any, input: Any, weight: Any, /, groups: int, eps: float) -> Any:
    """The gradients of `group_norm`'s input, weight and bias."""
    return _gradients(g, input, weight, _grouped(input, groups), eps)


group_norm.joint_vjp(lambda g, input, weight, groups, eps: group_norm_grad(g, input, weight, groups, eps))
group_norm_grad.joint_vjp(
    lambda h, g, input, weight, groups, eps: _again(h, g, input, weight, _grouped(input, groups), eps)
)


# ---- channels over the batch -------------------------------------------------------------------------------


@op(grad_name="NativeBatchNormBackward0")
def batch_norm(input: Any, weight: Any, bias: Any, /, eps: float) -> Any:
    """Normalisation of each channel over the batch, then times weight plus bias (Ioffe and Szegedy 2015); also each
    channel's mean and (biased) variance.
    """
    center, average, square = _statistics(_work(input), _others(input))
    out = _affine(center / namespace(input).sqrt(square + eps), weight, bias, _column(input), input.dtype)
    return out, average.reshape(-1), square.reshape(-1)


@op()
def batch_norm_grad(g: Any, input: Any, weight: Any, /, mean: Any, var: Any, eps: float) -> Any:
    """The gradients of the input, weight and bias of `batch_norm`, which found `mean` and `var`."""
    return _gradients(g, input, weight, _channels(input), eps)


def _batch_norm(
    g: tuple[Any, ...], input: Any, weight: Any, out: tuple[Any, ...], eps: float
) -> tuple[Any, Any, Any]:
    parts: tuple[Any, Any, Any] = (None, None, None)
    if g[0] is not None:
        parts = batch_norm_grad(g[0], input, weight, out[1], out[2], eps)
    of_input = parts[0]
    n, count = len(input.shape), math.prod(input.shape) / max(input.shape[1], 1)
    if g[1] is not None:
        of_input = _plus(of_input, expand(per_channel(g[1] / count, n), tuple(input.shape)))
    if g[2] is not None:
        center = input - _mean(input, _others(input))
        of_input = _plus(of_input, center * per_channel(g[2] * (2 / count), n))
    return of_input, parts[1], parts[2]


batch_norm.op.kept_outputs = (1, 2)
batch_norm.joint_vjp(lambda g, input, weight, out, eps: _batch_norm(g, input, weight, out, eps))
batch_norm_grad.joint_vjp(lambda h, g, input, weight, eps: _again(h, g, input, weight, _channels(input), eps))


@op(grad_name="NativeBatchNormBackward0")
def batch_norm_eval(input: Any, weight: Any, bias: Any, /, mean: Any, var: Any, eps: float) -> Any:
    """`batch_norm` with given statistics."""
    shape = _column(input)
    scale = 1 / namespace(input).sqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    return _affine((input - mean.reshape(shape)) * scale.reshape(shape), None, bias, shape, input.dtype)


def _given(x: Any, mean: Any, var: Any, eps: float) -> tuple[Any, Any]:
    """The input normalised by given statistics, and 1 / sqrt(var + eps)."""
    scale = per_channel(rsqrt(var + eps), len(x.shape))
    return (x - per_channel(mean, len(x.shape))) * scale, scale


def _channel_sums(g: Any) -> Any:
    return sum(g, _others(g), False, None)


@op()
def batch_norm_eval_grad(g: Any, input: Any, weight: Any, /, mean: Any, var: Any, eps: float) -> Any:
    """The gradients of `batch_norm_eval`'s input, weight and bias."""
    wide, kind = _work(g), g.dtype if weight is None else weight.dtype
    normal, scale = _given(_work(input), mean, var, eps)
    dx = wide * scale if weight is None else wide * (scale * _work(weight).reshape(_column(input)))
    sums = _channel_sums(wide * normal), _channel_sums(wide)
    return dx.astype(input.dtype, copy=False), *[s.astype(kind, copy=False) for s in sums]


def _eval_again(
    h: tuple[Any, ...], g: Any, input: Any, weight: Any, mean: Any, var: Any, eps: float
) -> tuple[Any, Any, Any]:
    normal, scale = _given(input, mean, var, eps)
    n = len(input.shape)
    of_g: Any = None
    of_input: Any = None
    of_weight: Any = None
    if h[0] is not None:
        of_g = h[0] * (scale if weight is None else scale * per_channel(weight, n))
        of_weight = _channel_sums(h[0] * g * scale)
    if h[1] is not None:
        p = per_channel(h[1], n)
        of_g = _plus(of_g, p * normal)
        of_input = p * g * scale
    if h[2] is not None:
        of_g = _plus(of_g, expand(per_channel(h[2], n), tuple(input.shape)))
    return of_g, of_input, None if weight is None else of_weight


batch_norm_eval.joint_vjp(
    lambda g, input, weight, mean, var, eps: batch_norm_eval_grad(g, input, weight, mean, var, eps)
)
batch_norm_eval_grad.joint_vjp(
    lambda h, g, input, weight, mean, var, eps: _eval_again(h, g, input, weight, mean, var, eps)
)
