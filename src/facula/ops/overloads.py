"""PyTorch's call shapes: thin wrappers that turn its overloads and defaults into plain op calls."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _device, _dtype
from .._tensor import Tensor, normalize_dim, wrap
from ..autograd.op import apply_inplace, check_inplace, public, write_out
from . import compare, matmul, pointwise, reduce, shape
from .halves import in_float32
from .index import assign
from .return_types import return_type

max_result = return_type("max", "values", "indices")
min_result = return_type("min", "values", "indices")
sort_result = return_type("sort", "values", "indices")
topk_result = return_type("topk", "values", "indices")


in_float32(
    pointwise.addcmul, pointwise.addcdiv, pointwise.clamp, pointwise.lerp, pointwise.round,
    pointwise.logaddexp,
    pointwise.rsqrt, pointwise.reciprocal,
)  # fmt: skip


def dims_of(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """PyTorch's `dim` argument as a tuple counted from the front, None meaning all."""
    if dim is None:
        return None
    if isinstance(dim, Sequence) and not dim:
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (normalize_dim(dim, ndim),) if ndim else ()
    found = tuple(normalize_dim(int(d), ndim) for d in dim)
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {found} appears multiple times in the list of dims")
    return found if ndim else ()


def sizes_of(name: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as several numbers or as one sequence."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    for a in args:
        if builtins.type(a) is not int and (isinstance(a, bool) or not hasattr(a, "__index__")):
            raise TypeError(
                f"{name}(): argument 'size' must be tuple of ints, but found element of type "
                f"{type(a).__name__}"
            )
    return tuple([int(a) for a in args])


def numpy_dtype(dtype: Any) -> Any:
    """The NumPy dtype of an optional dtype argument."""
    return None if dtype is None else dtype.numpy


# ---- arithmetic --------------------------------------------------------------------------------------------


@public("torch", "Tensor")
def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """`input + alpha * other`, element by element, with broadcasting and type promotion.

    >>> import facula
    >>> facula.add(facula.tensor([1, 2]), facula.tensor([10, 20]), alpha=2)
    tensor([21, 42])
    """
    if alpha != 1:
        other = _scaled(other, alpha)
    return pointwise.add(input, other, out=out) if out is not None else pointwise.add(input, other)


def _scaled(other: Any, alpha: Any) -> Any:
    if isinstance(alpha, float) and isinstance(other, Tensor) and other.dtype.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other * alpha


@public("Tensor")
def add_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Add `alpha * other` to this tensor in place."""
    return apply_inplace(pointwise.add.op, (self, other if alpha == 1 else _scaled(other, alpha)))


@public("torch", "Tensor")
def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """`input - alpha * other`, element by element, with broadcasting and type promotion."""
    if alpha != 1:
        other = _scaled(other, alpha)
    return pointwise.sub(input, other, out=out)


@public("Tensor")
def sub_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Subtract `alpha * other` from this tensor in place."""
    return apply_inplace(pointwise.sub.op, (self, other if alpha == 1 else _scaled(other, alpha)))


@public("torch", "Tensor")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`, element by element."""
    return pointwise.rsub(input if alpha == 1 else input * alpha, other)


@public("torch", "Tensor")
def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """Quotient, element by element.

    `rounding_mode`: None (true division, in floating point), "floor" (towards minus infinity), "trunc"
    (towards 0).
    """
    if rounding_mode is None:
        return pointwise.div(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    target = _dtype.result_dtype([_raw(input), _raw(other)])
    if target.category < 2:
        if rounding_mode == "floor":
            return pointwise.floor_divide(input, other, out=out)
        whole = pointwise.sub(input, pointwise.fmod(input, other))
        return write_out("div", pointwise.floor_divide(whole, other), out)
    return write_out("div", pointwise.div_whole(input, other, rounding_mode == "floor"), out)


@public("Tensor")
def div_(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Divide this tensor in place; see `div`."""
    if rounding_mode is None:
        return apply_inplace(pointwise.div.op, (self, other))
    if rounding_mode in ("floor", "trunc") and self.is_floating_point():
        return apply_inplace(pointwise.div_whole.op, (self, other, rounding_mode == "floor"))
    return self.copy_(div(self, other, rounding_mode=rounding_mode))


@public("torch", "Tensor")
def pow(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
    """`input` to the power of `exponent`, element by element."""
    return pointwise.pow(input, exponent, out=out)


@public("Tensor")
def pow_(self: Tensor, exponent: Any) -> Tensor:
    """Raise this tensor to a power in place."""
    return apply_inplace(pointwise.pow.op, (self, exponent))


@public("torch", "Tensor")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Any = None) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    return pointwise.addcmul(input, tensor1, tensor2, value, out=out)


@public("torch", "Tensor")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Any = None) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    return pointwise.addcdiv(input, tensor1, tensor2, value, out=out)


@public("Tensor")
def addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """Add `value * tensor1 * tensor2` in place."""
    return apply_inplace(pointwise.addcmul.op, (self, tensor1, tensor2, value))


@public("Tensor")
def addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """Add `value * tensor1 / tensor2` in place."""
    return apply_inplace(pointwise.addcdiv.op, (self, tensor1, tensor2, value))


@public("torch", "Tensor")
def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Any = None) -> Tensor:
    """`input + weight * (end - input)`; `weight` is a number or a tensor."""
    return pointwise.lerp(input, end, weight, out=out)


@public("Tensor")
def lerp_(self: Tensor, end: Tensor, weight: Any) -> Tensor:
    """Move this tensor towards `end` in place."""
    return apply_inplace(pointwise.lerp.op, (self, end, weight))


# ---- choosing ----------------------------------------------------------------------------------------------


def _raw(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


@public("torch")
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """`input` where the condition is True, `other` elsewhere; with the condition alone: its non-zero
    indices.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition._array.dtype not in (bool, np.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
        )
    target = _dtype.result_dtype([_raw(input), _raw(other)])
    sides = [
        s.to(target) if isinstance(s, Tensor) else np.asarray(s).astype(target.numpy) for s in (input, other)
    ]
    return pointwise.where(condition.to(_dtype.bool_), *sides, out=out)


@public("Tensor", name="where")
def where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor where the condition is True, `other` elsewhere."""
    return where(condition, self, other)


def _limits(input: Tensor, min: Any, max: Any) -> Tensor:
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return pointwise.clamp_between(input, min, max)
    target = _dtype.result_dtype([input._array, *(v for v in (min, max) if v is not None)])
    return pointwise.clamp(input.to(target), min, max)


@public("torch", "Tensor")
def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """Every element limited to [min, max]; each bound is a number, a tensor or None.

    >>> import facula
    >>> facula.clamp(facula.tensor([-2.0, 0.5, 3.0]), min=0, max=1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return write_out("clamp", _limits(input, min, max), out)


@public("Tensor")
def clamp_(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit this tensor's elements to [min, max] in place."""
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return self.copy_(_limits(self, min, max))
    return apply_inplace(pointwise.clamp.op, (self, min, max))


@public("torch", "Tensor")
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Every element at least `min`."""
    return _limits(input, min, None)


@public("Tensor")
def clamp_min_(self: Tensor, min: Any) -> Tensor:
    """Raise elements to at least `min` in place."""
    return self.clamp_(min, None)


@public("Tensor")
def clamp_max_(self: Tensor, max: Any) -> Tensor:
    """Lower elements to at most `max` in place."""
    return self.clamp_(None, max)


@public("torch", "Tensor")
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Every element at most `max`."""
    return _limits(input, None, max)


# ---- comparison --------------------------------------------------------------------------------------------


@public("torch", "Tensor")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements, as a Python bool."""
    return input._array.shape == other._array.shape and bool((input == other).all())


@public("torch", "Tensor")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(compare.isclose(input, other, rtol, atol, equal_nan).all())


def numpy_names(name: str, dim: Any, keepdim: bool, given: dict[str, Any]) -> tuple[Any, bool]:
    """`dim` and `keepdim` where NumPy's names `axis` and `keepdims` were used. TypeError for any other
    name.
    """
    for key, value in given.items():
        if key == "axis":
            dim = value
        elif key == "keepdims":
            keepdim = value
        else:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    return dim, keepdim


# ---- reductions --------------------------------------------------------------------------------------------


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
def cumsum(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Running sum along a dimension."""
    return write_out("cumsum", reduce.cumsum(input, normalize_dim(dim, input.ndim), numpy_dtype(dtype)), out)


@public("torch", "Tensor")
def cumprod(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    """Running product along a dimension."""
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


# ---- shape -------------------------------------------------------------------------------------------------


def _whole(input: Tensor, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with -1 worked out; RuntimeError if it does not fit."""
    n = input._array.size
    if sizes and builtins.min(sizes) >= 0 and math.prod(sizes) == n:
        return sizes
    if builtins.any(s < -1 for s in sizes):
        raise RuntimeError(f"invalid shape dimension {builtins.min(sizes)}")
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 in sizes:
        known = math.prod(s for s in sizes if s != -1)
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the unspecified "
                "dimension size -1 "
                "can be any value and is ambiguous"
            )
        if n % known:
            raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {n}")
        return tuple(n // known if s == -1 else s for s in sizes)
    if math.prod(sizes) != n:
        raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {n}")
    return sizes


@public("Tensor")
def view(self: Tensor, *shape_or_dtype: Any) -> Tensor:
    """The same memory in another shape, or read as another dtype. RuntimeError if the strides do not allow
    it.
    """
    if len(shape_or_dtype) == 1 and isinstance(shape_or_dtype[0], _dtype.dtype):
        return wrap(self._array.view(shape_or_dtype[0].numpy))
    sizes = _whole(self, sizes_of("view", shape_or_dtype))
    result = shape.reshape(self, sizes)
    if result._base is None and self._array.size and not np.may_share_memory(result._array, self._array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return result


@public("Tensor")
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same memory in the shape of `other`."""
    return self.view(other.shape)


@public("torch")
def reshape(input: Tensor, shape: Any) -> Tensor:
    """The elements in row-major order in another shape; a view where strides allow, else a copy."""
    return _reshape(input, sizes_of("reshape", (tuple(shape),)))


@public("Tensor", name="reshape")
def reshape_method(self: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order in another shape; a view where strides allow, else a copy."""
    return _reshape(self, sizes_of("reshape", shape))


def _reshape(input: Tensor, sizes: tuple[int, ...]) -> Tensor:
    sizes = _whole(input, sizes)
    a = input._array
    if a.flags.c_contiguous or np.may_share_memory(a.reshape(sizes), a):
        return shape.reshape(input, sizes)
    return shape.reshape_copy(input, sizes)


@public("Tensor")
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of `other`."""
    return _reshape(self, tuple(other.shape))


@public("torch", "Tensor")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` as one."""
    n = input._array.ndim
    start, end = normalize_dim(start_dim, n), normalize_dim(end_dim, n)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end and n:
        return input
    sizes = input._array.shape
    return _reshape(input, (*sizes[:start], math.prod(sizes[start : end + 1]), *sizes[end + 1 :]))


@public("torch", "Tensor")
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several; one of `sizes` may be -1."""
    dim = normalize_dim(dim, input.ndim)
    sizes = tuple(int(s) for s in sizes)
    known = math.prod(s for s in sizes if s != -1)
    n = input.shape[dim]
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if (-1 in sizes and (known == 0 or n % known)) or (-1 not in sizes and known != n):
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({n}) in "
            "the input tensor"
        )
    whole = tuple(n // known if s == -1 else s for s in sizes)
    return shape.reshape(input, tuple(input.shape[:dim]) + whole + tuple(input.shape[dim + 1 :]))


@public("torch", "Tensor")
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of length one: all of them, or those of `dim`."""
    if isinstance(dim, int):
        return shape.squeeze(input, normalize_dim(dim, input._array.ndim))
    return shape.squeeze(input, None if dim is None else dims_of(dim, input.ndim))


@public("torch", "Tensor")
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of length one at `dim`."""
    return shape.unsqueeze(input, normalize_dim(dim, input._array.ndim + 1))


@public("torch", "Tensor")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged: a view."""
    return shape.transpose(input, normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim))


@public("torch")
def permute(input: Tensor, dims: Any) -> Tensor:
    """The dimensions in another order: a view."""
    return _permute(input, dims)


@public("Tensor", name="permute")
def permute_method(self: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order: a view."""
    return _permute(self, sizes_of("permute", dims))


def _permute(input: Tensor, dims: Any) -> Tensor:
    if len(dims) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of "
            "the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple(normalize_dim(d, input.ndim) for d in dims)
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return shape.permute(input, order)


@public("torch", "Tensor")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places; the rest keep their order."""
    n = input.ndim
    a = [normalize_dim(d, n) for d in ([source] if isinstance(source, int) else source)]
    b = [normalize_dim(d, n) for d in ([destination] if isinstance(destination, int) else destination)]
    order = [i for i in range(n) if i not in a]
    for place, dim in sorted(zip(b, a, strict=True)):
        order.insert(place, dim)
    return shape.permute(input, tuple(order))


@public("Tensor")
def expand(self: Tensor, *sizes: Any) -> Tensor:
    """Dimensions of length one repeated without copying; -1 keeps a length."""
    wanted = sizes_of("expand", sizes)
    have = self._array.shape
    lead = len(wanted) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"expand({self.dtype}{list(have)}, size={list(wanted)}): the number of sizes provided "
            f"({len(wanted)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    full = []
    for i, n in enumerate(wanted):
        old = have[i - lead] if i >= lead else None
        if n == -1:
            if old is None:
                raise RuntimeError(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                    f"dimension {i}"
                )
            n = old
        if old not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                "non-singleton dimension "
                f"{i}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(have)}"
            )
        full.append(n)
    return shape.expand(self, tuple(full))


@public("Tensor")
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expanded to the shape of `other`."""
    return self.expand(other.shape)


@public("torch")
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Expanded to a shape."""
    return input.expand(tuple(size))


@public("torch")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape."""
    full = np.broadcast_shapes(*(t._array.shape for t in tensors))
    return tuple(t.expand(full) for t in tensors)


@public("torch", "Tensor")
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` entries of a dimension from `start`: a view."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim]
    start = int(start)
    if start < 0:
        start += n
    if length < 0 or start < 0 or start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return shape.narrow(input, dim, start, length)


@public("torch", "Tensor")
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One entry of a dimension, which disappears: a view."""
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return shape.select(input, dim, int(index) % n)


@public("torch", "Tensor")
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Consecutive pieces along a dimension: of one length (the last may be shorter) or of the given
    lengths.
    """
    if tensor.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = normalize_dim(dim, tensor.ndim)
    n = tensor.shape[dim]
    if not isinstance(split_size_or_sections, int):
        sizes = tuple(int(s) for s in split_size_or_sections)
        if builtins.sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
                f"dimension {dim}), "
                f"but got split_sizes={list(sizes)}"
            )
        return shape.split_sizes(tensor, sizes, dim)
    step = split_size_or_sections
    if step < 0 or (step == 0 and n):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    sizes = tuple(builtins.min(step, n - i) for i in range(0, n, step)) if n else (0,)
    return shape.split_equal(tensor, sizes, dim)


@public("torch", "Tensor")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` consecutive pieces of equal length (the last may be shorter) along a dimension."""
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim]
    if n == 0:
        return shape.split_equal(input, (0,) * chunks, normalize_dim(dim, input.ndim))
    return split(input, -(-n // chunks), dim)


@public("torch", "Tensor")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All entries of a dimension as separate tensors: views."""
    if input._array.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = normalize_dim(dim, input._array.ndim)
    return shape.unbind(input, dim) if input._array.shape[dim] else ()


def _joinable(name: str, tensors: Any) -> list[Tensor]:
    found = list(tensors)
    if not found:
        raise RuntimeError(f"[{name}] expected a non-empty list of Tensors: got 0 tensors")
    for i, x in enumerate(found):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return found


@public("torch")
def cat(tensors: Any, dim: int = 0, *, out: Any = None, **numpy: Any) -> Tensor:
    """Tensors joined along a dimension; the other dimensions must agree. Dtypes are promoted.

    >>> import facula
    >>> facula.cat([facula.zeros(1, 2), facula.ones(1, 2)]).shape
    facula.Size([2, 2])
    """
    if numpy:
        dim, _ = numpy_names("cat", dim, False, numpy)
    if not len(tensors):
        raise ValueError("[cat] expected a non-empty list of Tensors: got 0 tensors")
    found = _joinable("cat", tensors)
    shapes = [x._array.shape for x in found]
    if () in shapes:
        raise RuntimeError(f"zero-dimensional tensor (at position {shapes.index(())}) cannot be concatenated")
    if len({x._array.dtype for x in found}) > 1:
        target = _dtype.result_dtype([x._array for x in found])
        found = [x.to(target) for x in found]
    # By old custom an empty vector fits everything.
    kept = [x for x in found if x._array.shape != (0,)] or found[:1]
    first = kept[0]._array.shape
    dim = normalize_dim(dim, len(first))
    for i, x in enumerate(kept):
        s = x._array.shape
        if len(s) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(s)}")
        if s[:dim] + s[dim + 1 :] != first[:dim] + first[dim + 1 :]:
            bad = next(d for d in range(len(s)) if d != dim and s[d] != first[d])
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {first[bad]} but got "
                f"size {s[bad]} "
                f"for tensor number {i} in the list."
            )
    return write_out("cat", shape.cat(kept, dim), out)


