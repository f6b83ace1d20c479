"""Convolution over any number of dimensions, as matrix products of unfolded windows.

The three ops are the three sides of one bilinear form, so each one's rules are the other two:
`conv(x, w)`, its adjoint in x `conv_input(g, w)` (also transposed convolution), its adjoint in w
`conv_weight(g, x)`.
Shapes: x (N, C, *spatial), w (O, C / groups, *kernel), result (N, O, *out).
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import in_float32

Ints = tuple[int, ...]


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
    n, o, kernel = input.shape[0], weight.shape[0], weight.shape[2:]
    out = out_sizes(input.shape[2:], kernel, stride, padding, dilation)
    columns = _columns(input, kernel, stride, padding, dilation, groups)
    result = weight.reshape(groups, o // groups, columns.shape[1]) @ columns
    result = result.reshape(o, n, *out).swapaxes(0, 1)
    if bias is not None:
        result = result + bias.reshape(-1, *(1,) * len(out))
    return namespace(input).ascontiguousarray(result)


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


@op(grad_name="ConvolutionBackward0")
def conv_input(
    g: Any, weight: Any, /, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """The adjoint of `conv` in its input: every output value spread over the window it came from."""
    kernel = weight.shape[2:]
    n, c = shape[:2]
    out = g.shape[2:]
    w = weight.reshape(groups, weight.shape[0] // groups, -1)
    columns = (w.swapaxes(1, 2) @ _by_channel(g, groups)).reshape(c, *kernel, n, *out)
    padded = namespace(g).zeros(
        (c, n, *(s + 2 * p for s, p in zip(shape[2:], padding, strict=True))), g.dtype
    )
    for offset in itertools.product(*map(range, kernel)):
        padded[_slices(offset, out, stride, dilation)] += columns[(slice(None), *offset)]
    inner = padded[(..., *(slice(p, p + s) for s, p in zip(shape[2:], padding, strict=True)))]
    return namespace(g).ascontiguousarray(inner.swapaxes(0, 1))


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
    columns = _columns(input, shape[2:], stride, padding, dilation, groups)
    return (_by_channel(g, groups) @ columns.swapaxes(1, 2)).reshape(shape)


conv_weight.vjp(
    g=lambda h, input, stride, padding, dilation, groups: conv(
        input, h, None, stride, padding, dilation, groups
    ),
    input=lambda h, g, input_shape, stride, padding, dilation, groups: conv_input(
        g, h, input_shape, stride, padding, dilation, groups
    ),
)


in_float32(conv, conv_input, conv_weight)
