"""Softmax and its logarithm; the gradients are ops of their own so that kernels can fuse them."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import in_float32
from .pointwise import exp
from .reduce import sum


@op(grad_name="SoftmaxBackward0")
def softmax(input: Any, /, dim: int) -> Any:
    """exp(x) over its sum along a dimension."""
    xp = namespace(input)
    work = input if input.dtype.itemsize > 2 else input.astype("float32")
    if not work.size or not work.ndim:
        return xp.exp(work - work).astype(input.dtype)
    e = xp.exp(work - work.max(axis=dim, keepdims=True))
    return (e / e.sum(axis=dim, keepdims=True)).astype(input.dtype, copy=False)


softmax.vjp(input=lambda g, out, dim: softmax_grad(g, out, dim))


@op()
def softmax_grad(g: Any, out: Any, /, dim: int) -> Any:
    """The gradient of softmax: `out * (g - sum(g * out))`."""
    if not out.ndim:
        return g * 0
    return out * (g - (g * out).sum(axis=dim, keepdims=True, dtype=g.dtype))


softmax_grad.vjp(
    g=lambda h, out, dim: softmax_grad(h, out, dim),
    out=lambda h, g, out, dim: h * (g - _sum(g * out, dim)) - g * _sum(h * out, dim),
)


def _sum(x: Any, dim: int) -> Any:
    return sum(x, (dim,), True, None) if len(x.shape) else x


@op(grad_name="LogSoftmaxBackward0")
def log_softmax(input: Any, /, dim: int) -> Any:
    """x - log(sum(exp(x))) along a dimension."""
    xp = namespace(input)
    work = input if input.dtype.itemsize > 2 else input.astype("float32")
    if not work.size or not work.ndim:
        return (work - work).astype(input.dtype)
    shifted = work - work.max(axis=dim, keepdims=True)
    return (shifted - xp.log(xp.exp(shifted).sum(axis=dim, keepdims=True))).astype(input.dtype, copy=False)


log_softmax.vjp(input=lambda g, out, dim: log_softmax_grad(g, out, dim))


@op()
def log_softmax_grad(g: Any, out: Any, /, dim: int) -> Any:
    """The gradient of log_softmax: `g - exp(out) * sum(g)`."""
    if not out.ndim:
        return g * 0
    return g - namespace(out).exp(out) * g.sum(axis=dim, keepdims=True, dtype=g.dtype)


log_softmax_grad.vjp(
    g=lambda h, out, dim: h - _sum(h * exp(out), dim),
    out=lambda h, g, out, dim: -(h * exp(out) * _sum(g, dim)),
)


in_float32(softmax_grad, log_softmax_grad)
