"""Pooling layers: the maximum or the mean of windows."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from ._sizes import per_dim
from .module import Module


class _MaxPoolNd(Module):
    __constants__ = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The maximum of each window of a row.

    Args:
        kernel_size: length of the window.
        stride: step of the window; default: its length.
        padding: so many minus infinities on both sides, at most half of `kernel_size`.
        dilation: distance between the window's elements.
        return_indices: also give the places of the maxima.
        ceil_mode: let a last window stand over the edge.

    Shape: (N, C, L) or (C, L) to (N, C, L'), with
    `L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1` (ceil with `ceil_mode`).

    >>> import facula
    >>> facula.nn.MaxPool1d(2)(facula.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class MaxPool2d(_MaxPoolNd):
    """The maximum of each window of a plane.

    Args: as for `MaxPool1d`; sizes are ints, or one for each of height and width.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W'); the formula of `MaxPool1d` holds for each dimension.

    >>> import facula
    >>> facula.nn.MaxPool2d(2)(facula.rand(1, 3, 8, 6)).shape
    facula.Size([1, 3, 4, 3])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class _AvgPoolNd(Module):
    __constants__: tuple[str, ...] = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of a row.

    Args:
        kernel_size: length of the window.
        stride: step of the window; default: its length.
        padding: so many zeros on both sides, at most half of `kernel_size`.
        ceil_mode: let a last window stand over the edge.
        count_include_pad: the padding counts in the mean's divisor.

    Shape: (N, C, L) or (C, L) to (N, C, L'), with `L' = floor((L + 2 padding - kernel_size) / stride) + 1`.

    >>> import facula
    >>> facula.nn.AvgPool1d(2)(facula.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = per_dim(kernel_size, 1)
        self.stride = per_dim(stride if stride is not None else kernel_size, 1)
        self.padding = per_dim(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of a plane.

    Args: as for `AvgPool1d`; sizes are ints, or one for each of height and width; and
        divisor_override: divide the sums by this instead of the window's size.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W').

    >>> import facula
    >>> facula.nn.AvgPool2d(2)(facula.ones(1, 1, 4, 4))
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """

    __constants__ = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _AdaptivePoolNd(Module):
    __constants__: tuple[str, ...] = ("output_size",)
    output_size: Any

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePoolNd):
    """The means of so many windows that the result has a given length, whatever the input's.

    Args:
        output_size: that length L'.

    Shape: (N, C, L) or (C, L) to (N, C, L'). Window i covers floor(i L / L') up to ceil((i + 1) L / L').

    >>> import facula
    >>> facula.nn.AdaptiveAvgPool1d(2)(facula.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePoolNd):
    """The means of so many windows that the result has a given size, whatever the input's.

    Args:
        output_size: an int or a pair; None keeps the input's size in that dimension.

    Shape: (N, C, H, W) or (C, H, W) to (N, C, H', W').

    >>> import facula
    >>> facula.nn.AdaptiveAvgPool2d((1, None))(facula.ones(2, 3, 4, 5)).shape
    facula.Size([2, 3, 1, 5])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class MaxPool3d(_MaxPoolNd):
    """The maximum of each window of a volume. Args: as for `MaxPool1d`; sizes are ints or triples.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W').

    >>> import facula
    >>> facula.nn.MaxPool3d(2)(facula.rand(1, 3, 4, 8, 6)).shape
    facula.Size([1, 3, 2, 4, 3])
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip


class AvgPool3d(AvgPool2d):
    """The mean of each window of a volume. Args: as for `AvgPool2d`; sizes are ints or triples.

    Shape: (N, C, D, H, W) or (C, D, H, W) to (N, C, D', H', W').

    >>> import facula
    >>> facula.nn.AvgPool3d(2)(facula.rand(1, 3, 4, 8, 6)).shape
    facula.Size([1, 3, 2, 4, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip


class AdaptiveAvgPool3d(_AdaptivePoolNd):
    """As `AdaptiveAvgPool2d`, for volumes. Shape: (N, C, D, H, W) to (N, C, D', H', W').

    >>> import facula
    >>> facula.nn.AdaptiveAvgPool3d((1, None, 2))(facula.ones(2, 3, 4, 5, 6)).shape
    facula.Size([2, 3, 1, 5, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(_AdaptivePoolNd):
    __constants__ = ("output_size", "return_indices")

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maxima of so many windows that the result has a given length, whatever the input's.

    Args:
        output_size: that length L'.
        return_indices: also give the places of the maxima.

    Shape: (N, C, L) or (C, L) to (N, C, L'); the windows are those of `AdaptiveAvgPool1d`.

    >>> import facula
    >>> facula.nn.AdaptiveMaxPool1d(2)(facula.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """As `AdaptiveMaxPool1d`, for planes; `output_size` an int or a pair, None keeps the input's size.

    >>> import facula
    >>> facula.nn.AdaptiveMaxPool2d((1, None))(facula.ones(2, 3, 4, 5)).shape
    facula.Size([2, 3, 1, 5])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """As `AdaptiveMaxPool2d`, for volumes.

    >>> import facula
    >>> facula.nn.AdaptiveMaxPool3d(1)(facula.ones(2, 3, 4, 5, 6)).shape
    facula.Size([2, 3, 1, 1, 1])
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
