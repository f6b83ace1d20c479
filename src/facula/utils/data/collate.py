"""From a list of samples to one batch: `default_collate`, and its little brother `default_convert`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..._dtype import float64
from ..._tensor import Tensor
from ...factory import as_tensor, tensor
from ...ops.shape import stack


def default_collate(batch: Any) -> Any:
    """Put a list of samples together into one batch.

    By the first sample: tensors and arrays are stacked along a new dimension 0; ints and bools become an
    int64 or bool tensor, floats a float64 tensor; strings and bytes stay a list; mappings, named tuples and
    sequences are collated field by field (a plain tuple becomes a list). Raises TypeError for any other type,
    and RuntimeError for sequences of different lengths.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        _check_numeric(first.dtype, first.dtype)
        return _stack([as_tensor(sample) for sample in batch])
    if isinstance(first, (np.number, np.bool_)):  # a NumPy number, which float64 makes a Python float, too
        return as_tensor(np.array(batch) if len({type(s) for s in batch}) == 1 else batch)
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _rebuild_mapping(
            first, {key: default_collate([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(column) for column in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        lengths = {len(sample) for sample in batch}
        if len(lengths) > 1:
            raise RuntimeError(
                f"[default_collate] sequences in a batch must be of one length: got {sorted(lengths)}"
            )
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _rebuild_sequence(first, columns)
    raise _unknown(type(first))


def default_convert(data: Any) -> Any:
    """Turn the arrays in one sample into tensors, at any depth, and leave everything else as it is.

    >>> default_convert((np.array([1, 2]), "a"))
    [tensor([1, 2]), 'a']
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.number, np.bool_)):
        return data if data.dtype.kind in "OSUMm" else as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        values = [default_convert(value) for value in data]
        return values if isinstance(data, tuple) else _rebuild_sequence(data, values)
    return data


# Whoever replaces the module's function must not get the whole-batch path, which knows only this one.
STANDARD_COLLATE: Callable[[Any], Any] = default_collate


def _stack(samples: Sequence[Tensor]) -> Tensor:
    for sample in samples:
        if not isinstance(sample, Tensor):
            raise TypeError(
                f"[default_collate] after a tensor there must be tensors: got {type(sample).__name__}"
            )
    first = samples[0].shape
    for i, sample in enumerate(samples):
        if sample.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(sample.shape)} at entry {i}"
            )
    return stack(samples, 0)


def _check_numeric(dtype: np.dtype, shown: Any) -> None:
    if dtype.kind in "OSUMm":  # objects, strings, dates
        raise _unknown(shown)


def _unknown(kind: Any) -> TypeError:
    return TypeError(
        f"[default_collate] a batch must contain tensors, numpy arrays, numbers, dicts or lists: got {kind}"
    )


def _rebuild_mapping(like: Mapping, items: dict) -> Any:
    """The collated items in a mapping of the same type where that can be made, else in a dict."""
    try:
        if isinstance(like, MutableMapping):
            clone: Any = copy.copy(like)  # keeps what the type carries besides its items
            clone.update(items)
            return clone
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _rebuild_sequence(like: Sequence, values: list) -> Any:
    """The collated values in a sequence of the same type where that can be made, else in a list."""
    if type(like) is list:
        return values
    try:
        if isinstance(like, MutableSequence):
            clone: Any = copy.copy(like)
            for place, value in enumerate(values):
                clone[place] = value
            return clone
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values
