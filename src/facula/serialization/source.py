"""Random access to the bytes of what is being loaded: a file, a seekable file object or a memory map."""

from __future__ import annotations

import contextlib
import io
import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import CorruptFileError


class Source:
    """`size` bytes that can be read at any position; `name` is what error messages call them."""

    def __init__(self, file: Any, name: str, start: int = 0) -> None:
        self.name = name
        self._file = file
        self._start = start
        self.size: int = max(file.seek(0, os.SEEK_END) - start, 0)

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes; CorruptFileError if the source ends before."""
        self._check(offset, count)
        self._file.seek(self._start + offset)
        data = bytes(self._file.read(count))
        if len(data) != count:
            raise CorruptFileError(self.name, f"expected {count} bytes, got {len(data)}", offset)
        return data

    def read_array(self, offset: int, count: int) -> np.ndarray[Any, Any]:
        """The same bytes as a new, writable uint8 array, without a second copy where the file allows it."""
        self._check(offset, count)
        array = np.empty(count, np.uint8)
        self._file.seek(self._start + offset)
        view = memoryview(array)  # type: ignore[arg-type]  # NumPy arrays are buffers from Python 3.12 on
        readinto = getattr(self._file, "readinto", None)
        done = 0
        while done < count:
            if readinto is not None:
                got = readinto(view[done:]) or 0
            else:
                chunk = self._file.read(min(count - done, 1 << 20))
                got = len(chunk)
                view[done : done + got] = chunk
            if got == 0:
                raise CorruptFileError(self.name, f"expected {count} bytes, got {done}", offset)
            done += got
        return array

    def _check(self, offset: int, count: int) -> None:
        # Checked before anything is allocated: a lying length must not cost memory.
        if offset < 0 or count < 0 or offset + count > self.size:
            raise CorruptFileError(
                self.name, f"{count} bytes are named, but the file has only {self.size}", offset
            )


class MappedSource(Source):
    """A memory-mapped file: arrays are private copy-on-write views, read from the disk when first touched."""

    def __init__(self, file: Any, name: str) -> None:
        super().__init__(file, name)
        # The map lives as long as an array that looks into it.
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if self.size else None

    def read_array(self, offset: int, count: int) -> np.ndarray[Any, Any]:
        """A writable uint8 view; writes stay in memory and never reach the file."""
        self._check(offset, count)
        if self._map is None or count == 0:
            return np.empty(0, np.uint8)
        # Not a slice of one array over the whole file: each storage has to be the end of its views' chain of
        # bases.
        return np.frombuffer(self._map, np.uint8, count, offset)


@contextlib.contextmanager
def open_source(f: Any, *, mapped: bool = False) -> Iterator[Source]:
    """The Source of a path or of a file object (from its present position on).

    Raises OSError for a path that cannot be opened, AttributeError for an object without `read` and `seek`,
    RuntimeError if `mapped` is asked for something that is not a path.
    """
    if isinstance(f, (str, bytes, os.PathLike)):
        path = os.fsdecode(f)
        with open(path, "rb") as file:
            yield MappedSource(file, path) if mapped else Source(file, path)
        return
    if mapped:
        raise RuntimeError("[load] mmap can only be used with a file's path: got a file-like object")
    if not (hasattr(f, "read") and hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError(
            "[load] rule: f is a path or a seekable file object with read, seek and tell: "
            f"got {type(f).__name__}; put the bytes into io.BytesIO and load from that"
        )
    name = getattr(f, "name", None)
    try:
        start = f.tell()
    except io.UnsupportedOperation as error:
        raise AttributeError(
            f"[load] rule: the file object must be seekable: got {type(f).__name__}"
        ) from error
    yield Source(f, name if isinstance(name, str) else f"<{type(f).__name__}>", start)