@public("torch")
def stack(tensors: Any, dim: int = 0, *, out: Any = None, **numpy: Any) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    if numpy:
        dim, _ = numpy_names("stack", dim, False, numpy)
    found = _joinable("stack", tensors)
    first = found[0]._array.shape
    for i, x in enumerate(found):
        if x._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x._array.shape)} at entry {i}"
            )
    if len({x._array.dtype for x in found}) > 1:
        target = _dtype.result_dtype([x._array for x in found])
        found = [x.to(target) for x in found]
    return write_out("stack", shape.stack(found, normalize_dim(dim, len(first) + 1)), out)


@public("torch")
def hstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined side by side: along the first dimension for vectors, the second otherwise."""
    found = [x.reshape(1) if x.ndim == 0 else x for x in _joinable("hstack", tensors)]
    return cat(found, 0 if found[0].ndim == 1 else 1, out=out)


@public("torch")
def vstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined as rows; vectors are rows."""
    return cat([x.reshape(1, -1) if x.ndim < 2 else x for x in _joinable("vstack", tensors)], 0, out=out)


@public("torch", "Tensor")
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order of entries reversed along dimensions: a copy."""
    wanted = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    found = tuple(normalize_dim(d, input.ndim) for d in wanted)
    return shape.flip(input, found if input.ndim else ())


@public("torch", "Tensor")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Entries shifted along dimensions (or in the flattened tensor); what falls out comes in at the other
    end.
    """
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or dims == ():
        return shape.roll(input, shifts, None)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return shape.roll(input, shifts, tuple(normalize_dim(d, input.ndim) for d in dims))


