"""Normalisation within each sample."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from ...factory import empty
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ._sizes import per_dim
from .module import Module


class LayerNorm(Module):
    """Normalises over the last dimensions: `(x - mean) / sqrt(var + eps) * weight + bias`, biased variance.

    Args:
        normalized_shape: sizes of those dimensions (an int: of the last).
        eps: added to the variance.
        elementwise_affine: learn weight and bias (`bias=False`: only weight).
        device, dtype: of the parameters.

    Shape: `(*, *normalized_shape)`, kept. Parameters: `weight`, `bias` (normalized_shape), at first 1 and 0.
    Source: Ba et al., 2016 (arXiv:1607.06450).

    >>> import facula
    >>> facula.nn.LayerNorm(2)(facula.tensor([[0.0, 2.0]])).detach().round()
    tensor([[-1.,  1.]])
    """

    __constants__ = ("normalized_shape", "eps", "elementwise_affine")
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = per_dim(normalized_shape, 1)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            value = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Normalises over groups of channels: `(x - mean) / sqrt(var + eps) * weight + bias`, biased variance.

    Args:
        num_groups: into so many groups the channels are divided.
        num_channels: C, divisible by `num_groups`.
        eps: added to the variance.
        affine: learn weight and bias for each channel (`bias=False`: only weight).
        device, dtype: of the parameters.

    Shape: (N, C, *), kept. Parameters: `weight`, `bias` (C), at first 1 and 0.
    Source: Wu and He, 2018 (arXiv:1803.08494).

    Raises:
        ValueError: `num_channels` is not divisible by `num_groups`.

    >>> import facula
    >>> facula.nn.GroupNorm(3, 6)(facula.rand(2, 6, 4, 4)).shape
    facula.Size([2, 6, 4, 4])
    """

    __constants__ = ("num_groups", "num_channels", "eps", "affine")
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            value = Parameter(empty(num_channels, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides by the root of the mean square over the last dimensions: `x / sqrt(mean(x^2) + eps) * weight`.

    Args:
        normalized_shape: sizes of those dimensions (an int: of the last).
        eps: added to the mean square; None: the smallest step from 1 that the input's dtype has.
        elementwise_affine: learn the weight.
        device, dtype: of the weight.

    Shape: `(*, *normalized_shape)`, kept. Parameter: `weight` (normalized_shape), at first 1.
    Source: Zhang and Sennrich, 2019 (arXiv:1910.07467).

    >>> import facula
    >>> facula.nn.RMSNorm(2)(facula.tensor([[1.0, 7.0]])).detach()
    tensor([[0.2000, 1.4000]])
    """

    __constants__ = ("normalized_shape", "eps", "elementwise_affine")
    weight: Tensor | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = per_dim(normalized_shape, 1)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        value = (
            Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
            if elementwise_affine
            else None
        )
        self.register_parameter("weight", value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
