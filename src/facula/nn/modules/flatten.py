"""Layers that change only the shape."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from .module import Module


class Flatten(Module):
    """Joins the dimensions `start_dim` to `end_dim` into one; the defaults keep only the batch dimension.

    Shape: `(N, *)` to `(N, product of the rest)`.

    >>> import facula
    >>> facula.nn.Flatten()(facula.zeros(3, 28, 28)).shape
    facula.Size([3, 784])
    """

    __constants__ = ("start_dim", "end_dim")
    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension `dim` into several.

    Args:
        dim: which dimension.
        unflattened_size: the new sizes, a list or tuple of ints (one may be -1).

    Raises:
        TypeError: `unflattened_size` is something else (named dimensions are not supported).

    >>> import facula
    >>> facula.nn.Unflatten(1, (2, 5))(facula.zeros(3, 10)).shape
    facula.Size([3, 2, 5])
    """

    __constants__ = ("dim", "unflattened_size")

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise NotImplementedError(
                f"[Unflatten] dim must be an int, named dimensions are not supported: got {dim!r}"
            )
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
