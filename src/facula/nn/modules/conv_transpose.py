"""Transposed convolutions: the gradient of a convolution as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from ._sizes import per_dim
from .conv import _ConvNd


class _ConvTransposeNd(_ConvNd):
    _dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        if isinstance(padding, str):
            raise ValueError(f"[{type(self).__name__}] padding must be numbers: got {padding!r}")
        super().__init__(
            self._dims, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype, per_dim(output_padding, self._dims),
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """What has to be added at one side for the result to have a wanted size."""
        if output_size is None:
            return self.output_padding
        n = self._dims
        wanted = list(output_size)
        if len(wanted) == n + 2:
            wanted = wanted[2:]
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {n + 2} elements "
                f"(got {len(wanted)})"
            )
        sizes = input.shape[-n:]
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(
                sizes, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
        if any(not low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {tuple(wanted)}, but valid sizes range from {least} to {most} "
                f"(for an input of {sizes})"
            )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self._dims - 1]
        extra = self._output_padding(input, output_size)
        return function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTransposeNd):
    """The adjoint of `Conv1d` with the same arguments: it spreads each entry over a window.

    Args:
        in_channels, out_channels: numbers of channels.
        kernel_size: length of the kernel.
        stride: distance of the windows in the result.
        padding: taken away from both ends of the result.
        output_padding: added to the end of the result; less than stride or dilation.
        groups: so many separate parts of the channels.
        bias: add a learned bias.
        dilation: distance between the kernel's elements.
        padding_mode: "zeros" only.
        device, dtype: of the parameters.

    Shape: (N, in_channels, L) or (in_channels, L) to (N, out_channels, L'), with
    `L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1`. Called with
    `output_size`, it chooses the `output_padding` itself.

    Parameters: `weight` (in_channels, out_channels / groups, kernel_size), `bias` (out_channels).

    Raises:
        ValueError: another padding_mode, or an output_size that cannot be reached.

    >>> import facula
    >>> facula.nn.ConvTranspose1d(4, 2, 3, stride=2)(facula.rand(1, 4, 5)).shape
    facula.Size([1, 2, 11])
    """


class ConvTranspose2d(_ConvTransposeNd):
    """The adjoint of `Conv2d`; all as for `ConvTranspose1d`, sizes being ints or pairs.

    Shape: (N, in_channels, H, W) or (in_channels, H, W) to (N, out_channels, H', W').

    >>> import facula
    >>> facula.nn.ConvTranspose2d(4, 2, 2, stride=2)(facula.rand(1, 4, 5, 6)).shape
    facula.Size([1, 2, 10, 12])
    """

    _dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    """The adjoint of `Conv3d`; all as for `ConvTranspose1d`, sizes being ints or triples.

    Shape: (N, in_channels, D, H, W) or (in_channels, D, H, W) to (N, out_channels, D', H', W').

    >>> import facula
    >>> facula.nn.ConvTranspose3d(2, 1, 2, stride=2)(facula.rand(1, 2, 2, 3, 4)).shape
    facula.Size([1, 1, 4, 6, 8])
    """

    _dims = 3
