"""Layers that zero part of their input at random, in training only."""

from __future__ import annotations

from ..._tensor import Tensor
from .. import functional as F
from .module import Module


class _Dropout(Module):
    __constants__ = ("p", "inplace")
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zeroes each element with probability `p` and multiplies the rest by `1 / (1 - p)`.

    In evaluation it is the identity. Shape: any, kept.

    Args:
        p: probability of an element to be zeroed.
        inplace: write the result into the input.

    Raises:
        ValueError: `p` is outside [0, 1].

    Source: Hinton et al., 2012 (arXiv:1207.0580).

    >>> import facula
    >>> layer = facula.nn.Dropout(0.2).eval()
    >>> layer(facula.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Zeroes whole channels: an (N, C, L) or (C, L) input loses each of its C rows with probability `p`.

    Args and errors: as `Dropout`.

    >>> import facula
    >>> facula.nn.Dropout1d(0.2).eval()(facula.ones(1, 2, 3)).shape
    facula.Size([1, 2, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Zeroes whole channels: an (N, C, H, W) input loses each of its C planes with probability `p`.

    Args and errors: as `Dropout`.

    >>> import facula
    >>> facula.nn.Dropout2d(0.2).eval()(facula.ones(1, 2, 3, 3)).shape
    facula.Size([1, 2, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Zeroes whole channels: an (N, C, D, H, W) input loses each of its C volumes with probability `p`.

    Args and errors: as `Dropout`.

    >>> import facula
    >>> facula.nn.Dropout3d(0.2).eval()(facula.ones(1, 2, 3, 3, 3)).shape
    facula.Size([1, 2, 3, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for use with `SELU`: elements are set to SELU's lower limit, then
    the whole is scaled and shifted. Shape: any, kept.

    Args and errors: as `Dropout`. Source: Klambauer et al., 2017 (arXiv:1706.02515).

    >>> import facula
    >>> facula.nn.AlphaDropout(0.2).eval()(facula.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)
