"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._dtype import int64
from ..._tensor import Tensor
from ...factory import empty, ones, tensor, zeros
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


class _BatchNorm(Module):
    # Version 2 added `num_batches_tracked`; older saved states lack it.
    _version = 2
    __constants__ = ("track_running_stats", "momentum", "eps", "num_features", "affine")
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            value = Parameter(empty(num_features, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batches."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Forget everything: weight 1, bias 0, and the running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)  # the plain mean over all batches so far
        use_batch_statistics = self.training or self.running_mean is None
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch_statistics,
            factor,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            own = self.num_batches_tracked
            state_dict = {**state_dict, key: tensor(0, dtype=int64) if own is None else own.detach().clone()}
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class BatchNorm1d(_BatchNorm):
    """Normalises each feature over the batch: `(x - mean) / sqrt(var + eps) * weight + bias`.

    In training mean and (biased) variance are the batch's, and running averages of them (with the unbiased
    variance) are kept; in evaluation those are used.

    Args:
        num_features: C, the number of features or channels.
        eps: added to the variance.
        momentum: share of the new batch in the running averages; None: the plain mean over all batches.
        affine: learn weight and bias (`bias=False`: only weight).
        track_running_stats: keep running averages; otherwise the batch's are always used.
        device, dtype: of parameters and buffers.

    Shape: (N, C) or (N, C, L), kept. Parameters: `weight`, `bias` (C), at first 1 and 0. Buffers:
    `running_mean`, `running_var` (C), `num_batches_tracked` ().

    Raises:
        ValueError: another number of dimensions, or in training one value only for each feature.

    Source: Ioffe and Szegedy, 2015 (arXiv:1502.03167).

    >>> import facula
    >>> facula.nn.BatchNorm1d(2)(facula.tensor([[0.0, 1.0], [2.0, 1.0]])).detach().round()
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.ndim}D input)")


class BatchNorm2d(_BatchNorm):
    """As `BatchNorm1d`, with statistics over batch, height and width.

    Shape: (N, C, H, W), kept. Arguments, parameters, buffers: as `BatchNorm1d`.

    >>> import facula
    >>> facula.nn.BatchNorm2d(3)(facula.rand(2, 3, 4, 4)).shape
    facula.Size([2, 3, 4, 4])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 4:
            raise ValueError(f"expected 4D input (got {input.ndim}D input)")


class BatchNorm3d(_BatchNorm):
    """As `BatchNorm1d`, with statistics over batch, depth, height and width.

    Shape: (N, C, D, H, W), kept. Arguments, parameters, buffers: as `BatchNorm1d`.

    >>> import facula
    >>> facula.nn.BatchNorm3d(3)(facula.rand(2, 3, 4, 4, 4)).shape
    facula.Size([2, 3, 4, 4, 4])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 5:
            raise ValueError(f"expected 5D input (got {input.ndim}D input)")
