"""PyTorch's call shapes of reductions and of sorting: thin wrappers over the ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtype
from .._tensor import Tensor, normalize_dim, wrap
from ..autograd.op import public, write_out
from . import pointwise, reduce
from .arguments import dims_of, numpy_dtype, numpy_names
from .return_types import return_type

max_result = return_type("max", "values", "indices")
min_result = return_type("min", "values", "indices")
sort_result = return_type("sort", "values", "indices")
topk_result = return_type("topk", "values", "indices")


@public("torch", "Tensor")
def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None, **numpy: Any
) -> Tensor:
    """Sum of all elements, or over one or several dimensions. Integers and bool are summed in int64.

    >>> import facula
    >>> facula.sum(facula.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    if numpy:
        dim, keepdim = numpy_names("sum", dim, keepdim, numpy)
    if dim is None and dtype is None and out is None:
        return reduce.sum(input, None, keepdim, None)
    return write_out(
        "sum", reduce.sum(input, dims_of(dim, input._array.ndim), keepdim, numpy_dtype(dtype)), out
    )


@public("torch", "Tensor")
def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None, **numpy: Any
) -> Tensor:
    """Mean of all elements, or over one or several dimensions. RuntimeError for integers without `dtype`."""
    if numpy:
        dim, keepdim = numpy_names("mean", dim, keepdim, numpy)
    return write_out(
        "mean", reduce.mean(input, dims_of(dim, input._array.ndim), keepdim, numpy_dtype(dtype)), out
    )


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = 1 if unbiased else 0
    return dim, 1 if correction is None else correction


@public("torch", "Tensor")
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
    out: Any = None,
    **numpy: Any,
) -> Tensor:
    """Variance with `correction` (default 1: Bessel's) taken from the number of elements in the divisor."""
    if numpy:
        dim, keepdim = numpy_names("var", dim, keepdim, numpy)
    dim, correction = _correction(dim, unbiased, correction)
    return write_out("var", reduce.var(input, dims_of(dim, input.ndim), correction, keepdim), out)


@public("torch", "Tensor")
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
    out: Any = None,
    **numpy: Any,
) -> Tensor:
    """Standard deviation: the square root of `var`."""
    if numpy:
        dim, keepdim = numpy_names("std", dim, keepdim, numpy)
    dim, correction = _correction(dim, unbiased, correction)
    return write_out("std", reduce.std(input, dims_of(dim, input.ndim), correction, keepdim), out)


@public("torch", "Tensor")
def prod(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None, **numpy: Any
) -> Tensor:
    """Product of all elements, or along one dimension."""
    if numpy:
        dim, keepdim = numpy_names("prod", dim, keepdim, numpy)
    return write_out("prod", reduce.prod(input, dims_of(dim, input.ndim), keepdim, numpy_dtype(dtype)), out)


def _extreme(name: str, input: Tensor, dim: Any, keepdim: bool, out: Any) -> Any:
    big = name == "max"
    if isinstance(dim, Tensor):
        return (pointwise.maximum if big else pointwise.minimum)(input, dim, out=out)
    if dim is None:
        if input.numel() == 0:
            raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        return write_out(name, (reduce.max_all if big else reduce.min_all)(input), out)
    if input.ndim and input.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    pair = (reduce.max_dim if big else reduce.min_dim)(input, normalize_dim(dim, input.ndim), keepdim)
    if out is not None:
        write_out(name, pair, tuple(out))
        pair = tuple(out)
    return (max_result if big else min_result)(*pair)


@public("torch", "Tensor")
def max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None, **numpy: Any
) -> Any:
    """Largest element; along `dim` a pair (values, indices); with another tensor, the larger of each pair.

    >>> import facula
    >>> facula.max(facula.tensor([[1, 5], [7, 2]]), dim=1).indices
    tensor([1, 0])
    """
    if numpy:
        dim, keepdim = numpy_names("max", dim, keepdim, numpy)
    return _extreme("max", input, dim if other is None else other, keepdim, out)


@public("torch", "Tensor")
def min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None, **numpy: Any
) -> Any:
    """Smallest element; along `dim` a pair (values, indices); with another tensor, the smaller of each
    pair.
    """
    if numpy:
        dim, keepdim = numpy_names("min", dim, keepdim, numpy)
    return _extreme("min", input, dim if other is None else other, keepdim, out)


