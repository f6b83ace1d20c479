"""Fetching a whole batch at once: the part that data sets and the loader agree on.

A data set may offer `_get_batch(indices)`: it returns exactly what `default_collate([self[i] for i in
indices])` would return, bit for bit, or NotImplemented when anything about the request is out of the
ordinary; then the loader goes sample by sample. The loader only asks when its `collate_fn` is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def row_numbers(indices: Any, length: int) -> slice | np.ndarray | None:
    """`indices` as a slice (consecutive ones) or an integer array; None unless all are plain integers in
    range.

    >>> row_numbers([4, 5, 6], 10)
    slice(4, 7, None)
    >>> row_numbers([4, 2], 10)
    array([4, 2])
    >>> row_numbers([4, 10], 10) is None
    True
    """
    if type(indices) is not list or not indices or set(map(type, indices)) != {int}:
        return None
    first, last, count = indices[0], indices[-1], len(indices)
    if last - first == count - 1 and first >= 0 and last < length and indices == list(range(first, last + 1)):
        return slice(first, last + 1)
    if min(indices) < -length or max(indices) >= length:
        return None  # the sample-by-sample path raises the right error
    return np.array(indices, dtype=np.intp)


def take_rows(array: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
    """A new C-contiguous array of those rows (never a view: what the user does to a batch stays in it)."""
    if isinstance(rows, slice):
        return np.array(array[rows], order="C")
    return array.take(rows, axis=0)


def batch_method(dataset: Any) -> Callable[[list[int]], Any] | None:
    """The data set's own `_get_batch`, or None.

    Looked up on the class: an object that forwards unknown attributes to a data set inside it must not be
    bypassed in favour of that inner one.
    """
    if getattr(type(dataset), "_get_batch", None) is None:
        return None
    return dataset._get_batch


def samples_method(dataset: Any) -> Callable[[Sequence[int]], list] | None:
    """`dataset.__getitems__` if there is one that is the data set's own (see `batch_method`), else None."""
    method = getattr(dataset, "__getitems__", None)
    if not callable(method):
        return None
    owner = getattr(method, "__self__", dataset)
    if owner is not dataset and getattr(type(owner), "_get_batch", None) is not None:
        return None
    return method
