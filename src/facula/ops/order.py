"""Functions of the order of elements: medians, quantiles, running extremes, places in sorted sequences,
counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._tensor import Tensor, normalize_dim, wrap
from ..autograd.op import public, write_out
from . import reduce
from .return_types import return_type

kthvalue_result = return_type("kthvalue", "values", "indices")
median_result = return_type("median", "values", "indices")
nanmedian_result = return_type("nanmedian", "values", "indices")
mode_result = return_type("mode", "values", "indices")
cummax_result = return_type("cummax", "values", "indices")
cummin_result = return_type("cummin", "values", "indices")
aminmax_result = return_type("aminmax", "min", "max")


def _pick(input: Tensor, dim: int, index: Any, keepdim: bool, node: str, kind: Any) -> Any:
    """Values and indices at one place along a dimension; `index` still has that dimension."""
    values, places = reduce.picked(input, dim, index, node), wrap(np.asarray(index, order="C"))
    return (
        kind(values, places) if keepdim or not input.ndim else kind(values.squeeze(dim), places.squeeze(dim))
    )


@public("torch", "Tensor")
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element (counted from 1) along a dimension, and its index."""
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    index = np.argsort(input._array, dim, kind="stable") if input.ndim else np.zeros((), np.int64)
    if input.ndim:
        index = index.take([k - 1], dim)
    return _pick(input, dim, index, keepdim, "KthvalueBackward0", kthvalue_result)


def _median(name: str, input: Tensor, dim: Any, keepdim: bool) -> Any:
    a, kind = input._array, median_result if name == "median" else nanmedian_result
    node = ("Median" if name == "median" else "Nanmedian") + "Backward"
    if dim is None:
        flat = input.reshape(-1)
        if not input.numel():
            return wrap(np.asarray(np.nan if a.dtype.kind in "fV" else np.iinfo(a.dtype).min, a.dtype))
        return reduce.picked(flat, 0, _middle(name, flat._array, 0), node + "0").reshape(())
    dim = normalize_dim(dim, input.ndim)
    index = _middle(name, a, dim) if a.ndim else np.zeros((), np.int64)
    return _pick(input, dim, index, keepdim, node + "1", kind)