def _check_extreme(name: str, input: Tensor, dim: Any) -> None:
    if input.numel() == 0 and (dim is None or dim == ()):
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the "
            "'dim' argument."
        )


@public("torch", "Tensor")
def amax(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Largest element over dimensions; the gradient is shared out between equal ones."""
    _check_extreme("amax", input, dim)
    return write_out("amax", reduce.amax(input, dims_of(dim, input.ndim), keepdim), out)


@public("torch", "Tensor")
def amin(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
    """Smallest element over dimensions; the gradient is shared out between equal ones."""
    _check_extreme("amin", input, dim)
    return write_out("amin", reduce.amin(input, dims_of(dim, input.ndim), keepdim), out)


def _arg(name: str, input: Tensor, dim: Any, keepdim: bool, out: Any) -> Tensor:
    if input.numel() == 0 and (dim is None or input.shape[dim] == 0):
        raise IndexError(
            f"{name}(): Expected reduction dim "
            f"{'to be specified for input.numel() == 0' if dim is None else f'{dim} to have non-zero size'}."
        )
    if input._array.dtype == bool:
        raise RuntimeError(f"{name}(): does not support bool input")
    dim = None if dim is None or input.ndim == 0 else normalize_dim(dim, input.ndim)
    return write_out(name, (reduce.argmax if name == "argmax" else reduce.argmin)(input, dim, keepdim), out)


@public("torch", "Tensor")
def argmax(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None, **numpy: Any) -> Tensor:
    """Index of the largest element along `dim`, or in the flattened tensor."""
    if numpy:
        dim, keepdim = numpy_names("argmax", dim, keepdim, numpy)
    return _arg("argmax", input, dim, keepdim, out)


@public("torch", "Tensor")
def argmin(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None, **numpy: Any) -> Tensor:
    """Index of the smallest element along `dim`, or in the flattened tensor."""
    if numpy:
        dim, keepdim = numpy_names("argmin", dim, keepdim, numpy)
    return _arg("argmin", input, dim, keepdim, out)


@public("torch", "Tensor")
def all(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None, **numpy: Any) -> Tensor:
    """Whether all elements are non-zero, or all along dimensions."""
    if numpy:
        dim, keepdim = numpy_names("all", dim, keepdim, numpy)
    return write_out("all", reduce.all(input, dims_of(dim, input.ndim), keepdim), out)


@public("torch", "Tensor")
def any(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None, **numpy: Any) -> Tensor:
    """Whether any element is non-zero, or any along dimensions."""
    if numpy:
        dim, keepdim = numpy_names("any", dim, keepdim, numpy)
    return write_out("any", reduce.any(input, dims_of(dim, input.ndim), keepdim), out)


@public("torch", "Tensor")
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    return reduce.count_nonzero(input, dims_of(dim, input.ndim))


@public("torch", "Tensor")
def cumsum(input: Tensor, dim: Any = None, *, dtype: Any = None, out: Any = None, **numpy: Any) -> Tensor:
    """Running sum along a dimension."""
    if numpy:
        dim, _ = numpy_names("cumsum", dim, False, numpy)
    if dim is None:
        raise TypeError('cumsum() missing 1 required positional arguments: "dim"')
    return write_out("cumsum", reduce.cumsum(input, normalize_dim(dim, input.ndim), numpy_dtype(dtype)), out)


@public("torch", "Tensor")
def cumprod(input: Tensor, dim: Any = None, *, dtype: Any = None, out: Any = None, **numpy: Any) -> Tensor:
    """Running product along a dimension."""
    if numpy:
        dim, _ = numpy_names("cumprod", dim, False, numpy)
    if dim is None:
        raise TypeError('cumprod() missing 1 required positional arguments: "dim"')
    return write_out(
        "cumprod", reduce.cumprod(input, normalize_dim(dim, input.ndim), numpy_dtype(dtype)), out
    )


@public("torch", "Tensor")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False, *, out: Any = None) -> Tensor:
    """log(sum(exp(x))) over dimensions, without overflow."""
    if input.dtype.category < 2:
        input = input.to(_dtype.get_default_dtype())
    return write_out("logsumexp", reduce.logsumexp(input, dims_of(dim, input.ndim), keepdim), out)


def _softmax(name: str, input: Tensor, dim: int, dtype: Any, out: Any) -> Tensor:
    from . import softmax as ops

    if dtype is not None:
        input = input.to(dtype)
    elif input.dtype.category < 2:
        raise NotImplementedError(f'"{name}_lastdim_kernel_impl" not implemented for {input.dtype}')
    return write_out(name, getattr(ops, name)(input, normalize_dim(dim, input._array.ndim)), out)


@public("torch", "Tensor", "special")
def softmax(input: Tensor, dim: int, dtype: Any = None, *, out: Any = None) -> Tensor:
    """exp(x) over its sum along a dimension.

    >>> import facula
    >>> facula.softmax(facula.zeros(2), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _softmax("softmax", input, dim, dtype, out)


@public("torch", "Tensor", "special")
def log_softmax(input: Tensor, dim: int, dtype: Any = None, *, out: Any = None) -> Tensor:
    """x - log(sum(exp(x))) along a dimension."""
    return _softmax("log_softmax", input, dim, dtype, out)


@public("torch", "Tensor")
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None, dtype: Any = None
) -> Tensor:
    """Vector norm over dimensions (all by default): "fro" or 2 is the Euclidean one; any number, inf,
    -inf.
    """
    if p in ("fro", None):
        p = 2
    if isinstance(p, str):
        raise NotImplementedError(f"[norm] p={p!r} is not supported")
    if dtype is not None:
        input = input.to(dtype)
    return write_out("norm", reduce.vector_norm(input, float(p), dims_of(dim, input.ndim), keepdim), out)


@public("torch", "Tensor")
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Any = None
) -> Any:
    """Elements in order along a dimension, and the index each came from. Always stable."""
    dim = normalize_dim(dim, input.ndim)
    index = argsort(input, dim, descending, stable)
    pair = (reduce.picked(input, dim, index._array, "SortBackward1" if stable else "SortBackward0"), index)
    return sort_result(*(pair if out is None else write_out("sort", pair, tuple(out))))


