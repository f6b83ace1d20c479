"""Normalisation of each channel of each sample."""

from __future__ import annotations

import warnings
from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .batchnorm import _BatchNorm


class _InstanceNorm(_BatchNorm):
    _dims = 1

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(
                f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)"
            )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        single = input.dim() == self._dims + 1
        place = 0 if single else 1
        if input.shape[place] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={place} to match num_features ({self.num_features}), "
                    f"but got: {input.shape[place]}."
                )
            warnings.warn(
                f"input's size at dim={place} does not match num_features. You can silence this warning by "
                "not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        batch = input.unsqueeze(0) if single else input
        own = self.training or not self.track_running_stats
        if own and batch[0, 0].numel() <= 1:
            raise ValueError(
                f"Expected more than 1 spatial element when training, got input size {batch.shape}"
            )
        result = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            own,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result.squeeze(0) if single else result


class InstanceNorm1d(_InstanceNorm):
    """Normalises every channel of every sample: `(x - mean) / sqrt(var + eps)`, biased variance.

    Args:
        num_features: channels C.
        eps: added to the variance.
        momentum: share of a new batch in the running statistics.
        affine: learn `weight` and `bias` for each channel (`bias=False`: only weight); off by default.
        track_running_stats: keep running statistics and use them in evaluation; off by default.
        device, dtype: of parameters and buffers.

    Shape: (N, C, L) or (C, L), kept.

    Raises:
        ValueError: another number of dimensions, of channels (with `affine`), or a single element a channel.

    Source: Ulyanov et al., 2016 (arXiv:1607.08022).

    >>> import facula
    >>> facula.nn.InstanceNorm1d(1)(facula.tensor([[0.0, 2.0]])).round()
    tensor([[-1.,  1.]])
    """


class InstanceNorm2d(_InstanceNorm):
    """Normalises every channel of every sample. Args and errors: as `InstanceNorm1d`.

    Shape: (N, C, H, W) or (C, H, W), kept.

    >>> import facula
    >>> facula.nn.InstanceNorm2d(3)(facula.rand(2, 3, 4, 4)).shape
    facula.Size([2, 3, 4, 4])
    """

    _dims = 2


class InstanceNorm3d(_InstanceNorm):
    """Normalises every channel of every sample. Args and errors: as `InstanceNorm1d`.

    Shape: (N, C, D, H, W) or (C, D, H, W), kept.

    >>> import facula
    >>> facula.nn.InstanceNorm3d(3)(facula.rand(2, 3, 2, 4, 4)).shape
    facula.Size([2, 3, 2, 4, 4])
    """

    _dims = 3
