"""Samplers: in which order the indices of a data set are visited.

The random ones draw exactly the numbers that PyTorch's draw, so a seed gives the same order there and here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from ..._dtype import float64
from ..._tensor import Tensor
from ...factory import as_tensor
from ...random import Generator, draw_seed, integers, multinomial, randperm

T_co = TypeVar("T_co", covariant=True)


def _is_positive_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class Sampler(Generic[T_co]):
    """Base of all samplers: `__iter__` yields indices (or lists of indices, for a batch sampler)."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"[Sampler] {type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... up to the length of `data_source`."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices of `data_source` in random order.

    Arguments: `replacement` (default False) draws each index independently; `num_samples` (default: the
    length) may exceed the length: then several permutations follow one another; `generator` (default None: a
    new one, seeded from the global one at the start of each pass). Raises TypeError, ValueError for bad
    arguments.

    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"[RandomSampler] replacement must be a bool: got {replacement!r}")
        if not _is_positive_int(self.num_samples):
            raise ValueError(
                f"[RandomSampler] num_samples must be a positive integer: got {self.num_samples!r}"
            )

    @property
    def num_samples(self) -> int:
        # asked anew each time: the data set may have grown
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(draw_seed())
        if self.replacement:
            for start in range(0, self.num_samples, 32):
                count = min(32, self.num_samples - start)
                yield from integers((count,), "int64", 0, size, generator).tolist()
            return
        for _ in range(self.num_samples // size):
            yield from randperm(size, generator=generator).tolist()
        # PyTorch draws this last permutation even when no index of it is needed.
        yield from randperm(size, generator=generator).tolist()[: self.num_samples % size]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given `indices` in random order, without replacement."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, index i with a probability proportional to `weights[i]` (need not add up to 1).

    Raises ValueError for a `num_samples` that is no positive integer, a `replacement` that is no bool,
    weights that are not one-dimensional; without `replacement`, RuntimeError when more are asked for than
    there are.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not _is_positive_int(num_samples):
            raise ValueError(
                f"[WeightedRandomSampler] num_samples must be a positive integer: got {num_samples!r}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(f"[WeightedRandomSampler] replacement must be a bool: got {replacement!r}")
        values: Tensor = as_tensor(weights, dtype=float64)
        if values.dim() != 1:
            raise ValueError(
                f"[WeightedRandomSampler] weights must be one-dimensional: got shape {tuple(values.shape)}"
            )
        self.weights = values
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        yield from multinomial(
            self.weights._array, self.num_samples, self.replacement, self.generator
        ).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from `sampler`; the last, shorter one is left out with `drop_last`.

    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not _is_positive_int(batch_size):
            raise ValueError(f"[BatchSampler] batch_size must be a positive integer: got {batch_size!r}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"[BatchSampler] drop_last must be a bool: got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
