"""Scaled-dot-product attention: one op for the result, one for its gradients, so that kernels can fuse both."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import in_float32
from .matmul import matmul
from .pointwise import where
from .reduce import sum
from .shape import filled, transpose, tril
from .softmax import softmax, softmax_grad


def _weights(query: Any, key: Any, mask: Any, is_causal: bool, scale: float) -> tuple[Any, Any]:
    """Raw arrays: the attention weights, 0 in rows where nothing counts, and the logarithm of each row's sum."""
    xp = namespace(query)
    scores = xp.matmul(query, key.swapaxes(-2, -1)) * query.dtype.type(scale)
    if is_causal:
        scores = xp.where(xp.tri(*scores.shape[-2:], dtype="bool"), scores, -math.inf).astype(query.dtype)
    if mask is not None:
        numbers = xp.where(mask, scores, -math.inf) if mask.dtype.kind == "b" else scores + mask
        scores = numbers.astype(query.dtype, copy=False)
    top = scores.max(axis=-1, keepdims=True, initial=-math.inf)
    top = xp.where(top == -math.inf, query.dtype.type(0), top)
    e = xp.exp(scores - top)
    total = e.sum(axis=-1, keepdims=True)
    return e / xp.where(total == 0, total.dtype.type(1), total), (xp.log(total) + top)[..., 0]


@op(grad_name="ScaledDotProductFlashAttentionForCpuBackward0")
def attention(query: Any, key: Any, value: Any, mask: Any, /, is_causal: bool, scale: float) -> Any:
    """softmax(scale * query @ key^T + mask) @ value, and the logarithm of each row's sum of exponentials.

    query (..., L, E), key (..., S, E), value (..., S, V); mask None, bool (True counts) or numbers to add,
    broadcastable to (..., L, S). With `is_causal` a query sees the keys up to its own place. A row in which
    nothing counts gives 0. Where the heads of the query lie within wider rows, so do those of the result: then
    `result.transpose(-3, -2).reshape(...)`, which joins heads, need not copy.
    """
    xp = namespace(query)
    weights, log_sums = _weights(query, key, mask, is_causal, scale)
    result = xp.matmul(weights, value)
    if result.ndim > 3 and query.ndim > 3 and query.strides[-3] < query.strides[-2]:
        result = xp.ascontiguousarray(result.swapaxes(-3, -2)).swapaxes(-3, -2)
    return result, log_sums


attention.op.kept_outputs = (0, 1)


@op()
def attention_grad(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    out: Any,
    log_sums: Any,
    /,
    is_causal: bool,
    scale: float,
) -> Any:
    """The gradients of `attention` with respect to query, key and value, in the shape that broadcasting gave.

    `out` and `log_sums` are what `attention` gave for the other arguments: they save a kernel work, and are no
    inputs in the mathematical sense.
    """
    xp = namespace(query)
    weights, _ = _weights(query, key, mask, is_causal, scale)
    slopes = xp.matmul(g, value.swapaxes(-2, -1))
    slopes = weights * (slopes - (slopes * weights).sum(axis=-1, keepdims=True)) * query.dtype.type(scale)
    turned = slopes.swapaxes(-2, -1)
    return xp.matmul(slopes, key), xp.matmul(turned, query), xp.matmul(weights.swapaxes(-2, -1), g)


def attention_weights(query: Any, key: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    """softmax(scale * query @ key^T + mask), with 0 in rows where nothing counts: made of ops."""
    scores = matmul(query, transpose(key, -2, -1)) * scale
    if is_causal:
        every = (scores == scores) | (scores != scores)
        scores = where(tril(every), scores, -math.inf)
    if mask is not None:
        scores = where(mask, scores, -math.inf) if _is_bool(mask) else scores + mask
    counts = scores != -math.inf
    return where(counts, softmax(where(counts, scores, -1e30), -1), 0.0)


def _is_bool(mask: Any) -> bool:
    return "bool" in str(mask.dtype)


def _turned(x: Any) -> Any:
    return transpose(x, -2, -1)


def _attention_gradients(
    g: Any, query: Any, key: Any, value: Any, mask: Any, out: Any, is_causal: bool, scale: float
) -> Any:
    g_out = filled(g[0], out[0].shape, out[0].dtype, g)
    parts = attention_grad(g_out, query, key, value, mask, out[0], out[1], is_causal, scale)
    dq, dk, dv = parts
    if g[1] is not None:  # the logarithms of the sums are used, too: their gradients are the weights
        slopes = attention_weights(query, key, mask, is_causal, scale) * g[1][..., None] * scale
        dq, dk = dq + matmul(slopes, key), dk + matmul(_turned(slopes), query)
    return dq, dk, dv, None


attention.joint_vjp(_attention_gradients)


def _attention_grad_gradients(
    h: Any, g: Any, query: Any, key: Any, value: Any, mask: Any, is_causal: bool, scale: float
) -> Any:
    """With A the weights, D = g value^T, S = softmax_grad(D, A): the gradients are scale * S key,
    scale * S^T query and A^T g.
    """
    weights = attention_weights(query, key, mask, is_causal, scale)
    products = matmul(g, _turned(value))
    slopes = softmax_grad(products, weights, -1)
    for_slopes, for_weights = 0.0, 0.0
    d_g, d_query, d_key = 0.0, 0.0, 0.0
    if h[0] is not None:
        for_slopes = for_slopes + matmul(h[0], _turned(key)) * scale
        d_key = d_key + matmul(_turned(slopes), h[0]) * scale
    if h[1] is not None:
        for_slopes = for_slopes + matmul(query, _turned(h[1])) * scale
        d_query = d_query + matmul(slopes, h[1]) * scale
    if h[2] is not None:
        for_weights = for_weights + matmul(g, _turned(h[2]))
        d_g = d_g + matmul(weights, h[2])
    if h[0] is None and h[1] is None:
        for_slopes = products * 0.0
    for_products = softmax_grad(for_slopes, weights, -1)
    inner = sum(products * weights, (-1,), True, None)
    for_weights = for_weights + for_slopes * (products - inner)
    for_weights = for_weights - products * sum(for_slopes * weights, (-1,), True, None)
    for_scores = softmax_grad(for_weights, weights, -1) * scale
    d_g = d_g + matmul(for_products, value)
    d_value = matmul(_turned(for_products), g)
    d_query = d_query + matmul(for_scores, key)
    d_key = d_key + matmul(_turned(for_scores), query)
    return d_g, d_query, d_key, d_value, None, None, None


attention_grad.joint_vjp(_attention_grad_gradients)

in_float32(attention, attention_grad)
