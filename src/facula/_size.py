"""`Size`, the type of a tensor's shape."""

from __future__ import annotations

import math
from typing import Any

from . import _branding


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of integers.

    >>> Size([3, 4]).numel()
    12
    """

    __slots__ = ()

    def __new__(cls, sizes: Any = ()) -> Size:
        """A shape of the given integers; TypeError for anything else."""
        items = tuple(sizes)
        for i, n in enumerate(items):
            if type(n) is not int:
                if not hasattr(n, "__index__"):
                    raise TypeError(
                        f"{_branding.name()}.Size() takes an iterable of 'int' "
                        f"(item {i} is '{type(n).__name__}')"
                    )
                items = (*items[:i], int(n.__index__()), *items[i + 1 :])
        return tuple.__new__(cls, items)

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"{_branding.name()}.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __getitem__(self, index: Any) -> Any:
        item = tuple.__getitem__(self, index)
        return tuple.__new__(Size, item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(tuple(other), self))

    def __mul__(self, count: Any) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __reduce__(self) -> Any:
        return (Size, (tuple(self),))
