"""How far vectors are apart."""

from __future__ import annotations

from ..._tensor import Tensor
from .. import functional as F
from .module import Module


class PairwiseDistance(Module):
    """The p-norm of `x1 - x2 + eps`.

    Args:
        p: which norm.
        eps: added to each difference, so that the gradient is finite where they vanish.
        keepdim: keep the last dimension, with size 1.

    Shapes: (N, D) or (D), broadcastable; the result is (N) or ().

    >>> import facula
    >>> facula.nn.PairwiseDistance(eps=0.0)(facula.tensor([[3.0, 0.0]]), facula.tensor([[0.0, 4.0]]))
    tensor([5.])
    """

    __constants__ = ("norm", "eps", "keepdim")

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors.

    Args:
        dim: the dimension the vectors lie along.
        eps: the least norm that is divided by.

    Shapes: broadcastable; the result lacks `dim`.

    >>> import facula
    >>> facula.nn.CosineSimilarity()(facula.tensor([[1.0, 0.0]]), facula.tensor([[3.0, 4.0]]))
    tensor([0.6000])
    """

    __constants__ = ("dim", "eps")

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
