"""Normalisation: deviations from the mean in units of the standard deviation."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .pointwise import rsqrt
from .reduce import mean, sum, var
from .shape import reshape

Dims = tuple[int, ...]


def _normalized(x: Any, dims: Dims, eps: float) -> Any:
    """(x - mean) / sqrt(var + eps) over `dims`, on a raw array."""
    xp = namespace(x)
    work = x.astype("float32") if x.dtype.itemsize == 2 else x
    center = work - work.mean(axis=dims, keepdims=True)
    return center / xp.sqrt((center * center).mean(axis=dims, keepdims=True) + eps)


def _standard(x: Any, dims: Dims, eps: float) -> tuple[Any, Any]:
    """The normalised input and 1 / sqrt(var + eps), by ops."""
    scale = rsqrt(var(x, dims, 0, True) + eps)
    return (x - mean(x, dims, True, None)) * scale, scale


def _normalized_input(g: Any, x: Any, dims: Dims, eps: float) -> Any:
    """The gradient through (x - mean) / sqrt(var + eps)."""
    normal, scale = _standard(x, dims, eps)
    return (g - mean(g, dims, True, None) - normal * mean(g * normal, dims, True, None)) * scale


@op(grad_name="NativeLayerNormBackward0")
def layer_norm(input: Any, weight: Any, bias: Any, /, n_dims: int, eps: float) -> Any:
    """Normalisation over the last `n_dims` dimensions, then times weight plus bias (Ba et al. 2016)."""
    result = _normalized(input, tuple(range(input.ndim - n_dims, input.ndim)), eps)
    if weight is not None:
        result = result * weight
    return (result if bias is None else result + bias).astype(input.dtype, copy=False)


def _last(x: Any, n: int) -> Dims:
    return tuple(range(len(x.shape) - n, len(x.shape)))


layer_norm.vjp(
    input=lambda g, input, weight, n_dims, eps: _normalized_input(
        g if weight is None else g * weight, input, _last(input, n_dims), eps
    ),
    weight=lambda g, input, n_dims, eps: g * _standard(input, _last(input, n_dims), eps)[0],
    bias=lambda g: g,
)


def per_channel(v: Any, ndim: int) -> Any:
    """A vector with one number for each channel, shaped to broadcast over (N, C, ...)."""
    return reshape(v, (1, -1, *(1,) * (ndim - 2)))


def _others(x: Any) -> Dims:
    """Every dimension but the channels."""
    return (0, *range(2, len(x.shape)))


@op(grad_name="NativeBatchNormBackward0")
def batch_norm(input: Any, weight: Any, bias: Any, /, eps: float) -> Any:
    """Normalisation of each channel over the batch, then times weight plus bias (Ioffe and Szegedy 2015)."""
    result = _normalized(input, _others(input), eps)
    shape = (1, -1, *(1,) * (input.ndim - 2))
    if weight is not None:
        result = result * weight.reshape(shape)
    return (result if bias is None else result + bias.reshape(shape)).astype(input.dtype, copy=False)


def _channel_sums(g: Any) -> Any:
    return sum(g, _others(g), False, None)


batch_norm.vjp(
    input=lambda g, input, weight, eps: _normalized_input(
        g if weight is None else g * per_channel(weight, len(g.shape)), input, _others(input), eps
    ),
    weight=lambda g, input, eps: _channel_sums(g * _standard(input, _others(input), eps)[0]),
    bias=lambda g: _channel_sums(g),
)


@op(grad_name="NativeBatchNormBackward0")
def batch_norm_eval(input: Any, weight: Any, bias: Any, /, mean: Any, var: Any, eps: float) -> Any:
    """`batch_norm` with given statistics."""
    xp = namespace(input)
    shape = (1, -1, *(1,) * (input.ndim - 2))
    scale = 1 / xp.sqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return (input * scale.reshape(shape) + shift.reshape(shape)).astype(input.dtype, copy=False)


def _given(x: Any, mean: Any, var: Any, eps: float) -> Any:
    n = len(x.shape)
    return (x - per_channel(mean, n)) * per_channel(rsqrt(var + eps), n)


batch_norm_eval.vjp(
    input=lambda g, weight, var, eps: (
        g * per_channel(rsqrt(var + eps) if weight is None else rsqrt(var + eps) * weight, len(g.shape))
    ),
    weight=lambda g, input, mean, var, eps: _channel_sums(g * _given(input, mean, var, eps)),
    bias=lambda g: _channel_sums(g),
)


@op(grad_name="NativeGroupNormBackward0")
def group_norm(input: Any, weight: Any, bias: Any, /, groups: int, eps: float) -> Any:
    """Normalisation of each group of channels of each sample, then times weight plus bias (Wu and He
    2018).
    """
    result = _normalized(input.reshape(input.shape[0], groups, -1), (2,), eps).reshape(input.shape)
    shape = (1, -1, *(1,) * (input.ndim - 2))
    if weight is not None:
        result = result * weight.reshape(shape)
    return (result if bias is None else result + bias.reshape(shape)).astype(input.dtype, copy=False)


def _grouped(x: Any, groups: int) -> Any:
    return reshape(x, (x.shape[0], groups, math.prod(x.shape[1:]) // groups))


def _group_input(g: Any, input: Any, weight: Any, groups: int, eps: float) -> Any:
    g = g if weight is None else g * per_channel(weight, len(g.shape))
    return reshape(
        _normalized_input(_grouped(g, groups), _grouped(input, groups), (2,), eps), tuple(input.shape)
    )


group_norm.vjp(
    input=_group_input,
    weight=lambda g, input, groups, eps: _channel_sums(
        g * reshape(_standard(_grouped(input, groups), (2,), eps)[0], tuple(input.shape))
    ),
    bias=lambda g: _channel_sums(g),
)
