"""Losses as modules; each calls the function of the same meaning in `nn.functional`.

Every loss has `reduction`: "mean" (default) and "sum" give a scalar, "none" one value for each element (or
sample). `size_average` and `reduce` are its deprecated forerunners.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .module import Module


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the deprecated arguments mean, if one of them is given."""
    if size_average is None and reduce is None:
        return reduction
    meant = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.",
        stacklevel=4,
    )
    return meant


class _Loss(Module):
    __constants__: tuple[str, ...] = ("reduction",)
    reduction: str

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _reduction(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """A loss with a weight for each class (a buffer, so that it moves with the module)."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """`|input - target|`. Shapes: equal (or broadcastable); the result is a scalar, or that shape with
    "none".

    Args:
        reduction: "mean", "sum" or "none".

    >>> import facula
    >>> facula.nn.L1Loss()(facula.tensor([1.0, 4.0]), facula.tensor([0.0, 2.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """`(input - target)^2`. Shapes: equal (or broadcastable); the result is a scalar, or that shape with
    "none".

    Args:
        reduction: "mean", "sum" or "none".

    >>> import facula
    >>> facula.nn.MSELoss()(facula.tensor([1.0, 4.0]), facula.tensor([0.0, 2.0]))
    tensor(2.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """`0.5 d^2 / beta` where `d = |input - target| < beta`, else `d - 0.5 beta`. Shapes: as `L1Loss`.

    Args:
        reduction: "mean", "sum" or "none".
        beta: where the parabola becomes a line; 0 gives `L1Loss`.

    Source: Girshick, 2015 (arXiv:1504.08083).

    >>> import facula
    >>> facula.nn.SmoothL1Loss()(facula.tensor([1.0, 4.0]), facula.tensor([0.0, 2.0]))
    tensor(1.)
    """

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """`0.5 d^2` where `d = |input - target| < delta`, else `delta (d - 0.5 delta)`. Shapes: as `L1Loss`.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the parabola becomes a line; positive.

    >>> import facula
    >>> facula.nn.HuberLoss(delta=2.0)(facula.tensor([1.0, 4.0]), facula.tensor([0.0, 0.0]))
    tensor(3.2500)
    """

    __constants__ = ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """Negative log likelihood: minus the log-probability of the target's class.

    Args:
        weight: (C,), a factor for each class; "mean" then divides by the sum of the targets' weights.
        ignore_index: targets of this value count nothing.
        reduction: "mean", "sum" or "none".

    Shapes: input (N, C), (C) or (N, C, d1, ...) of log-probabilities; target (N), () or (N, d1, ...) of
    int64.

    >>> import facula
    >>> scores = facula.tensor([[-0.1, -2.0], [-1.0, -0.5]])
    >>> facula.nn.NLLLoss()(scores, facula.tensor([0, 1]))
    tensor(0.3000)
    """

    __constants__ = ("ignore_index", "reduction")
    ignore_index: int

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy between logits and classes (or class probabilities): `LogSoftmax` and `NLLLoss` in one.

    Args:
        weight: (C,), a factor for each class; "mean" with class targets divides by the sum of their weights.
        ignore_index: class targets of this value count nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: in [0, 1], the share of the target that is spread evenly over all classes.

    Shapes: input (N, C), (C) or (N, C, d1, ...), not normalised; target either class indices (N), () or
    (N, d1, ...) of int64, or probabilities in the input's shape and dtype.

    >>> import facula
    >>> loss = facula.nn.CrossEntropyLoss()
    >>> loss(facula.tensor([[2.0, 0.0], [0.0, 1.0]]), facula.tensor([0, 1]))
    tensor(0.2201)
    """

    __constants__ = ("ignore_index", "reduction", "label_smoothing")
    ignore_index: int
    label_smoothing: float

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """Binary cross entropy of probabilities: `-(t log x + (1 - t) log(1 - x))`, logs clamped at -100.

    Args:
        weight: a factor for each element, broadcast against the input.
        reduction: "mean", "sum" or "none".

    Shapes: input (values in [0, 1]) and target equal.

    >>> import facula
    >>> facula.nn.BCELoss()(facula.tensor([0.8, 0.4]), facula.tensor([1.0, 0.0]))
    tensor(0.3670)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """`Sigmoid` and `BCELoss` in one, computed without overflow.

    Args:
        weight: a factor for each element, broadcast against the input.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor for the positive class, broadcast against the input.

    Shapes: input (logits) and target (values in [0, 1]) equal.

    >>> import facula
    >>> facula.nn.BCEWithLogitsLoss()(facula.tensor([0.0, 2.0]), facula.tensor([1.0, 1.0]))
    tensor(0.4100)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence: `target * (log target - input)`, `input` being log-probabilities.

    Args:
        reduction: "batchmean" (the definition: the sum divided by N), "sum", "mean" (over all elements),
        "none".
        log_target: the target is log-probabilities too.

    Shapes: input and target equal.

    >>> import facula
    >>> p = facula.tensor([[0.5, 0.5]])
    >>> facula.nn.KLDivLoss(reduction="batchmean")(p.log(), p)
    tensor(0.)
    """

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
