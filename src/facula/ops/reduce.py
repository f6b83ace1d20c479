"""Reductions: many elements to few.

`dim` is None or a tuple of dimensions counted from the front; the wrappers in `reductions` see to that.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import in_float32
from .pointwise import conj, exp, sgn, where, zeros_of
from .shape import expand, flip, reshape

Dims = tuple[int, ...] | None


@op(grad_name=lambda input, dim, keepdim, dtype: "SumBackward0" if dim is None else "SumBackward1")
def sum(input: Any, /, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Sum over dimensions, in `dtype` (integers: int64)."""
    if dtype is None:
        dtype = "int64" if input.dtype.kind in "iub" else input.dtype
    if input.dtype.itemsize == 2 and input.dtype.kind in "fV":  # halves accumulate in float32
        return input.astype("float32").sum(axis=dim, keepdims=keepdim).astype(dtype)
    return input.sum(axis=dim, keepdims=keepdim, dtype=dtype)


def spread(g: Any, shape: tuple[int, ...], dim: Dims, keepdim: bool) -> Any:
    """The gradient of a reduction brought back to the input's shape by repeating it."""
    return expand(keep_dims(g, shape, dim, keepdim), shape)


def keep_dims(x: Any, shape: tuple[int, ...], dim: Dims, keepdim: bool) -> Any:
    """A reduced array with the reduced dimensions put back as length one."""
    if keepdim or not shape:
        return x
    dims = range(len(shape)) if dim is None else dim
    return reshape(x, tuple(1 if i in dims else n for i, n in enumerate(shape)))


sum.vjp(input=lambda g, input_shape, dim, keepdim: spread(g, input_shape, dim, keepdim))


@op(name="sum_to_size")
def sum_to(input: Any, /, shape: tuple[int, ...]) -> Any:
    """Sum over the dimensions that broadcasting from `shape` repeated."""
    lead = input.ndim - len(shape)
    dims = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and input.shape[i + lead] != 1
    )
    return input.sum(axis=dims, dtype=input.dtype).reshape(shape)


sum_to.vjp(input=lambda g, input_shape: expand(g, input_shape))


