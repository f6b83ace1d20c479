"""Layers that change the size of planes: enlarging, shuffling channels and places, taking out blocks."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .module import Module


class Upsample(Module):
    """Enlarges (or shrinks) the dimensions after the channels.

    Args:
        size: the new sizes, an int or one for each dimension; or
        scale_factor: factors for the present ones.
        mode: "nearest", "linear" (3-D input), "bilinear" and "bicubic" (4-D), "trilinear" (5-D).
        align_corners: the outermost points keep their places (not for "nearest").
        recompute_scale_factor: use the factor that the rounded sizes have.

    Shape: (N, C, *) to the same with new sizes.

    >>> import facula
    >>> facula.nn.Upsample(scale_factor=2)(facula.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    __constants__ = ("size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor")

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        text = (
            f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        )
        return f"{text}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of planes with mode "nearest".

    >>> import facula
    >>> facula.nn.UpsamplingNearest2d(scale_factor=2)(facula.ones(1, 1, 2, 3)).shape
    facula.Size([1, 1, 4, 6])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of planes with mode "bilinear" and `align_corners=True`.

    >>> import facula
    >>> facula.nn.UpsamplingBilinear2d(scale_factor=2)(facula.ones(1, 1, 2, 3)).shape
    facula.Size([1, 1, 4, 6])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Spreads groups of r^2 channels over blocks of r x r places.

    Args:
        upscale_factor: r.

    Shape: (*, C r^2, H, W) to (*, C, H r, W r). Source: Shi et al., 2016 (arXiv:1609.05158).

    >>> import facula
    >>> facula.nn.PixelShuffle(2)(facula.arange(4.0).reshape(1, 4, 1, 1))
    tensor([[[[0., 1.],
              [2., 3.]]]])
    """

    __constants__ = ("upscale_factor",)

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The inverse of `PixelShuffle`.

    Args:
        downscale_factor: r.

    Shape: (*, C, H r, W r) to (*, C r^2, H, W).

    >>> import facula
    >>> facula.nn.PixelUnshuffle(2)(facula.ones(1, 1, 4, 6)).shape
    facula.Size([1, 4, 2, 3])
    """

    __constants__ = ("downscale_factor",)

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Mixes groups of channels: the first of each group, then the second of each, and so on.

    Args:
        groups: how many.

    Shape: (N, C, *), kept. Source: Zhang et al., 2017 (arXiv:1707.01083).

    Raises:
        ValueError: `groups` is not positive.

    >>> import facula
    >>> facula.nn.ChannelShuffle(2)(facula.arange(4.0).reshape(1, 4, 1, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    __constants__ = ("groups",)

    def __init__(self, groups: int) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError(f"groups must be greater than 0, got groups={groups}")
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class Unfold(Module):
    """Takes out the blocks that a window visits: each becomes a column.

    Args:
        kernel_size, dilation, padding, stride: of the window; ints, or pairs.

    Shape: (N, C, H, W) to (N, C * kernel size, number of blocks).

    >>> import facula
    >>> facula.nn.Unfold(2)(facula.ones(1, 3, 4, 4)).shape
    facula.Size([1, 12, 9])
    """

    __constants__ = ("kernel_size", "dilation", "padding", "stride")

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Puts columns back as blocks, adding where they overlap.

    Args:
        output_size: (H, W) of the result.
        kernel_size, dilation, padding, stride: as of the `Unfold` that is undone.

    Shape: (N, C * kernel size, number of blocks) to (N, C, H, W).

    >>> import facula
    >>> facula.nn.Fold(3, 2)(facula.ones(1, 4, 4))[0, 0]
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """

    __constants__ = ("output_size", "kernel_size", "dilation", "padding", "stride")

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
