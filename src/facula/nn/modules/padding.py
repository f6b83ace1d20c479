"""Layers that add entries around the last dimensions."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from ._sizes import per_dim
from .module import Module


class _PadNd(Module):
    """`padding`: the entries before and after, the last dimension first; a number stands for all."""

    __constants__: tuple[str, ...] = ("padding",)
    _dims = 1
    _mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = per_dim(padding, 2 * self._dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__ = ("padding", "value")

    def __init__(self, padding: Any, value: float) -> None:
        Module.__init__(self)
        self.value = value
        self.padding = per_dim(padding, 2 * self._dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Adds `value` at both ends of the last dimension.

    Args:
        padding: how many; an int, or (before, after). Negative amounts take entries away.
        value: what is added.

    Shape: (N, C, W) or (C, W) to the same with `W + before + after`.

    >>> import facula
    >>> facula.nn.ConstantPad1d((1, 2), 9.0)(facula.tensor([[1.0]]))
    tensor([[9., 1., 9., 9.]])
    """


class ConstantPad2d(_ConstantPadNd):
    """Adds `value` around planes. Args: as `ConstantPad1d`; padding (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ConstantPad2d((1, 0, 0, 1), 9.0)(facula.tensor([[[1.0]]]))
    tensor([[[9., 1.],
             [9., 9.]]])
    """

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Adds `value` around volumes. Args: as `ConstantPad1d`; padding (left, right, top, bottom, front, back).

    >>> import facula
    >>> facula.nn.ConstantPad3d(1, 0.5)(facula.ones(1, 2, 2, 2)).shape
    facula.Size([1, 4, 4, 4])
    """

    _dims = 3


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd):
    """Adds zeros at both ends of the last dimension. Args: as `ConstantPad1d`.

    >>> import facula
    >>> facula.nn.ZeroPad1d(1)(facula.tensor([[1.0]]))
    tensor([[0., 1., 0.]])
    """


class ZeroPad2d(_ZeroPadNd):
    """Adds zeros around planes. Args: as `ConstantPad2d`.

    >>> import facula
    >>> facula.nn.ZeroPad2d((1, 0, 0, 1))(facula.tensor([[[1.0]]]))
    tensor([[[0., 1.],
             [0., 0.]]])
    """

    _dims = 2


class ZeroPad3d(_ZeroPadNd):
    """Adds zeros around volumes. Args: as `ConstantPad3d`.

    >>> import facula
    >>> facula.nn.ZeroPad3d(1)(facula.ones(1, 2, 2, 2)).sum()
    tensor(8.)
    """

    _dims = 3


class ReflectionPad1d(_PadNd):
    """Mirrors the last dimension at its ends, without repeating the end itself.

    Args:
        padding: how many; an int, or (before, after), each less than the size.

    Shape: (N, C, W) or (C, W).

    >>> import facula
    >>> facula.nn.ReflectionPad1d((2, 1))(facula.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2.]])
    """

    _mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """Mirrors planes at their borders. Args: as `ReflectionPad1d`; padding (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ReflectionPad2d(1)(facula.tensor([[[1.0, 2.0], [3.0, 4.0]]]))[0, 0]
    tensor([4., 3., 4., 3.])
    """

    _dims = 2


class ReflectionPad3d(ReflectionPad1d):
    """Mirrors volumes at their borders. Args: as `ReflectionPad1d`, with six amounts.

    >>> import facula
    >>> facula.nn.ReflectionPad3d(1)(facula.ones(1, 2, 2, 2)).shape
    facula.Size([1, 4, 4, 4])
    """

    _dims = 3


class ReplicationPad1d(_PadNd):
    """Repeats the first and last entry of the last dimension.

    Args:
        padding: how often; an int, or (before, after).

    Shape: (N, C, W) or (C, W).

    >>> import facula
    >>> facula.nn.ReplicationPad1d((2, 1))(facula.tensor([[1.0, 2.0]]))
    tensor([[1., 1., 1., 2., 2.]])
    """

    _mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """Repeats the border of planes. Args: as `ReplicationPad1d`; padding (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.ReplicationPad2d(1)(facula.ones(1, 2, 2)).sum()
    tensor(16.)
    """

    _dims = 2


class ReplicationPad3d(ReplicationPad1d):
    """Repeats the border of volumes. Args: as `ReplicationPad1d`, with six amounts.

    >>> import facula
    >>> facula.nn.ReplicationPad3d(1)(facula.ones(1, 2, 2, 2)).sum()
    tensor(64.)
    """

    _dims = 3


class CircularPad1d(_PadNd):
    """Goes on at the other end of the last dimension.

    Args:
        padding: how far; an int, or (before, after), each at most the size.

    Shape: (N, C, W) or (C, W).

    >>> import facula
    >>> facula.nn.CircularPad1d((1, 2))(facula.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1., 2.]])
    """

    _mode = "circular"


class CircularPad2d(CircularPad1d):
    """Goes on at the other side of planes. Args: as `CircularPad1d`; padding (left, right, top, bottom).

    >>> import facula
    >>> facula.nn.CircularPad2d((1, 0, 0, 0))(facula.tensor([[[1.0, 2.0]]]))
    tensor([[[2., 1., 2.]]])
    """

    _dims = 2


class CircularPad3d(CircularPad1d):
    """Goes on at the other side of volumes. Args: as `CircularPad1d`, with six amounts.

    >>> import facula
    >>> facula.nn.CircularPad3d(1)(facula.ones(1, 2, 2, 2)).shape
    facula.Size([1, 4, 4, 4])
    """

    _dims = 3
