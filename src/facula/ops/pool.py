"""Pooling: windows reduced to their largest element or their mean.

Inputs are (..., *spatial); `kernel`, `stride`, `padding`, `dilation` have one number for each spatial
dimension.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .conv import _slices
from .halves import in_float32

Ints = tuple[int, ...]


def out_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows fit; with `ceil_mode` also a last one that begins inside but ends outside."""
    span = n + 2 * p - d * (k - 1) - 1
    size = (-(-span // s) if ceil_mode else span // s) + 1
    if ceil_mode and (size - 1) * s >= n + p:
        size -= 1
    return size


def _sizes(shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool) -> Ints:
    return tuple(
        map(out_size, shape[-len(kernel) :], kernel, stride, padding, dilation, (ceil_mode,) * len(kernel))
    )


def _pads(
    shape: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> list[tuple[int, int]]:
    """What is added before and after each spatial dimension so that every window fits."""
    pads = [(0, 0)] * (len(shape) - len(kernel))
    for n, o, k, s, p, d in zip(shape[-len(kernel) :], out, kernel, stride, padding, dilation, strict=True):
        pads.append((p, max(p, (o - 1) * s + d * (k - 1) + 1 - n - p)))
    return pads


def _largest(
    x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> tuple[Any, Any]:
    """The largest element of each window and which of the window's elements it is, counted in row order (the first
    of equals).
    """
    xp = namespace(x)
    sizes = x.shape[-len(kernel) :]
    out = _sizes(x.shape, kernel, stride, padding, dilation, ceil_mode)
    lowest = xp.iinfo(x.dtype).min if x.dtype.kind in "iu" else -math.inf
    padded = xp.pad(x, _pads(x.shape, out, kernel, stride, padding, dilation), constant_values=lowest)
    best: Any = None
    for number, offset in enumerate(itertools.product(*map(range, kernel))):
        candidate = padded[_slices(offset, out, stride, dilation)]
        # The first window elements may lie in the padding, where nothing is to be found.
        new_inside = _inside(xp, offset, sizes, out, stride, padding, dilation)
        if best is None:
            best, inside = candidate.copy(), new_inside
            code = xp.zeros(best.shape, "int64")
            continue
        better = (candidate > best) | (candidate != candidate) | (new_inside & ~inside)
        xp.copyto(best, candidate, where=better)
        code[better] = number
        inside = inside | new_inside
    return best, code


def _places(code: Any, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """Where the chosen elements of windows are in the flattened spatial dimensions."""
    xp, dims = namespace(code), len(kernel)
    place, rest = xp.zeros((1,) * dims, "int64"), code.astype("int64")
    step = 1
    for i in reversed(range(dims)):
        line = (xp.arange(code.shape[i - dims]) * stride[i] - padding[i]).reshape(
            (-1,) + (1,) * (dims - 1 - i)
        )
        place = place + (line + rest % kernel[i] * dilation[i]) * step
        rest, step = rest // kernel[i], step * sizes[i]
    return place


@op(grad_name=lambda *a: f"MaxPool{len(a[1])}DWithIndicesBackward0")
def max_pool(
    input: Any, /, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> Any:
    """The largest element of each window and its place in the flattened spatial dimensions (the first of
    equals).
    """
    best, code = _largest(input, kernel, stride, padding, dilation, ceil_mode)
    return best, _places(code, input.shape[-len(kernel) :], kernel, stride, padding, dilation)


@op(grad_name=lambda *a: f"MaxPool{len(a[1])}DWithIndicesBackward0")
def max_pool_compact(
    input: Any, /, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> Any:
    """As `max_pool`, with the number of the element in its window, a byte: for windows of at most 256."""
    best, code = _largest(input, kernel, stride, padding, dilation, ceil_mode)
    return best, code.astype("uint8")


def _inside(
    xp: Any, offset: Ints, sizes: Ints, out: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    """For which windows one kernel element lies inside the input."""
    result = xp.ones((1,) * len(out), "bool")
    for i, (o, n, m, s, p, d) in enumerate(zip(offset, sizes, out, stride, padding, dilation, strict=True)):
        at = xp.arange(m) * s + (o * d - p)
        result = result & ((at >= 0) & (at < n)).reshape((-1,) + (1,) * (len(out) - 1 - i))
    return result


max_pool.op.kept_outputs = (1,)  # the indices
max_pool.vjp(input=lambda g, out, input_shape, kernel: unpool(g[0], input_shape, out[1], len(kernel)))
max_pool_compact.op.kept_outputs = (1,)
max_pool_compact.vjp(
    input=lambda g, out, input_shape, kernel, stride, padding, dilation: unpool_compact(
        g[0], input_shape, out[1], kernel, stride, padding, dilation
    )
)


@op()
def unpool_compact(
    input: Any, /, shape: Ints, codes: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    """Zeros of `shape` to which the input is added at the elements that `max_pool_compact` found."""
    places = _places(
        getattr(codes, "_array", codes), shape[-len(kernel) :], kernel, stride, padding, dilation
    )
    return unpool(input, shape, places, len(kernel))


unpool_compact.vjp(
    input=lambda h, codes, kernel, stride, padding, dilation: pooled_compact(
        h, codes, kernel, stride, padding, dilation
    )
)


@op()
def pooled_compact(
    input: Any, /, codes: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    """The elements that `max_pool_compact` found."""
    sizes = input.shape[-len(kernel) :]
    places = _places(getattr(codes, "_array", codes), sizes, kernel, stride, padding, dilation)
    return pooled(input, places, len(kernel))


pooled_compact.vjp(
    input=lambda g, input_shape, codes, kernel, stride, padding, dilation: unpool_compact(
        g, input_shape, codes, kernel, stride, padding, dilation
    )
)


@op(grad_name=lambda *a: f"AdaptiveMaxPool{len(a[1])}DBackward0")
def adaptive_max_pool(input: Any, /, sizes: Ints) -> Any:
    """The largest element of nearly equal parts and its place in the flattened spatial dimensions."""
    xp = namespace(input)
    dims = len(sizes)
    spatial = input.shape[-dims:]
    lead = input.shape[:-dims]
    places = xp.arange(math.prod(spatial)).reshape(spatial)
    values, indices = xp.empty((*lead, *sizes), input.dtype), xp.empty((*lead, *sizes), "int64")
    for place in itertools.product(*map(range, sizes)):
        part = tuple(
            slice(i * n // o, -(-(i + 1) * n // o)) for i, n, o in zip(place, spatial, sizes, strict=True)
        )
        window = input[(..., *part)].reshape(*lead, -1)
        best = window.argmax(-1)
        values[(..., *place)] = xp.take_along_axis(window, best[..., None], -1)[..., 0]
        indices[(..., *place)] = places[part].reshape(-1)[best]
    return values, indices


adaptive_max_pool.op.kept_outputs = (1,)
adaptive_max_pool.vjp(input=lambda g, out, input_shape, sizes: unpool(g[0], input_shape, out[1], len(sizes)))


@op()
def unpool(input: Any, /, shape: Ints, indices: Any, dims: int) -> Any:
    """Zeros of `shape` to which the input is added at the places that `max_pool` found."""
    xp = namespace(input)
    indices = getattr(indices, "_array", indices)
    lead, places = math.prod(shape[:-dims]), math.prod(shape[-dims:])
    at = indices.reshape(lead, -1) + (xp.arange(lead) * places)[:, None]
    # bincount adds in float64 and is much quicker than adding at indices one by one.
    flat = xp.bincount(at.reshape(-1), input.reshape(-1), lead * places)
    return flat.astype(input.dtype).reshape(shape)


unpool.vjp(input=lambda h, indices, dims: pooled(h, indices, dims))


@op()
def pooled(input: Any, /, indices: Any, dims: int) -> Any:
    """The elements at the places that `max_pool` found."""
    xp = namespace(input)
    indices = getattr(indices, "_array", indices)
    lead = math.prod(input.shape[:-dims])
    return xp.take_along_axis(input.reshape(lead, -1), indices.reshape(lead, -1), 1).reshape(indices.shape)


pooled.vjp(input=lambda g, input_shape, indices, dims: unpool(g, input_shape, indices, dims))


@op(grad_name=lambda *a: f"AvgPool{len(a[1])}DBackward0")
def avg_pool(
    input: Any,
    /,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """The mean of each window; see `_divisor` for what counts as an element."""
    ones = (1,) * len(kernel)
    out = _sizes(input.shape, kernel, stride, padding, ones, ceil_mode)
    padded = namespace(input).pad(input, _pads(input.shape, out, kernel, stride, padding, ones))
    total: Any = None
    for offset in itertools.product(*map(range, kernel)):
        part = padded[_slices(offset, out, stride, ones)]
        total = part.copy() if total is None else total + part
    return total / _divisor(input, input.shape, out, kernel, stride, padding, count_include_pad, divisor)


def _divisor(
    x: Any,
    shape: Ints,
    out: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    include: bool,
    divisor: int | None,
) -> Any:
    """How many elements each window has: those inside the input, or inside input and padding; or a fixed
    number.
    """
    xp = namespace(x)
    if divisor is not None:
        return x.dtype.type(divisor)
    result = xp.ones((1,) * len(kernel), x.dtype)
    for i, (n, o, k, s, p) in enumerate(
        zip(shape[-len(kernel) :], out, kernel, stride, padding, strict=True)
    ):
        start = xp.arange(o) * s - p
        end = xp.minimum(start + k, n + p)
        if not include:
            start, end = xp.maximum(start, 0), xp.minimum(end, n)
        result = result * (end - start).astype(x.dtype).reshape((-1,) + (1,) * (len(kernel) - 1 - i))
    return result


avg_pool.vjp(
    input=lambda g, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor: avg_unpool(
        g, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    )
)


@op()
def avg_unpool(
    input: Any, /, shape: Ints, kernel: Ints, stride: Ints, padding: Ints, ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:  # fmt: skip
    """The adjoint of `avg_pool`: each mean's gradient shared out over its window."""
    ones = (1,) * len(kernel)
    out = input.shape[-len(kernel) :]
    share = input / _divisor(input, shape, out, kernel, stride, padding, count_include_pad, divisor)
    pads = _pads(shape, out, kernel, stride, padding, ones)
    padded = namespace(input).zeros(
        tuple(n + a + b for n, (a, b) in zip(shape, pads, strict=True)), input.dtype
    )
    for offset in itertools.product(*map(range, kernel)):
        padded[_slices(offset, out, stride, ones)] += share
    return padded[tuple(slice(a, a + n) for n, (a, _) in zip(shape, pads, strict=True))].copy()


avg_unpool.vjp(
    input=lambda h, kernel, stride, padding, ceil_mode, count_include_pad, divisor: avg_pool(
        h, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    )
)


def _means(x: Any, n: int, o: int) -> Any:
    """The matrix (o, n) that takes the mean of each of `o` nearly equal parts of `n` elements."""
    xp = namespace(x)
    i, j = xp.arange(o)[:, None], xp.arange(n)[None, :]
    start, end = i * n // o, -(-(i + 1) * n // o)
    return (((j >= start) & (j < end)) / (end - start)).astype(x.dtype)


@op(grad_name=lambda *a: f"AdaptiveAvgPool{len(a[1])}DBackward0")
def adaptive_avg_pool(input: Any, /, sizes: Ints) -> Any:
    """The means of nearly equal parts, as many along each spatial dimension as `sizes` says."""
    return _along_each(
        input, [_means(input, n, o) for n, o in zip(input.shape[-len(sizes) :], sizes, strict=True)]
    )


def _along_each(x: Any, matrices: list[Any]) -> Any:
    for i, m in enumerate(matrices):
        axis = x.ndim - len(matrices) + i
        x = (x.swapaxes(axis, -1) @ m.T).swapaxes(axis, -1)
    return namespace(x).ascontiguousarray(x)


@op()
def adaptive_avg_unpool(input: Any, /, shape: Ints, dims: int) -> Any:
    """The adjoint of `adaptive_avg_pool`."""
    return _along_each(
        input, [_means(input, n, o).T for n, o in zip(shape[-dims:], input.shape[-dims:], strict=True)]
    )


adaptive_avg_pool.vjp(input=lambda g, input_shape, sizes: adaptive_avg_unpool(g, input_shape, len(sizes)))
adaptive_avg_unpool.vjp(input=lambda h, input_shape, dims: adaptive_avg_pool(h, input_shape[-dims:]))


in_float32(avg_pool, avg_unpool, adaptive_avg_pool, adaptive_avg_unpool, unpool)
