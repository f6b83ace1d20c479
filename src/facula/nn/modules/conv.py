"""Convolutions over one, two and three dimensions."""

from __future__ import annotations

import math
from typing import Any

from ..._tensor import Tensor
from ...factory import empty
from ...ops.conv import conv_relu
from .. import functional as F
from .. import init
from .._windows import convolve
from ..parameter import Parameter
from ._sizes import per_dim
from .module import Module

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    __constants__ = (
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    )
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        output_padding: tuple[int, ...] | None = None,
    ) -> None:
        # `output_padding` is given by transposed convolutions only; their weight has in_channels first.
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        kernel_size, stride, dilation = (per_dim(each, dims) for each in (kernel_size, stride, dilation))
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'valid', 'same'")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        else:
            padding = per_dim(padding, dims)
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = output_padding is not None
        self.output_padding = output_padding or (0,) * dims
        self.groups = groups
        self.padding_mode = padding_mode
        # What F.pad wants: the last dimension first, (before, after) for each.
        self._reversed_padding_repeated_twice: Any
        if padding == "valid":
            self._reversed_padding_repeated_twice = [0] * (2 * dims)
        elif padding == "same":
            both: list[int] = []
            for d, k in zip(reversed(dilation), reversed(kernel_size), strict=True):
                total = d * (k - 1)
                both += [total // 2, total - total // 2]
            self._reversed_padding_repeated_twice = both
        else:
            self._reversed_padding_repeated_twice = tuple(p for p in reversed(padding) for _ in range(2))
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (first, second // groups, *kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew: U(-k, k), k = 1 / sqrt(in_channels / groups * product of kernel_size)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input and the padding that is left for the convolution: modes other than zeros are done before
        it."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), 0

    def _with_relu(self, input: Tensor) -> Tensor:
        if input.ndim == len(self.kernel_size) + 1:  # without a batch: the ReLU comes after its removal
            return F.relu(self.forward(input))
        input, padding = self._padded(input)
        return convolve(
            len(self.kernel_size), input, self.weight, self.bias, self.stride, padding, self.dilation,
            self.groups, conv_relu,
        )  # fmt: skip

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )
        if self.padding != (0,) * len(self.kernel_size):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.kernel_size):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.kernel_size):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


class Conv1d(_ConvNd):
    """Cross-correlation over one dimension: `out[n, o] = bias[o] + sum over c of weight[o, c] * input[n, c]`.

    Args:
        in_channels, out_channels: numbers of channels.
        kernel_size: length of the kernel.
        stride: step of the kernel.
        padding: added on both sides; "same" keeps the length (stride 1 only), "valid" adds nothing.
        dilation: distance between the kernel's elements.
        groups: so many separate parts of the channels; both numbers must be divisible by it.
        bias: add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Shape: (N, in_channels, L) or (in_channels, L) to (N, out_channels, L'), with
    `L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`.

    Parameters: `weight` (out_channels, in_channels / groups, kernel_size), `bias` (out_channels), from U(-k,
    k) with `k = sqrt(groups / (in_channels * kernel_size))`.

    Raises:
        ValueError: groups, padding or padding_mode that cannot be.

    >>> import facula
    >>> facula.nn.Conv1d(16, 33, 3, stride=2)(facula.rand(2, 16, 50)).shape
    facula.Size([2, 33, 24])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            1, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_ConvNd):
    """Cross-correlation over two dimensions:
    `out[n, o] = bias[o] + sum over c of weight[o, c] * input[n, c]`.

    Args:
        in_channels, out_channels: numbers of channels.
        kernel_size, stride, dilation: as for `Conv1d`; an int, or one for each of height and width.
        padding: as for `Conv1d`; an int, a pair, "same" or "valid".
        groups, bias, padding_mode, device, dtype: as for `Conv1d`.

    Shape: (N, in_channels, H, W) or (in_channels, H, W) to (N, out_channels, H', W'); the formula of `Conv1d`
    holds for each dimension.

    Parameters: `weight` (out_channels, in_channels / groups, kernel height, kernel width), `bias`
    (out_channels).

    >>> import facula
    >>> facula.nn.Conv2d(3, 8, 3, padding=1)(facula.rand(2, 3, 10, 10)).shape
    facula.Size([2, 8, 10, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            2, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_ConvNd):
    """Cross-correlation over three dimensions; all as for `Conv2d`, with a depth before height and width.

    Shape: (N, in_channels, D, H, W) or (in_channels, D, H, W) to (N, out_channels, D', H', W').

    >>> import facula
    >>> facula.nn.Conv3d(2, 4, 3)(facula.rand(1, 2, 5, 5, 5)).shape
    facula.Size([1, 4, 3, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            3, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        input, padding = self._padded(input)
        return F.conv3d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