def _middle(name: str, a: Any, dim: int) -> Any:
    """The index of the lower median, keeping the dimension; of the first NaN, if they count."""
    order = np.argsort(a, dim, kind="stable")
    missing = (a != a).sum(axis=dim, keepdims=True)
    n = a.shape[dim] - (missing if name == "nanmedian" else 0)
    place = np.maximum((n - 1) // 2, 0) + np.zeros_like(missing)
    if name == "median":
        place = np.where(missing > 0, a.shape[dim] - missing, place)
    return np.take_along_axis(order, place, dim)


@public("torch", "Tensor")
def median(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The median (the lower of two) of all elements, or along a dimension with its index; NaN if there is
    one.
    """
    return _median("median", input, dim, keepdim)


@public("torch", "Tensor")
def nanmedian(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The median of the elements that are not NaN."""
    return _median("nanmedian", input, dim, keepdim)


@public("torch", "Tensor")
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along a dimension (the smallest of equals) and the last index where it is."""
    a = input._array
    dim = normalize_dim(dim, input.ndim)
    if not a.ndim:
        return mode_result(input.clone(), wrap(np.zeros((), np.int64)))
    moved = np.moveaxis(a, dim, -1)
    index = np.zeros((*moved.shape[:-1], 1), np.int64)
    for place in np.ndindex(*moved.shape[:-1]):
        values, counts = np.unique(moved[place], return_counts=True)
        index[place] = np.flatnonzero(moved[place] == values[counts.argmax()])[-1]
    return _pick(input, dim, np.moveaxis(index, -1, dim), keepdim, "ModeBackward0", mode_result)


def _running(input: Tensor, dim: int, largest: bool) -> Any:
    dim = normalize_dim(dim, input.ndim)
    a = input._array
    if not a.ndim:
        return input.clone(), wrap(np.zeros((), np.int64))
    best = (np.maximum if largest else np.minimum).accumulate(a, axis=dim)
    # The last place so far where the running extreme was reached.
    where = np.arange(a.shape[dim]).reshape([-1 if i == dim else 1 for i in range(a.ndim)])
    index = np.maximum.accumulate(np.where((a == best) | (a != a), where, 0), axis=dim)
    return reduce.picked(input, dim, index, "CummaxBackward0" if largest else "CumminBackward0"), wrap(index)


@public("torch", "Tensor")
def cummax(input: Tensor, dim: int) -> Any:
    """Running maximum along a dimension and its (last) index."""
    return cummax_result(*_running(input, dim, True))


@public("torch", "Tensor")
def cummin(input: Tensor, dim: int) -> Any:
    """Running minimum along a dimension and its (last) index."""
    return cummin_result(*_running(input, dim, False))


@public("torch", "Tensor")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, of all or along a dimension."""
    return aminmax_result(
        input.amin(() if dim is None else dim, keepdim), input.amax(() if dim is None else dim, keepdim)
    )


@public("torch", "Tensor")
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-th quantiles (0 to 1) of all elements or along a dimension; several of them come first in the
    result.

    `interpolation`: "linear", "lower", "higher", "midpoint" or "nearest".
    """
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    if not input.is_floating_point():
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    several = isinstance(q, Tensor) and q.ndim == 1
    levels = [float(v) for v in (q.tolist() if several else [q])]
    if any(not 0 <= v <= 1 for v in levels):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    if dim is None:
        x, at = input.reshape(-1), 0
    else:
        x, at = input, normalize_dim(dim, input.ndim)
    ordered = x.sort(at).values
    found = []
    for level in levels:
        place = level * (x.shape[at] - 1)
        low, high = int(np.floor(place)), int(np.ceil(place))
        if interpolation == "nearest":
            low = high = int(np.rint(place))
        weight = {"linear": place - low, "lower": 0.0, "higher": 1.0, "midpoint": 0.5, "nearest": 0.0}[
            interpolation
        ]
        a, b = ordered.narrow(at, low, 1), ordered.narrow(at, high, 1)
        value = a.lerp(b, weight) if low != high else a
        if dim is None:
            value = value.reshape((1,) * input.ndim if keepdim else ())
        elif not keepdim:
            value = value.squeeze(at)
        found.append(value)
    if not several:
        return found[0]
    from .reshaping import stack

    return stack(found)


@public("torch", "Tensor")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum where NaN counts as 0."""
    return input.masked_fill(input.isnan(), 0).sum(dim, keepdim, dtype=dtype)


@public("torch", "Tensor")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean of the elements that are not NaN."""
    return nansum(input, dim, keepdim, dtype=dtype) / (~input.isnan()).sum(dim, keepdim)


@public("torch")
def std_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """Standard deviation and mean."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return input.std(dim, unbiased, keepdim, correction=correction), input.mean(dim, keepdim)


@public("torch")
def var_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """Variance and mean."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return input.var(dim, unbiased, keepdim, correction=correction), input.mean(dim, keepdim)


@public("torch", "Tensor")
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log of the running sum of exp(x) along a dimension."""
    dim = normalize_dim(dim, input.ndim)
    top = wrap(input._array.max(axis=dim, keepdims=True)) if input.numel() and input.ndim else input.detach()
    return ((input - top).exp().cumsum(dim)).log() + top


@public("torch", "Tensor")
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along a dimension, `n` times over; bool elements: whether they differ."""
    from .reshaping import cat

    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    dim = normalize_dim(dim, input.ndim)
    parts = [p for p in (prepend, input, append) if p is not None]
    x = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        after, before = x.narrow(dim, 1, x.shape[dim] - 1), x.narrow(dim, 0, x.shape[dim] - 1)
        x = after != before if x._array.dtype == bool else after - before
    return x


@public("torch", "Tensor")
def msort(input: Tensor) -> Tensor:
    """Sorted along the first dimension."""
    values: Tensor = input.sort(0).values
    return values


@public("torch")
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None =
    None,
    out: Any = None, sorter: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Where each value would have to be inserted in a sorted last dimension: before equal ones, or after if
    `right`.

    Shapes: a sequence (N,) with values of any shape, or (..., N) with values (..., M).
    """
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    how: Any = "right" if right or side == "right" else "left"
    a = sorted_sequence._array
    v = input._array if isinstance(input, Tensor) else np.asarray(input)
    if a.ndim == 1:
        found = np.asarray(np.searchsorted(a, v, how))
    else:
        if a.shape[:-1] != v.shape[:-1]:
            raise RuntimeError(
                "boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor "
                "and input value "
                f"tensor must match, but we got boundaries tensor {list(a.shape)} and input value tensor "
                f"{list(v.shape)}"
            )
        rows = zip(a.reshape(-1, a.shape[-1]), v.reshape(-1, v.shape[-1]), strict=True)
        found = np.stack([np.searchsorted(s, x, how) for s, x in rows]).reshape(v.shape)
    result: Tensor = write_out("searchsorted", wrap(found.astype(np.int32 if out_int32 else np.int64)), out)
    return result


@public("torch")
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Any = None
) -> Tensor:
    """The number of the bucket between sorted boundaries that each value falls into."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


@public("torch", "Tensor")
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Any = None) -> Tensor:
    """How many elements fall into each of `bins` equal parts of [min, max] (by default of the elements'
    range).
    """
    a = input._array.reshape(-1)
    if not input.is_floating_point():
        raise NotImplementedError(f'"histogram_cpu" not implemented for {input.dtype}')
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    if min == max and a.size:
        min, max = float(a.min()), float(a.max())
    if min == max:
        min, max = min - 1, max + 1
    if max < min:
        raise RuntimeError("max must be larger than min")
    counts, _ = np.histogram(a[(a >= min) & (a <= max)], bins, (min, max))
    result: Tensor = write_out("histc", wrap(counts.astype(a.dtype)), out)
    return result


@public("torch")
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among `test_elements`."""
    a, b = (x._array if isinstance(x, Tensor) else np.asarray(x) for x in (elements, test_elements))
    return wrap(np.isin(a, b, invert=invert))


@public("torch", "Tensor")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements without repetitions of their predecessor; on request where each went and how long each
    run was.
    """
    a = input._array
    if dim is not None:
        raise NotImplementedError("[unique_consecutive] dim is not supported")
    flat = a.reshape(-1)
    starts = np.concatenate([np.ones(min(flat.size, 1), bool), flat[1:] != flat[:-1]])
    parts = [flat[starts]]
    if return_inverse:
        parts.append((np.cumsum(starts) - 1).reshape(a.shape))
    if return_counts:
        parts.append(np.diff(np.append(np.flatnonzero(starts), flat.size)))
    result = tuple(wrap(np.ascontiguousarray(p)) for p in parts)
    return result[0] if len(result) == 1 else result


@public("torch")
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral along a dimension by the trapezoid rule, with points `x` or a constant distance `dx`."""
    return _trapezoids(y, x, dx, dim).sum(dim)


@public("torch")
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral along a dimension by the trapezoid rule."""
    return _trapezoids(y, x, dx, dim).cumsum(dim)


def _trapezoids(y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    dim = normalize_dim(dim, y.ndim)
    n = y.shape[dim]
    middle = (y.narrow(dim, 1, n - 1) + y.narrow(dim, 0, n - 1)) / 2
    if x is None:
        return middle * dx
    steps = diff(x)
    return middle * (
        steps if steps.ndim == y.ndim else steps.reshape([-1 if i == dim else 1 for i in range(y.ndim)])
    )