@public("torch", "Tensor")
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that would sort a dimension. Always stable."""
    a = input._array
    if a.ndim == 0:
        return wrap(np.zeros((), np.int64))
    dim = normalize_dim(dim, input.ndim)
    if not descending:
        return wrap(np.argsort(a, axis=dim, kind="stable"))
    # Equal elements keep their order: sort the reversed array upwards and count from the other end.
    return wrap(
        np.ascontiguousarray(
            np.flip(a.shape[dim] - 1 - np.argsort(np.flip(a, dim), axis=dim, kind="stable"), dim)
        )
    )


@public("torch", "Tensor")
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None
) -> Any:
    """The `k` largest (or smallest) elements along a dimension in order, and their indices."""
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"[topk] selected index k out of range: got k={k} for a dimension of size {n}")
    index = argsort(input, dim, largest)
    index = index.narrow(dim, 0, k).contiguous() if input.ndim else index
    pair = (reduce.picked(input, dim, index._array, "TopkBackward0"), index)
    return topk_result(*(pair if out is None else write_out("topk", pair, tuple(out))))


@public("torch", "Tensor")
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order; on request the index of each element among them and how often each
    occurs.
    """
    found = np.unique(input._array, return_inverse=True, return_counts=True, axis=dim)
    inverse = found[1].reshape(input._array.shape if dim is None else -1)
    parts = [found[0]] + [inverse] * return_inverse + [found[2]] * return_counts
    result = tuple(wrap(np.ascontiguousarray(p)) for p in parts)
    return result[0] if len(result) == 1 else result


@public("torch", "Tensor")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each non-negative integer occurs in a vector, or the sum of its weights."""
    if input._array.dtype.kind not in "iu":
        raise NotImplementedError(f'"bincount_cpu" not implemented for {input.dtype}')
    if input.ndim != 1 or (input.numel() and int(input._array.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    counts = np.bincount(input._array, None if weights is None else weights._array, minlength)
    if weights is not None and weights._array.dtype == np.float32:
        counts = counts.astype(np.float32)
    return wrap(counts)
