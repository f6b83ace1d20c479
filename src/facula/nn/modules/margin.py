"""Losses of pairs, margins and likelihoods, as modules."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .loss import _Loss, _WeightedLoss


class _MarginLoss(_Loss):
    __constants__ = ("margin", "reduction")

    def __init__(
        self, margin: float = 0.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class CosineEmbeddingLoss(_MarginLoss):
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1.

    Args:
        margin: from -1 to 1.
        reduction: "mean", "sum" or "none".

    Shapes: two inputs (N, D) or (D), target (N) or ().

    >>> import facula
    >>> a, b = facula.tensor([[1.0, 0.0]]), facula.tensor([[0.0, 2.0]])
    >>> facula.nn.CosineEmbeddingLoss()(a, b, facula.tensor([1]))
    tensor(1.)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(_MarginLoss):
    """max(0, -target * (input1 - input2) + margin): target 1 where the first should be larger, else -1.

    Args:
        margin: by how much.
        reduction: "mean", "sum" or "none".

    Shapes: three times (N), or three times ().

    >>> import facula
    >>> loss = facula.nn.MarginRankingLoss(margin=1.0)
    >>> loss(facula.tensor([2.0]), facula.tensor([1.5]), facula.tensor([1.0]))
    tensor(0.5000)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(_MarginLoss):
    """The input, a distance, where the target is 1; max(0, margin - input) where it is -1.

    Args:
        margin: distances beyond it cost nothing where the target is -1.
        reduction: "mean", "sum" or "none".

    Shapes: equal.

    >>> import facula
    >>> facula.nn.HingeEmbeddingLoss()(facula.tensor([0.5, 0.75]), facula.tensor([1, -1]))
    tensor(0.3750)
    """

    def __init__(
        self, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being the p-norm of the difference.

    Args:
        margin: positive.
        p: which norm.
        eps: added to each difference.
        swap: use the negative's distance to the positive where that is smaller.
        reduction: "mean", "sum" or "none".

    Shapes: three times (N, D) or (D).

    Raises:
        ValueError: the margin is not positive.

    Source: Balntas et al., 2016 (BMVC, "Learning local feature descriptors with triplets").

    >>> import facula
    >>> a, b = facula.tensor([[0.0, 0.0]]), facula.tensor([[3.0, 4.0]])
    >>> facula.nn.TripletMarginLoss(eps=0.0)(a, b, a)
    tensor(6.)
    """

    __constants__ = ("margin", "p", "eps", "swap", "reduction")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target * input)) for targets 1 and -1. Shapes: equal.

    Args:
        reduction: "mean", "sum" or "none".

    >>> import facula
    >>> facula.nn.SoftMarginLoss()(facula.tensor([0.0]), facula.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """The mean over classes of max(0, margin - score of the target + score of the class)^p.

    Args:
        p: 1 or 2.
        margin: by how much the target's score should lead.
        weight: (C,), a factor for each target class.
        reduction: "mean", "sum" or "none".

    Shapes: input (N, C) or (C), target (N) or () of int64.

    Raises:
        ValueError: another p, or a weight of more than one dimension.

    >>> import facula
    >>> facula.nn.MultiMarginLoss()(facula.tensor([[0.5, 1.0]]), facula.tensor([0]))
    tensor(0.7500)
    """

    __constants__ = ("p", "margin", "reduction")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D instead"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross entropy of logits, averaged over the classes.

    Args:
        weight: (C,), a factor for each class.
        reduction: "mean", "sum" or "none".

    Shapes: input and target (N, C); "none" gives (N).

    >>> import facula
    >>> facula.nn.MultiLabelSoftMarginLoss()(facula.tensor([[0.0, 0.0]]), facula.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class PoissonNLLLoss(_Loss):
    """Negative log likelihood of counts that follow a Poisson distribution.

    Args:
        log_input: the input is the logarithm of the rate: exp(x) - t x; else x - t log(x + eps).
        full: add the logarithm of target!, by Stirling's formula, where the target is above 1.
        eps: keeps the logarithm finite.
        reduction: "mean", "sum" or "none".

    Shapes: equal.

    >>> import facula
    >>> facula.nn.PoissonNLLLoss()(facula.tensor([0.0]), facula.tensor([2.0]))
    tensor(1.)
    """

    __constants__ = ("log_input", "full", "eps", "reduction")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Any = None,
        eps: float = 1e-8,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """Negative log likelihood of a normal distribution: 0.5 (log var + (input - target)^2 / var).

    Args:
        full: add the constant log(2 pi) / 2.
        eps: the least variance.
        reduction: "mean", "sum" or "none".

    Shapes: input and target (N, *); the variance the same, or without the last dimension, or 1 there, or a
    number.

    Source: Nix and Weigend, 1994 (ICNN, "Estimating the mean and variance of the target probability
    distribution").

    >>> import facula
    >>> facula.nn.GaussianNLLLoss()(facula.tensor([1.0]), facula.tensor([0.0]), facula.tensor([1.0]))
    tensor(0.5000)
    """

    __constants__ = ("full", "eps", "reduction")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)
