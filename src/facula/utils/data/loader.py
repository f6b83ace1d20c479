"""DataLoader: iterate over a data set in batches."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from typing import Any, Generic, TypeVar, cast

from ...random import Generator, draw_seed
from .batch import batch_method, samples_method
from .collate import STANDARD_COLLATE, default_collate, default_convert
from .dataset import Dataset, IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)

_FIXED_ATTRIBUTES = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[T_co]):
    """Batches of a data set, in order, shuffled, or as a sampler says; the same order as PyTorch for a seed.

    Arguments, with their defaults: `batch_size=1` (None: single samples, not collated), `shuffle=None`,
    `sampler=None` (any iterable of indices), `batch_sampler=None` (any iterable of lists of indices),
    `num_workers=0` (0: load in this process), `collate_fn=None` (default: `default_collate`, or
    `default_convert` without batches), `pin_memory=False` (accepted; has no effect on a CPU),
    `drop_last=False`, `timeout=0` (seconds to wait for a worker; 0: for ever), `worker_init_fn=None` (called
    with the worker's number), `multiprocessing_context=None` (a context or "fork", "spawn", "forkserver"),
    `generator=None` (draws the order and the workers' seed; default: the global one), `prefetch_factor=None`
    (batches loaded ahead by each worker, 2), `persistent_workers=False`, `pin_memory_device=""`,
    `in_order=True` (False: whichever worker is ready first).

    Raises ValueError for arguments out of range or that exclude one another.

    A data set with `__getitems__` is asked for a whole batch at once. With the default `collate_fn`,
    `TensorDataset`, `MNIST` and its relatives, and `Subset`s of them fetch, transform and collate a batch in
    a few array operations; the result is the same to the last bit.

    >>> from facula import arange
    >>> from facula.utils.data import TensorDataset
    >>> for (batch,) in DataLoader(TensorDataset(arange(5)), batch_size=2):
    ...     print(batch)
    tensor([0, 1])
    tensor([2, 3])
    tensor([4])
    """

    dataset: Dataset[T_co]
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Sampler | Iterable
    batch_sampler: Sampler | Iterable | None
    prefetch_factor: int | None
    _iterator: Any = None
    __initialized = False

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers

        streamed = isinstance(dataset, IterableDataset)
        if streamed:
            given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
            for name, value in given.items():
                if value is not None:
                    raise _exclusive("an IterableDataset", f"{name}={value!r}")
        if sampler is not None and shuffle:
            raise _exclusive("sampler", "shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise _exclusive("batch_sampler", "batch_size, shuffle, sampler and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise _exclusive("batch_size=None (no batches)", "drop_last")
        if sampler is None:
            if streamed:
                sampler = _EndlessSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(cast("Iterable[int]", sampler), batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._length_told: int | None = None
        self.__initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in _FIXED_ATTRIBUTES:
            raise ValueError(f"[DataLoader] {name} cannot be set after {type(self).__name__} is made")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "[DataLoader] multiprocessing_context needs num_workers > 0: got num_workers=0"
                )
            import multiprocessing

            if isinstance(context, str):
                methods = multiprocessing.get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        f"[DataLoader] multiprocessing_context must be one of {methods}: got {context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    f"[DataLoader] multiprocessing_context must be a context or the name of a start method: "
                    f"got {context!r}"
                )
        self.__multiprocessing_context = context

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _get_iterator(self) -> _LoaderIterator:
        if self.num_workers == 0:
            return _SerialIterator(self)
        from .workers import WorkerIterator

        return WorkerIterator(self)

    def __iter__(self) -> Iterator[Any]:
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        length = self._length_told = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn when there are more workers than processor cores for them."""
        try:
            cores = len(os.sched_getaffinity(0))
        except AttributeError:  # not on every system
            cores = os.cpu_count() or 0
        if cores and self.num_workers > cores:
            warnings.warn(
                f"[DataLoader] num_workers={self.num_workers} is more than the {cores} processor cores: "
                "this will likely be slower than fewer workers",
                stacklevel=3,
            )


def _exclusive(one: str, other: str) -> ValueError:
    return ValueError(f"[DataLoader] {one} and {other} exclude each other")


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(f"[DataLoader] num_workers must not be negative: got {num_workers}")
    if timeout < 0:
        raise ValueError(f"[DataLoader] timeout must not be negative: got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(f"[DataLoader] prefetch_factor needs num_workers > 0: got {prefetch_factor} and 0")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(f"[DataLoader] prefetch_factor must not be negative: got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("[DataLoader] persistent_workers needs num_workers > 0: got num_workers=0")


class _EndlessSampler(Sampler[None]):
    """What drives a stream: it has no indices, so None again and again."""

    def __iter__(self) -> Iterator[None]:
        return repeat(None)


# ---- fetching --------------------------------------------------------------------------------------------


class MapFetcher:
    """Turns one item of the index sampler into a batch (or a sample) of an indexable data set."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> None:
        self.dataset, self.auto_collation, self.collate_fn = dataset, auto_collation, collate_fn

    def fetch(self, index: Any) -> Any:
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.collate_fn is STANDARD_COLLATE:
            whole = batch_method(self.dataset)
            if whole is not None:
                batch = whole(index)
                if batch is not NotImplemented:
                    return batch
        several = samples_method(self.dataset)
        samples = several(index) if several is not None else [self.dataset[i] for i in index]
        return self.collate_fn(samples)


class StreamFetcher:
    """The same for a stream: takes as many samples as the index list is long."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> None:
        self.samples = iter(dataset)
        self.auto_collation, self.collate_fn, self.drop_last = auto_collation, collate_fn, drop_last
        self.ended = False

    def fetch(self, index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.samples))
        batch = list(islice(self.samples, len(index)))
        self.ended = len(batch) < len(index)
        if not batch or (self.drop_last and self.ended):
            raise StopIteration
        return self.collate_fn(batch)


def make_fetcher(dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool) -> Any:
    kind = StreamFetcher if isinstance(dataset, IterableDataset) else MapFetcher
    return kind(dataset, auto_collation, collate_fn, drop_last)


# ---- iterating -------------------------------------------------------------------------------------------


class _LoaderIterator:
    """One pass over a loader. Subclasses define `_next_batch`."""

    def __init__(self, loader: DataLoader) -> None:
        # Drawn even where no worker needs it: the order of a shuffled loader depends on it.
        self._base_seed = draw_seed(loader.generator)
        if loader.pin_memory:
            warnings.warn(
                "[DataLoader] pin_memory has no effect: there is no accelerator to copy to", stacklevel=4
            )
        self._begin(loader)

    def _begin(self, loader: DataLoader) -> None:
        # The loader itself is not kept: with persistent workers it keeps this object, and a circle of the two
        # would let the processes live on until the garbage collector finds it.
        self._index_sampler = loader._index_sampler
        self._length_told = loader._length_told
        self._indices = iter(self._index_sampler)
        self._count = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._count += 1
        told = self._length_told
        if told is not None and self._count > told:
            warnings.warn(
                f"[DataLoader] the IterableDataset said it has {told} samples: got batch {self._count}",
                stacklevel=2,
            )
        return batch

    def _next_batch(self) -> Any:
        raise NotImplementedError


class _SerialIterator(_LoaderIterator):
    """Loads in this process, one batch when it is asked for."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if loader.timeout != 0:
            raise AssertionError(f"[DataLoader] timeout needs num_workers > 0: got timeout={loader.timeout}")
        self._fetcher = make_fetcher(
            loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last
        )

    def _next_batch(self) -> Any:
        return self._fetcher.fetch(next(self._indices))
