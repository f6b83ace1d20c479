"""Sizes for each spatial dimension: `3` means `(3, 3)` where there are two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def per_dim(value: Any, n: int) -> tuple[Any, ...]:
    """`value` as a tuple: an iterable as it is, a number repeated `n` times.

    >>> per_dim(3, 2), per_dim([1, 2], 2)
    ((3, 3), (1, 2))
    """
    return tuple(value) if isinstance(value, Iterable) else (value,) * n
