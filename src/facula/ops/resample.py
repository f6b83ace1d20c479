"""Resampling along dimensions: each output entry is a weighted sum of input entries."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .halves import in_float32


@op(grad_name=lambda input, matrices, node: node)
def resample(input: Any, /, matrices: tuple[Any, ...], node: str) -> Any:
    """The last dimensions multiplied by one matrix (out, in) each; `node` is the name of the node."""
    x = input
    for i, m in enumerate(matrices):
        axis = x.ndim - len(matrices) + i
        x = (x.swapaxes(axis, -1) @ m.T.astype(x.dtype)).swapaxes(axis, -1)
    return namespace(input).ascontiguousarray(x)


@op()
def unresample(input: Any, /, matrices: tuple[Any, ...], node: str) -> Any:
    """The adjoint of `resample`."""
    return resample.op.forward(input, tuple([m.T for m in matrices]), node)


resample.vjp(input=lambda g, matrices, node: unresample(g, matrices, node))


unresample.vjp(input=lambda h, matrices, node: resample(h, matrices, node))


@op(grad_name="Col2ImBackward0")
def fold_windows(
    input: Any, /, shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> Any:
    """The sum of windows (N, C * prod(kernel), places) at their places in (N, C, H, W): the adjoint of
    `unfold_windows`.
    """
    from .conv import _slices, out_sizes

    n, c = shape[:2]
    out = out_sizes(shape[2:], kernel, stride, padding, dilation)
    columns = input.reshape(n, c, *kernel, *out)
    padded = namespace(input).zeros(
        (n, c, *(s + 2 * p for s, p in zip(shape[2:], padding, strict=True))), input.dtype
    )
    for offset in namespace(input).ndindex(*kernel):
        padded[_slices(offset, out, stride, dilation)] += columns[(slice(None), slice(None), *offset)]
    return padded[(..., *(slice(p, p + s) for s, p in zip(shape[2:], padding, strict=True)))].copy()


@op(grad_name="Im2ColBackward0")
def unfold_windows(input: Any, /, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The windows of (N, C, H, W) as columns (N, C * prod(kernel), places)."""
    from .conv import _padded, _slices, out_sizes

    n, c = input.shape[:2]
    out = out_sizes(input.shape[2:], kernel, stride, padding, dilation)
    x = _padded(input, padding)
    columns = namespace(input).empty((n, c, *kernel, *out), input.dtype)
    for offset in namespace(input).ndindex(*kernel):
        columns[(slice(None), slice(None), *offset)] = x[_slices(offset, out, stride, dilation)]
    places = 1
    for o in out:
        places *= o
    return columns.reshape(n, -1, places)


fold_windows.vjp(
    input=lambda h, kernel, stride, padding, dilation: unfold_windows(h, kernel, stride, padding, dilation)
)
unfold_windows.vjp(
    input=lambda g, input_shape, kernel, stride, padding, dilation: fold_windows(
        g, input_shape, kernel, stride, padding, dilation
    )
)

in_float32(resample)
