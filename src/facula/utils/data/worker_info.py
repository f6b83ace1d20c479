"""What a data set can learn about the worker process it runs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows about itself: its number, how many there are, its seed, its data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    worker_method: str = "multiprocessing"


_here: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process, its WorkerInfo; in the main process, None.

    An IterableDataset uses it in `__iter__` to give each worker its own part of the stream.

    >>> get_worker_info() is None
    True
    """
    return _here


def set_worker_info(info: WorkerInfo) -> None:
    """Called once, by the worker process."""
    global _here
    _here = info