@public("Tensor")
def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor repeated along each dimension; new dimensions come in front."""
    times = sizes_of("repeat", repeats)
    if len(times) < self.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"got {len(times)} and {self.ndim}"
        )
    return shape.repeat(self, times)


@public("torch", "Tensor")
def tile(input: Tensor, *dims: Any) -> Tensor:
    """The whole tensor repeated along the last dimensions."""
    times = sizes_of("tile", dims)
    return shape.repeat(input, (1,) * (input.ndim - len(times)) + times)


@public("torch", "Tensor")
def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each entry repeated in place: `repeats` times, or each as often as a tensor says."""
    if dim is None:
        input, dim = input.flatten(), 0
    dim = normalize_dim(dim, input.ndim)
    times = repeats._array if isinstance(repeats, Tensor) else repeats
    return input.index_select(dim, wrap(np.repeat(np.arange(input.shape[dim]), times)))


@public("torch", "Tensor")
def tril(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The part of the matrices on and below a diagonal; zeros elsewhere."""
    if input.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return write_out("tril", shape.tril(input, diagonal), out)


@public("torch", "Tensor")
def triu(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The part of the matrices on and above a diagonal; zeros elsewhere."""
    if input.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return write_out("triu", shape.triu(input, diagonal), out)


@public("torch", "Tensor")
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal of two dimensions as the last dimension: a view."""
    return shape.diagonal(input, offset, normalize_dim(dim1, input.ndim), normalize_dim(dim2, input.ndim))


@public("torch", "Tensor")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector on the diagonal of a matrix of zeros, or the diagonal of a matrix."""
    if input.ndim == 2:
        return shape.diagonal(input, diagonal, 0, 1).clone()
    if input.ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    n = input.shape[0] + builtins.abs(diagonal)
    return shape.undiagonal(input, (n, n), diagonal, 0, 1)


@public("Tensor")
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor if its elements lie in row-major order, else a copy in which they do."""
    if self.is_contiguous(memory_format):
        return self
    from ..factory import contiguous_format

    return pointwise.clone(self, contiguous_format)


# ---- matrix products ---------------------------------------------------------------------------------------


def _two(name: str, a: Tensor, b: Tensor, dims: tuple[int, int]) -> None:
    if (a.ndim, b.ndim) != dims:
        raise RuntimeError(
            f"[{name}] needs tensors of {dims[0]} and {dims[1]} dimensions: got {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        )


@public("torch", "Tensor")
def mm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """Product of two matrices."""
    _two("mm", input, mat2, (2, 2))
    return matmul.matmul(input, mat2, out=out)


@public("torch", "Tensor")
def bmm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """Products of two batches of matrices."""
    _two("bmm", input, mat2, (3, 3))
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"[bmm] batches must be equal: got {tuple(input.shape)} and {tuple(mat2.shape)}")
    return matmul.bmm(input, mat2, out=out)


@public("torch", "Tensor")
def mv(input: Tensor, vec: Tensor, *, out: Any = None) -> Tensor:
    """Product of a matrix and a vector."""
    _two("mv", input, vec, (2, 1))
    return matmul.matmul(input, vec, out=out)


@public("torch", "Tensor")
def dot(input: Tensor, tensor: Tensor, *, out: Any = None) -> Tensor:
    """Sum of the products of two vectors' elements."""
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    return matmul.matmul(input, tensor, out=out)


@public("torch", "Tensor")
def outer(input: Tensor, vec2: Tensor, *, out: Any = None) -> Tensor:
    """All products of an element of one vector and one of another."""
    _two("outer", input, vec2, (1, 1))
    return write_out("outer", input.unsqueeze(1) * vec2, out)


@public("torch", "Tensor")
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`."""
    return matmul.addmm(input, mat1, mat2, beta, alpha, out=out)


# ---- conversion --------------------------------------------------------------------------------------------


@public("Tensor")
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor with another dtype or device: itself if nothing changes (unless `copy=True`), else a copy.

    Call as `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(other)`, each with `non_blocking` and
    `copy`.
    """
    target = kwargs.pop("dtype", None)
    device = kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None)
    memory_format = kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(
            "to() received an invalid combination of arguments: got an unexpected keyword "
            f"{next(iter(kwargs))!r}"
        )
    flags = []
    for a in args:
        if isinstance(a, Tensor):
            target, device = a.dtype, a.device
        elif isinstance(a, _dtype.dtype):
            target = a
        elif a in (float, int, bool, complex):
            target = _dtype.of_scalar(a(0)) if a is not float else _dtype.float64
        elif isinstance(a, bool):
            flags.append(a)
        elif isinstance(a, (str, _device.device, int)):
            device = a
        elif a is not None:
            raise TypeError(f"to() received an invalid combination of arguments: got {type(a).__name__}")
    if len(flags) > 1:
        copy = flags[1]
    _device.check_device(device, "to")
    if memory_format is not None and str(memory_format).rpartition(".")[2] not in (
        "preserve_format",
        "contiguous_format",
    ):
        raise NotImplementedError(f"[to] memory_format={memory_format} is not supported")
    if target is None or target.numpy == self._array.dtype:
        return pointwise.cast(self, self._array.dtype) if copy else self
    cast = pointwise.cast(self, target.numpy)
    return cast if memory_format is None else cast.contiguous()


@public("Tensor", name="type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """This tensor with another dtype, or without an argument the name of its type."""
    from ..factory import type_dtype, type_name

    if dtype is None:
        return type_name(self.dtype)
    return self.to(type_dtype(dtype))


@public("Tensor")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor with the dtype of `other`."""
    return self.to(other.dtype)


def _converter(name: str, target: _dtype.dtype) -> None:
    def convert(self: Tensor) -> Tensor:
        return self.to(target)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"This tensor as {target.name}."
    public("Tensor")(convert)


for _name, _target in {**_dtype.ALIASES, "bool": _dtype.bool_, "byte": _dtype.uint8, "char": _dtype.int8,
                       "bfloat16": _dtype.bfloat16}.items():  # fmt: skip
    _converter(_name, _target)


# ---- filling in place --------------------------------------------------------------------------------------


@public("Tensor")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to a number or to a 0-d tensor."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    if check_inplace(self) and self._requires_grad:
        return apply_inplace(pointwise.fill.op, (self, value))
    return assign(self, value)


@public("Tensor")
def zero_(self: Tensor) -> Tensor:
    """Set every element to 0."""
    if check_inplace(self) and self._requires_grad:
        return apply_inplace(pointwise.fill.op, (self, 0), None, "ZeroBackward0")
    return assign(self, 0)


@public("Tensor")
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Set the main diagonal of a matrix to a number."""
    if wrap:
        raise NotImplementedError("[fill_diagonal_] wrap=True is not supported")
    assign(self.diagonal(), fill_value)
    return self


@public("Tensor")
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give this tensor another shape; elements that did not exist are undefined."""
    wanted = sizes_of("resize_", sizes)
    if self._requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    n = math.prod(wanted)
    if n <= self._array.size and self._array.flags.c_contiguous:
        self._array = self._array.reshape(-1)[:n].reshape(wanted)
    else:
        grown = np.zeros(n, self._array.dtype)
        grown[: self._array.size] = self._array.reshape(-1)[:n]
        self._array = grown.reshape(wanted)
    return self


def _inplace_view(name: str, node: str | None) -> None:
    """`name_`: this tensor becomes its own view, as `squeeze_` and `t_` do."""

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        from ..autograd.op import alias, check_inplace

        recording = check_inplace(self)
        made = getattr(alias(self) if recording else self, name)(*args, **kwargs)
        self._array = made._array
        self._vc[0] += 1
        if recording and made._requires_grad:
            self._requires_grad, self._grad_fn, self._nr = True, made._grad_fn, made._nr
            if node is not None and self._grad_fn is not None:
                self._grad_fn.__class__ = self._grad_fn.op.named(node)
        return self

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"In-place form of `{name}`: the tensor itself changes shape."
    public("Tensor")(change)


for _name, _node in {
    "t": "TBackward1", "transpose": "TransposeBackward1", "squeeze": None, "unsqueeze": "UnsqueezeBackward1",
    "swapaxes": "TransposeBackward1", "swapdims": "TransposeBackward1",
}.items():  # fmt: skip
    _inplace_view(_name, _node)


@public("torch")
def real(input: Tensor) -> Tensor:
    """The real part: a view of a complex tensor, a real tensor itself."""
    return pointwise.real(input) if input.is_complex() else input


@public("torch")
def is_tensor(obj: Any) -> bool:
    """Whether an object is a Tensor."""
    return isinstance(obj, Tensor)


@public("torch")
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


@public("torch")
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is floating."""
    return input.is_floating_point()


@public("torch")
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


@public("torch")
def result_type(tensor1: Any, tensor2: Any) -> _dtype.dtype:
    """The dtype that arithmetic between the two would give."""
    return _dtype.result_dtype([_raw(tensor1), _raw(tensor2)])


@public("torch")
def detach(input: Tensor) -> Tensor:
    """A tensor over the same memory without history."""
    return Tensor.detach(input)
