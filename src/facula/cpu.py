"""The CPU as a device: PyTorch's questions about it, and the memory that large results are kept in.

Large arrays (from 1 MB on) take their memory from a cache: what one frees the next of about its size takes over,
since the first touch of fresh memory costs more than the arithmetic that fills it. What is kept is bounded by
`set_memory_limit`, by a quarter of the memory that the machine has left, and by what the program needed a moment
ago. Without the native kernels there is no cache, and all figures are 0.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .kernels.cpu import native

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._device import device as Device

__all__ = [
    "Stream",
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device",
    "set_memory_limit",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether the CPU can be used: always.

    >>> is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """Whether the CPU was started: always."""
    return True


def device_count() -> int:
    """The number of CPU devices, not of cores: 1."""
    return 1


def current_device() -> str:
    """The current CPU device: "cpu"."""
    return "cpu"


def set_device(device: Device | str | int | None) -> None:
    """Choose the CPU device: there is only one, so nothing happens."""


def synchronize(device: Device | str | int | None = None) -> None:
    """Wait for all that runs on the CPU: operations are done when they return, so nothing happens."""


# ---- streams -----------------------------------------------------------------------------------------------


class Stream:
    """A queue of work on the CPU, of which there is one: operations run in the order of the program."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Stream) -> None:
        """Wait for another stream: its work is done already."""


_STREAM = Stream()


def current_stream(device: Device | str | int | None = None) -> Stream:
    """The stream that operations run on."""
    return _STREAM


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """Run operations on a stream inside a `with` block: the same as without.

    >>> with stream(Stream()):
    ...     synchronize()
    """
    yield


# ---- memory ------------------------------------------------------------------------------------------------


def memory_stats() -> dict[str, int]:
    """What the cache of large arrays' memory holds and did, by name.

    Returns:
        A dictionary of numbers, all but the counts in bytes. As in `torch.cuda.memory_stats`:
        "allocated_bytes.all.current" and "allocated_bytes.all.peak", the memory of large arrays that are there;
        "reserved_bytes.all.current" and "reserved_bytes.all.peak", that with what is kept for later. And:
        "cached_bytes", what is kept for later; "cached_bytes.limit", how much may be; "hits" and "misses",
        how many arrays got kept memory, and how many took it from the system; "released_bytes", what was given
        back to the system since the start.

    >>> memory_stats()["cached_bytes"] >= 0
    True
    """
    found: dict[str, int] = native.memory_stats() if native is not None else {}
    in_use, held = found.get("in_use", 0), found.get("held", 0)
    return {
        "allocated_bytes.all.current": in_use,
        "allocated_bytes.all.peak": found.get("in_use_peak", 0),
        "reserved_bytes.all.current": in_use + held,
        "reserved_bytes.all.peak": found.get("reserved_peak", 0),
        "cached_bytes": held,
        "cached_bytes.limit": found.get("limit", 0),
        "hits": found.get("hits", 0),
        "misses": found.get("misses", 0),
        "released_bytes": found.get("released", 0),
    }


def reset_peak_memory_stats() -> None:
    """Start the peaks of `memory_stats` anew, from what is there now.

    >>> reset_peak_memory_stats()
    >>> stats = memory_stats()
    >>> stats["allocated_bytes.all.peak"] == stats["allocated_bytes.all.current"]
    True
    """
    if native is not None:
        native.reset_peak_memory()


def empty_cache() -> None:
    """Give all memory that is kept for later back to the system.

    >>> empty_cache()
    >>> memory_stats()["cached_bytes"]
    0
    """
    if native is not None:
        native.empty_cache()


def set_memory_limit(bytes: int) -> None:
    """Set how much memory may be kept for later; what is beyond it now is given back.

    Args:
        bytes: the most, 2 GiB by default. 0 keeps nothing: then every large array takes fresh memory from the
            system and gives it back. A quarter of what the machine has left is never exceeded.

    Raises:
        TypeError: if `bytes` is not an integer.
        ValueError: if it is negative.

    >>> set_memory_limit(512 * 2**20)
    >>> set_memory_limit(2 * 2**30)
    """
    if not isinstance(bytes, int) or isinstance(bytes, bool):
        raise TypeError(f"[cpu.set_memory_limit] expects an integer: got {bytes!r}")
    if bytes < 0:
        raise ValueError(f"[cpu.set_memory_limit] expects a number of bytes, 0 or more: got {bytes}")
    if native is not None:
        native.set_memory_limit(min(bytes, 2**63))