@op(grad_name=lambda input, dim, keepdim, dtype: "MeanBackward0" if dim is None else "MeanBackward1")
def mean(input: Any, /, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Mean over dimensions."""
    if dtype is not None:
        input = input.astype(dtype)
    if input.dtype.kind in "iub":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
            "dtype. "
            f"Got: {input.dtype.name}"
        )
    n = count(input.shape, dim)
    total = sum.op.forward(input, dim, keepdim, "float32" if input.dtype.itemsize == 2 else None)
    return (total / n if n else total / namespace(input).zeros((), input.dtype)).astype(input.dtype)


def count(shape: tuple[int, ...], dim: Dims) -> int:
    """How many elements are reduced to one."""
    return math.prod(shape if dim is None else [shape[i] for i in dim])


mean.vjp(
    input=lambda g, input_shape, dim, keepdim: spread(
        g / max_(count(input_shape, dim), 1), input_shape, dim, keepdim
    )
)


def max_(a: Any, b: Any) -> Any:
    """The larger of two numbers (`max` is an op here)."""
    return a if a > b else b


@op(grad_name="VarBackward0")
def var(input: Any, /, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Any:
    """Variance over dimensions: the sum of squared deviations over `n - correction`, or over 0 (NaN, inf)
    if negative.
    """
    xp = namespace(input)
    if input.dtype.kind in "iub":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    work = input.astype("float32") if input.dtype.itemsize == 2 else input
    n = count(input.shape, dim)
    deviation = work - work.sum(axis=dim, keepdims=True) / xp.asarray(n, work.real.dtype)
    squares = (deviation * deviation.conj()).real if work.dtype.kind == "c" else deviation * deviation
    divisor = xp.asarray(n - correction if n > correction else 0, squares.dtype)
    result = squares.sum(axis=dim, keepdims=keepdim) / divisor
    return result if input.dtype.itemsize != 2 else result.astype(input.dtype)


def _var_input(g: Any, input: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    shape = tuple(input.shape)
    n = count(shape, dim)
    center = mean(input, dim, True, None)
    return (
        (2.0 / max_(n - correction, 0) if n > correction else math.nan)
        * spread(g, shape, dim, keepdim)
        * (input - center)
    )


var.vjp(input=_var_input)


@op(grad_name="StdBackward0")
def std(input: Any, /, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Any:
    """Standard deviation over dimensions: the square root of `var`."""
    half = input.dtype if input.dtype.itemsize == 2 else None
    found = var.op.forward(input.astype("float32") if half else input, dim, correction, keepdim)
    return namespace(input).sqrt(found) if half is None else namespace(input).sqrt(found).astype(half)


def _std_input(g: Any, input: Any, out: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    g = where(out == 0, 0.0, g / where(out == 0, 1.0, out * 2))
    return _var_input(g, input, dim, correction, keepdim)


std.vjp(input=_std_input)


@op(grad_name=lambda input, dim, keepdim, dtype: "ProdBackward0" if dim is None else "ProdBackward1")
def prod(input: Any, /, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Product over dimensions, in `dtype` (integers: int64)."""
    if dtype is None:
        dtype = "int64" if input.dtype.kind in "iub" else input.dtype
    return input.prod(axis=dim, keepdims=keepdim, dtype=dtype)


def _prod_input(g: Any, input: Any, dim: Dims, keepdim: bool) -> Any:
    # The product of all others, without dividing by a zero: products from the left times products from the
    # right.
    shape = tuple(input.shape)
    if dim is None or not shape:
        flat = reshape(input, (-1,))
        return reshape(g * conj(_others(flat, 0)), shape)
    return spread(g, shape, dim, keepdim) * conj(_others(input, dim[0]))


def _others(x: Any, dim: int) -> Any:
    from .shape import cat, narrow

    if x.shape[dim] <= 1:
        return zeros_of(x) + 1
    one = zeros_of(narrow(x, dim, 0, 1)) + 1
    n = x.shape[dim]
    left = cumprod(cat([one, narrow(x, dim, 0, n - 1)], dim), dim, None)
    right = flip(cumprod(cat([one, flip(narrow(x, dim, 1, n - 1), (dim,))], dim), dim, None), (dim,))
    return left * right


prod.vjp(input=_prod_input)


@op()
def amax(input: Any, /, dim: Dims = None, keepdim: bool = False) -> Any:
    """Largest element over dimensions; the gradient is shared out evenly between equal ones."""
    return input.max(axis=dim, keepdims=keepdim)


@op()
def amin(input: Any, /, dim: Dims = None, keepdim: bool = False) -> Any:
    """Smallest element over dimensions; the gradient is shared out evenly between equal ones."""
    return input.min(axis=dim, keepdims=keepdim)


def _extreme_input(g: Any, input: Any, out: Any, dim: Dims, keepdim: bool) -> Any:
    shape = tuple(input.shape)
    best = keep_dims(out, shape, dim, keepdim)
    chosen = ((input == best) | (input != input)) * (zeros_of(input) + 1)  # NaN wins everywhere
    return chosen / sum(chosen, dim, True, None) * keep_dims(g, shape, dim, keepdim)


amax.vjp(input=_extreme_input)
amin.vjp(input=_extreme_input)


@op(grad_name="MaxBackward1")
def max_all(input: Any, /) -> Any:
    """Largest of all elements; the gradient is shared out evenly between equal ones."""
    return input.max()


@op(grad_name="MinBackward1")
def min_all(input: Any, /) -> Any:
    """Smallest of all elements; the gradient is shared out evenly between equal ones."""
    return input.min()


max_all.vjp(input=lambda g, input, out: _extreme_input(g, input, out, None, False))
min_all.vjp(input=lambda g, input, out: _extreme_input(g, input, out, None, False))


@op(grad_name="MaxBackward0")
def max_dim(input: Any, /, dim: int, keepdim: bool = False) -> Any:
    """Largest element along a dimension, and its index (the first of equal ones)."""
    return _pick(input, namespace(input).argmax(input, axis=dim), dim, keepdim)


@op(grad_name="MinBackward0")
def min_dim(input: Any, /, dim: int, keepdim: bool = False) -> Any:
    """Smallest element along a dimension, and its index (the first of equal ones)."""
    return _pick(input, namespace(input).argmin(input, axis=dim), dim, keepdim)


@op(grad_name=lambda input, dim, index, node: node)
def picked(input: Any, /, dim: int, index: Any, node: str) -> Any:
    """The elements at `index` along a dimension, for `sort` and its like: `node` is the name of the node."""
    if not input.ndim:
        return input.copy()
    return namespace(input).take_along_axis(input, index, dim)


def _picked_input(g: Any, input_shape: tuple[int, ...], dim: int, index: Any) -> Any:
    from .index import scatter_zeros

    return scatter_zeros(g, index, dim, input_shape) if input_shape else g


picked.vjp(input=_picked_input)


def _pick(input: Any, index: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    xp = namespace(input)
    if input.ndim == 0:
        return xp.array(input), xp.zeros((), "int64")
    index = xp.expand_dims(index, dim)
    values = xp.take_along_axis(input, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def _pick_input(g: Any, input_shape: tuple[int, ...], out: Any, dim: int, keepdim: bool) -> Any:
    from .index import scatter_zeros

    if not input_shape:
        return g[0]
    at, index = keep_dims(g[0], input_shape, (dim,), keepdim), keep_dims(out[1], input_shape, (dim,), keepdim)
    return scatter_zeros(at, index, dim, input_shape)


max_dim.op.kept_outputs = min_dim.op.kept_outputs = (1,)  # the indices
max_dim.vjp(input=_pick_input)
min_dim.vjp(input=_pick_input)


@op(differentiable=False)
def argmax(input: Any, /, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the largest element along a dimension, or in the flattened array; the first of equal ones."""
    return namespace(input).argmax(input, axis=dim, keepdims=keepdim)


@op(differentiable=False)
def argmin(input: Any, /, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the smallest element along a dimension, or in the flattened array; the first of equal ones."""
    return namespace(input).argmin(input, axis=dim, keepdims=keepdim)


@op(differentiable=False)
def all(input: Any, /, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether all elements are non-zero."""
    result = namespace(input).all(input, axis=dim, keepdims=keepdim)
    return result.astype("uint8") if input.dtype == "uint8" else result


@op(differentiable=False)
def any(input: Any, /, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether any element is non-zero."""
    result = namespace(input).any(input, axis=dim, keepdims=keepdim)
    return result.astype("uint8") if input.dtype == "uint8" else result


@op(differentiable=False)
def count_nonzero(input: Any, /, dim: Dims = None) -> Any:
    """How many elements are not zero."""
    return namespace(input).count_nonzero(input, axis=dim)


@op()
def cumsum(input: Any, /, dim: int, dtype: Any = None) -> Any:
    """Running sum along a dimension."""
    if dtype is None:
        dtype = "int64" if input.dtype.kind in "iub" else input.dtype
    return namespace(input).cumsum(input, axis=dim, dtype=dtype) if input.ndim else input.astype(dtype)


cumsum.vjp(input=lambda g, dim: flip(cumsum(flip(g, (dim,)), dim, None), (dim,)) if len(g.shape) else g)


@op()
def cumprod(input: Any, /, dim: int, dtype: Any = None) -> Any:
    """Running product along a dimension."""
    if dtype is None:
        dtype = "int64" if input.dtype.kind in "iub" else input.dtype
    return namespace(input).cumprod(input, axis=dim, dtype=dtype) if input.ndim else input.astype(dtype)


def _cumprod_input(g: Any, input: Any, out: Any, dim: int) -> Any:
    if not input.shape:
        return g
    # Exact where no element is zero; element by element otherwise.
    if not bool((input == 0).any()):
        return flip(cumsum(flip(g * conj(out), (dim,)), dim, None), (dim,)) / conj(input)
    return _cumprod_with_zeros(g, input, dim)


def _cumprod_with_zeros(g: Any, input: Any, dim: int) -> Any:
    from .shape import cat, narrow

    n = input.shape[dim]
    parts = []
    for k in range(n):
        # d out[j] / d input[k] for j >= k: the product of the others up to j.
        one = zeros_of(narrow(input, dim, k, 1)) + 1
        head = prod(narrow(input, dim, 0, k), (dim,), True, None) if k else one
        tail = cumprod(cat([one, narrow(input, dim, k + 1, n - k - 1)], dim), dim, None) if k + 1 < n else one
        parts.append(sum(narrow(g, dim, k, n - k) * conj(head * tail), (dim,), True, None))
    return cat(parts, dim)


cumprod.vjp(input=_cumprod_input)


@op()
def logsumexp(input: Any, /, dim: Dims = None, keepdim: bool = False) -> Any:
    """log(sum(exp(x))) over dimensions, without overflow."""
    xp = namespace(input)
    top = input.max(axis=dim, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros((), top.dtype))
    total = xp.log(xp.exp(input - top).sum(axis=dim, keepdims=True)) + top
    return total if keepdim else total.squeeze(axis=dim) if dim is not None else total.reshape(())


logsumexp.vjp(
    input=lambda g, input, out, dim, keepdim: (
        keep_dims(g, tuple(input.shape), dim, keepdim)
        * exp(input - keep_dims(out, tuple(input.shape), dim, keepdim))
    )
)


@op(grad_name="LinalgVectorNormBackward0")
def vector_norm(input: Any, /, ord: float = 2.0, dim: Dims = None, keepdim: bool = False) -> Any:
    """(sum |x|^ord)^(1/ord) over dimensions; ord inf, -inf and 0 as in `numpy.linalg.norm`."""
    xp = namespace(input)
    if input.dtype.kind in "iub":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.name}"
        )
    size = xp.abs(input)
    if ord == 2:
        return xp.sqrt((size * size).sum(axis=dim, keepdims=keepdim))
    if ord == math.inf:
        return size.max(axis=dim, keepdims=keepdim)
    if ord == -math.inf:
        return size.min(axis=dim, keepdims=keepdim)
    if ord == 0:
        return (size != 0).sum(axis=dim, keepdims=keepdim).astype(size.dtype)
    if ord == 1:
        return size.sum(axis=dim, keepdims=keepdim)
    return xp.power(xp.power(size, ord).sum(axis=dim, keepdims=keepdim), 1 / ord)


def _norm_input(g: Any, input: Any, out: Any, ord: float, dim: Dims, keepdim: bool) -> Any:
    from .pointwise import abs

    shape = tuple(input.shape)
    g, out = keep_dims(g, shape, dim, keepdim), keep_dims(out, shape, dim, keepdim)
    if ord == 0:
        return zeros_of(input)
    if ord == 1:
        return g * sgn(input)
    if ord == 2:
        return g * where(out == 0, 0.0, input / where(out == 0, 1.0, out))
    size = abs(input)
    if math.isinf(ord):
        chosen = (size == out) * (zeros_of(size) + 1)
        return g * sgn(input) * (chosen / sum(chosen, dim, True, None))
    ratio = size / where(out == 0, 1.0, out)
    return g * where(input == 0, 0.0, sgn(input) * where(input == 0, 1.0, ratio) ** (ord - 1))


vector_norm.vjp(input=_norm_input)


in_float32(vector_norm, logsumexp, prod, cumsum, cumprod)
