"""Convolution over any number of dimensions, as matrix products of unfolded windows.

The three ops are the three sides of one bilinear form, so each one's rules are the other two:
`conv(x, w)`, its adjoint in x `conv_input(g, w)` (also transposed convolution), its adjoint in w
`conv_weight(g, x)`. The definitions take a few images at a time, so that unfolded windows never need much memory.
Shapes: x (N, C, *spatial), w (O, C / groups, *kernel), result (N, O, *out).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .activation import relu_grad
from .halves import in_float32

Ints = tuple[int, ...]

_PIECE = 64 << 20  # bytes that the windows of one piece of the batch may take


def out_sizes(sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """The spatial sizes of a convolution's result."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def _slices(offset: Ints, out: Ints, stride: Ints, dilation: Ints) -> tuple[Any, ...]:
    """Where in the padded input each output position reads for one kernel element."""
    return (
        Ellipsis,
        *(
            slice(o * d, o * d + s * (n - 1) + 1, s)
            for o, n, s, d in zip(offset, out, stride, dilation, strict=True)
        ),
    )


def _padded(x: Any, padding: Ints) -> Any:
    if not any(padding):
        return x
    return namespace(x).pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def _columns(x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    """The windows as columns: (groups, C / groups * prod(kernel), N * prod(out))."""
    n, c = x.shape[:2]
    out = out_sizes(x.shape[2:], kernel, stride, padding, dilation)
    x = _padded(x, padding).swapaxes(0, 1)
    columns = namespace(x).empty((c, *kernel, n, *out), x.dtype)
    for offset in itertools.product(*map(range, kernel)):
        columns[(slice(None), *offset)] = x[_slices(offset, out, stride, dilation)]
    return columns.reshape(groups, c // groups * math.prod(kernel), n * math.prod(out))


def _pieces(batch: int, image: int) -> Iterator[slice]:
    """The batch in pieces whose windows, `image` bytes for each image, take _PIECE bytes or are those of one image."""
    step = max(1, _PIECE // max(1, image))
    for i in range(0, batch, step):
        yield slice(i, min(i + step, batch))


def _by_channel(g: Any, groups: int) -> Any:
    """(N, O, *out) as (groups, O / groups, N * prod(out))."""
    o = g.shape[1]
    return g.swapaxes(0, 1).reshape(groups, o // groups, g.shape[0] * math.prod(g.shape[2:]))


@op(grad_name="ConvolutionBackward0")
def conv(
    input: Any,
    weight: Any,
    bias: Any = None,
    /,
    stride: Ints = (1,),
    padding: Ints = (0,),
    dilation: Ints = (1,),
    groups: int = 1,
) -> Any:
    """Cross-correlation of the input with each filter, plus the bias."""
    (n, c), o, kernel = input.shape[:2], weight.shape[0], weight.shape[2:]
    out = out_sizes(input.shape[2:], kernel, stride, padding, dilation)
    w = weight.reshape(groups, o // groups, c // groups * math.prod(kernel))
    result = namespace(input).empty((n, o, *out), input.dtype)
    for i in _pieces(n, c * math.prod(kernel) * math.prod(out) * input.itemsize):
        columns = _columns(input[i], kernel, stride, padding, dilation, groups)
        result[i] = (w @ columns).reshape(o, i.stop - i.start, *out).swapaxes(0, 1)
    if bias is not None:
        result += bias.reshape(-1, *(1,) * len(out))
    return result


conv.vjp(
    input=lambda g, weight, input_shape, stride, padding, dilation, groups: conv_input(
        g, weight, input_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: conv_weight(
        g, input, weight_shape, stride, padding, dilation, groups
    ),
    bias=lambda g: _over_places(g),
)


def _over_places(g: Any) -> Any:
    from .reduce import sum

    return sum(g, (0, *range(2, len(g.shape))), False, None)


@op(grad_name="ReluBackward0")
def conv_relu(
    input: Any,
    weight: Any,
    bias: Any = None,
    /,
    stride: Ints = (1,),
    padding: Ints = (0,),
    dilation: Ints = (1,),
    groups: int = 1,
) -> Any:
    """`conv` with 0 instead of negative results."""
    result = conv(input, weight, bias, stride, padding, dilation, groups)
    return namespace(result).maximum(result, result.dtype.type(0))


conv_relu.vjp(
    input=lambda g, weight, out, input_shape, stride, padding, dilation, groups: conv_input(
        relu_grad(g, out), weight, input_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, input, out, weight_shape, stride, padding, dilation, groups: conv_weight(
        relu_grad(g, out), input, weight_shape, stride, padding, dilation, groups
    ),
    bias=lambda g, out: _over_places(relu_grad(g, out)),
)


@op(grad_name="ConvolutionBackward0")
def conv_input(
    g: Any, weight: Any, /, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """The adjoint of `conv` in its input: every output value spread over the window it came from."""
    (n, c), kernel, out = shape[:2], weight.shape[2:], g.shape[2:]
    w = weight.reshape(groups, weight.shape[0] // groups, c // groups * math.prod(kernel)).swapaxes(1, 2)
    padded = namespace(g).zeros(
        (n, c, *(s + 2 * p for s, p in zip(shape[2:], padding, strict=True))), g.dtype
    )
    for i in _pieces(n, c * math.prod(kernel) * math.prod(out) * g.itemsize):
        columns = (w @ _by_channel(g[i], groups)).reshape(c, *kernel, i.stop - i.start, *out)
        for offset in itertools.product(*map(range, kernel)):
            padded[i][_slices(offset, out, stride, dilation)] += columns[(slice(None), *offset)].swapaxes(
                0, 1
            )
    inner = padded[(..., *(slice(p, p + s) for s, p in zip(shape[2:], padding, strict=True)))]
    return namespace(g).ascontiguousarray(inner)


conv_input.vjp(
    g=lambda h, weight, stride, padding, dilation, groups: conv(
        h, weight, None, stride, padding, dilation, groups
    ),
    weight=lambda h, g, weight_shape, stride, padding, dilation, groups: conv_weight(
        g, h, weight_shape, stride, padding, dilation, groups
    ),
)


@op(grad_name="ConvolutionBackward0")
def conv_weight(
    g: Any, input: Any, /, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """The adjoint of `conv` in its weight: every output value times the window it came from."""
    result = namespace(g).zeros((groups, shape[0] // groups, math.prod(shape[1:])), g.dtype)
    for i in _pieces(len(g), input.shape[1] * math.prod(shape[2:]) * math.prod(g.shape[2:]) * g.itemsize):
        columns = _columns(input[i], shape[2:], stride, padding, dilation, groups)
        result += _by_channel(g[i], groups) @ columns.swapaxes(1, 2)
    return result.reshape(shape)


conv_weight.vjp(
    g=lambda h, input, stride, padding, dilation, groups: conv(
        input, h, None, stride, padding, dilation, groups
    ),
    input=lambda h, g, input_shape, stride, padding, dilation, groups: conv_input(
        g, h, input_shape, stride, padding, dilation, groups
    ),
)


in_float32(conv, conv_relu, conv_input, conv_weight)
