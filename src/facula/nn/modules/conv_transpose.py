"""Transposed convolutions: the gradient of a convolution as a layer."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from ...factory import empty
from .. import functional as F
from ..parameter import Parameter
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
        n = self._dims
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        if isinstance(padding, str):
            raise ValueError(f"{type(self).__name__} takes numbers as padding: got {padding!r}")
        super().__init__(
            n, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def _setup(self, dims: int) -> None:
        self.transposed = True
