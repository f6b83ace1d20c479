"""Data sets: indexable collections of samples, streams of samples, and ways to combine and split them."""

from __future__ import annotations

import bisect
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from ..._tensor import Tensor, wrap
from ...random import Generator, default_generator, randperm
from .batch import batch_method, row_numbers, samples_method, take_rows

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map from an index to a sample. Subclasses define `__getitem__`, and usually `__len__`.

    A subclass may define `__getitems__(indices) -> list of samples` to fetch a batch at once.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3]
    9
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"[Dataset] {type(self).__name__} must define __getitem__")

    # No default __len__: a data set without a length must not look as if it had one.

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], ABC):
    """A stream of samples. Subclasses define `__iter__`; each worker process runs its own copy."""

    @abstractmethod
    def __iter__(self) -> Iterator[T_co]:
        """Return an iterator over the samples."""

    def __add__(self, other: Dataset) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is the tuple of row i of every tensor.

    Arguments: `*tensors`, all of the same size in dimension 0. Raises AssertionError otherwise.

    >>> from facula import arange
    >>> TensorDataset(arange(3), arange(3) * 10)[1]
    (tensor(1), tensor(10))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        sizes = [tensor.size(0) for tensor in tensors]
        if any(size != sizes[0] for size in sizes):
            raise AssertionError(
                f"[TensorDataset] all tensors must have the same size in dimension 0: got {sizes}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def _get_batch(self, indices: list[int]) -> Any:
        if type(self).__getitem__ is not _TENSOR_DATASET_GETITEM or not self.tensors:
            return NotImplemented
        for tensor in self.tensors:
            if (
                type(tensor) is not Tensor
                or tensor.requires_grad
                or not isinstance(tensor._array, np.ndarray)
            ):
                return NotImplemented
        rows = row_numbers(indices, min(tensor.size(0) for tensor in self.tensors))
        if rows is None:
            return NotImplemented
        return [wrap(take_rows(tensor._array, rows)) for tensor in self.tensors]


# What a patched or overridden __getitem__ is recognised by.
_TENSOR_DATASET_GETITEM = TensorDataset.__getitem__


class StackDataset(Dataset):
    """Sample i is the tuple (or, with keyword arguments, the dict) of sample i of every data set.

    Raises ValueError for no data set, for both kinds of arguments, or for lengths that differ.
    """

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                "[StackDataset] the data sets must be given all by position or all by keyword: "
                f"got {len(args)} and {len(kwargs)}"
            )
        self.datasets: Any = kwargs or args
        parts = list(kwargs.values()) if kwargs else list(args)
        lengths = [len(part) for part in parts]  # type: ignore[arg-type]
        if len(set(lengths)) != 1:
            raise ValueError(f"[StackDataset] the data sets must be of one length: got {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Several data sets one after the other. Raises AssertionError for none, or for an IterableDataset.

    >>> both = ConcatDataset([["a", "b"], ["c"]])
    >>> len(both), both[2], both[-1]
    (3, 'c', 'c')
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """The running total of the lengths."""
        return list(accumulate(len(part) for part in sequence))

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("[ConcatDataset] at least one data set is needed: got none")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise AssertionError(
                    "[ConcatDataset] an IterableDataset has no index, use ChainDataset: "
                    f"got {type(dataset).__name__}"
                )
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        if index < 0:
            if -index > len(self):
                raise ValueError(f"[ConcatDataset] the index must be at least -{len(self)}: got {index}")
            index += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][index - before]


class ChainDataset(IterableDataset):
    """Several IterableDatasets one after the other. Raises AssertionError for a data set of another kind."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        super().__init__()
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            self._check(dataset)
            yield from dataset  # type: ignore[misc]

    def __len__(self) -> int:
        total = 0
        for dataset in self.datasets:
            self._check(dataset)
            total += len(dataset)  # type: ignore[arg-type]
        return total

    @staticmethod
    def _check(dataset: Any) -> None:
        if not isinstance(dataset, IterableDataset):
            raise AssertionError(
                f"[ChainDataset] every part must be an IterableDataset: got {type(dataset).__name__}"
            )


class Subset(Dataset[T_co]):
    """The samples of `dataset` at `indices`.

    >>> list(Subset(["a", "b", "c"], [2, 0]))
    ['c', 'a']
    """

    dataset: Dataset[T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        inner = samples_method(self.dataset)
        if inner is not None:
            return inner([self.indices[i] for i in indices])
        return [self.dataset[self.indices[i]] for i in indices]

    def __len__(self) -> int:
        return len(self.indices)

    def _get_batch(self, indices: list[int]) -> Any:
        kind = type(self)
        if kind.__getitem__ is not _SUBSET_METHODS[0] or kind.__getitems__ is not _SUBSET_METHODS[1]:
            return NotImplemented
        inner = batch_method(self.dataset)
        if (
            inner is None
            or not isinstance(self.indices, (list, range))
            or row_numbers(indices, len(self)) is None
        ):
            return NotImplemented
        return inner([self.indices[i] for i in indices])


_SUBSET_METHODS = (Subset.__getitem__, Subset.__getitems__)


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[int | float], generator: Generator | None = default_generator
) -> list[Subset[T_co]]:
    """Split `dataset` at random into parts of the given `lengths`.

    Lengths that add up to 1 are fractions: each part gets the floor of its share, and what is left over goes
    to the parts in turn. Raises ValueError when the lengths do not add up to the data set's, or for a
    fraction outside 0 to 1; warns for an empty part. Draws one permutation from `generator` (default: the
    global one).

    >>> [len(part) for part in random_split(range(10), [0.5, 0.25, 0.25])]
    [6, 2, 2]
    """
    total = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _share_out(total, lengths)
    if sum(lengths) != total:
        raise ValueError(
            f"[random_split] the lengths must add up to the data set's length, or to 1 as fractions: "
            f"got {list(lengths)} and {total}"
        )
    order = randperm(int(sum(lengths)), generator=generator).tolist()
    ends = list(accumulate(int(length) for length in lengths))
    return [
        Subset(dataset, order[end - int(length) : end]) for end, length in zip(ends, lengths, strict=True)
    ]


def _share_out(total: int, fractions: Sequence[float]) -> list[int]:
    for place, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(
                f"[random_split] a fraction must be between 0 and 1: got {fraction} at place {place}"
            )
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for k in range(total - sum(sizes)):
        sizes[k % len(sizes)] += 1
    for place, size in enumerate(sizes):
        if size == 0:
            warnings.warn(f"[random_split] the part at place {place} is empty", stacklevel=3)
    return sizes
