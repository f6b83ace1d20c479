"""Fixtures that make files which no honest program writes."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from facula.errors import CorruptFileError, UnsafeFileError
from facula.serialization import load, save
from facula.serialization.archive import ArchiveWriter

Pack = Callable[..., bytes]

_events: list[str] | None = None


def _listen(event: str, args: tuple[Any, ...]) -> None:
    if _events is not None and (
        event in _DANGEROUS or event.startswith(("os.", "subprocess.", "socket.", "ctypes."))
    ):
        _events.append(f"{event}{args!r}")


_DANGEROUS = ("exec", "compile", "import", "open", "pickle.find_class", "code.__new__", "builtins.input")
# Python tells audit hooks of every import, code run from a text, process started, and the like.
sys.addaudithook(_listen)


def watched_load(content: bytes, **options: Any) -> Any:
    """`load`, failing if anything was imported, executed or opened meanwhile."""
    global _events
    _events = []
    try:
        return load(io.BytesIO(content), **options)
    finally:
        found, _events = _events, None
        assert not found, found


@pytest.fixture
def read() -> Callable[..., Any]:
    """`read(content)`: load from bytes, and fail if anything was imported, executed or opened meanwhile."""
    load_once = io.BytesIO()
    save(None, load_once)
    watched_load(load_once.getvalue())
    return watched_load


@pytest.fixture
def pack() -> Pack:
    """`pack(stream, {"0": bytes})`: an archive around a pickle stream and the records of storages."""

    def make(stream: bytes, storages: dict[str, bytes] | None = None, **records: bytes) -> bytes:
        file = io.BytesIO()
        writer = ArchiveWriter(file, "archive")
        writer.write_record("data.pkl", stream)
        for name, content in {"byteorder": b"little", "version": b"3\n", **records}.items():
            writer.write_record(name, content)
        for key, content in (storages or {}).items():
            writer.write_record(f"data/{key}", content)
        writer.close()
        return file.getvalue()

    return make


class _Named:
    """Pickles as a name, whether or not there is anything of that name."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Storage:
    """Pickles as a persistent id."""

    def __init__(self, pid: Any) -> None:
        self.pid = pid


class _Call:
    """Pickles as a call of a name; `state` follows with BUILD, `new` uses NEWOBJ."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.function, self.args, self.state = function, args, state

    def __reduce__(self) -> Any:
        return (_placeholder, (), None)


def _placeholder() -> None:
    raise AssertionError("never called")


class _Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    """Python's pickler in Python, which lets names be written that cannot be imported."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, _Named):
            self.write(b"c" + obj.module.encode() + b"\n" + obj.name.encode() + b"\n")
        elif isinstance(obj, _Storage):
            self.save(obj.pid)
            self.write(b"Q")
        elif isinstance(obj, _Call):
            self.save(obj.function)
            self.save(obj.args)
            self.write(b"R")
            if obj.state is not None:
                self.save(obj.state)
                self.write(b"b")
        else:
            super().save(obj, save_persistent_id)


@pytest.fixture
def stream() -> Any:
    """A maker of pickle streams: `stream(value)`, where `.named`, `.call` and `.storage` are no values."""

    def make(value: Any, protocol: int = 2) -> bytes:
        file = io.BytesIO()
        _Pickler(file, protocol).dump(value)
        return file.getvalue()

    make.named = _Named  # type: ignore[attr-defined]
    make.call = _Call  # type: ignore[attr-defined]
    make.storage = _Storage  # type: ignore[attr-defined]
    return make


@pytest.fixture
def refuse(pack: Pack, read: Callable[..., Any]) -> Callable[..., CorruptFileError | UnsafeFileError]:
    """`refuse(stream, ...)`: loading it must end in one of the two errors, which is returned."""

    def check(stream: bytes, *args: Any, **kwargs: Any) -> CorruptFileError | UnsafeFileError:
        with pytest.raises((CorruptFileError, UnsafeFileError)) as caught:
            read(pack(stream, *args, **kwargs))
        return caught.value

    return check
