"""`save` and `load`."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..errors import CorruptFileError
from .archive import ArchiveReader, ArchiveWriter
from .atomic import atomic_write
from .known import Known
from .pickler import Pickler
from .source import Source, open_source
from .tensors import MapLocation, Storages
from .unpickler import MAX_BYTES, Unpickler

# The version of the archive's layout that PyTorch 2.13 writes, and the newest that it reads.
_VERSION, _NEWEST = 3, 10
_LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "ascii": "ascii",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "bytes": "bytes",
}


def save(
    obj: Any,
    f: str | os.PathLike[str] | BinaryIO,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write `obj` to a file that `load` and PyTorch's `torch.load` read.

    `obj` may be a tensor, parameter, storage, whole module, a `state_dict`, and any nesting of dicts (also
    OrderedDict, defaultdict, Counter), lists, tuples, sets, numbers, texts, bytes, `Size`, `dtype`, `device`,
    NumPy numbers and arrays. Tensors over one memory stay so; as in PyTorch the whole memory behind a view is
    written (save `x.clone()` to write only the view). A module's class is saved by its name; a class or
    function of the program's own that is not a Module cannot be saved.

    `f` is a path or an object with `write`. A path is written atomically: until everything is on the disk the
    old file stays, and after an error it is as it was. `pickle_module` may be None or Python's `pickle`.

    Raises pickle.PicklingError for a value that cannot be saved, RuntimeError if the folder does not exist or
    one memory is viewed as two dtypes, OSError (PermissionError, IsADirectoryError) if the file cannot be
    written, AttributeError if `f` is neither a path nor has `write`, NotImplementedError for
    `pickle_protocol` other than 2 and `_use_new_zipfile_serialization=False`.

    >>> import io, facula
    >>> file = io.BytesIO()
    >>> save({"epoch": 3, "weight": facula.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> load(file)
    {'epoch': 3, 'weight': tensor([1., 1.])}
    """
    _check_pickle_module(pickle_module, "save")
    if pickle_protocol != 2:
        raise NotImplementedError(
            f"[save] pickle_protocol={pickle_protocol!r} is not supported: files use protocol 2"
        )
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "[save] _use_new_zipfile_serialization=False (the old format) is not supported"
        )
    pickler = Pickler()
    # Before the file is touched: what cannot be saved leaves the old one alone.
    stream = pickler.dump(obj)
    with _open_target(f) as (file, prefix):
        archive = ArchiveWriter(file, prefix)
        archive.write_record("data.pkl", stream)
        archive.write_record(".format_version", b"1")
        archive.write_record(".storage_alignment", b"64")
        if not _disable_byteorder_record:
            archive.write_record("byteorder", sys.byteorder.encode())
        for storage in pickler.storages:
            archive.write_record(f"data/{storage.key}", storage.memory)
        archive.write_record("version", b"%d\n" % _VERSION)
        # PyTorch marks each file with 40 digits of checksums; these are ours, equal for equal content.
        names, contents = archive.checksum()
        archive.write_record(".data/serialization_id", b"%020d%020d" % (names, contents))
        archive.close()


def load(
    f: str | os.PathLike[str] | BinaryIO,
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` or PyTorch's `torch.save` wrote.

    Loading is safe in every mode: nothing that the file names is imported or called. A whole module is
    rebuilt if its class is one of facula's or is defined in the running program already, by setting its
    attributes; `__init__`, `__new__` and `__setstate__` do not run. `weights_only=None` (the default) and
    False allow modules, True does not. (PyTorch's default is True, since there False runs what the file
    says.)

    `f` is a path, or a seekable object with `read`, read from its present position to its end. `map_location`
    says where tensors saved from another device go: a device or its name, a dict from name to name, or a
    function `(UntypedStorage, name) -> UntypedStorage or None`. With `mmap=True` (paths only) tensors look
    into the file and are read when first used; changes stay in memory; the checksums of the tensors are then
    not checked. `pickle_module` may be None or Python's `pickle`. `encoding="utf-8"` is how Python 2's
    strings are decoded.

    Raises CorruptFileError (a RuntimeError) for a damaged file, UnsafeFileError (a pickle.UnpicklingError)
    for one that names something not allowed, both with path, reason and position; RuntimeError for a tensor
    of a device that is not there; OSError if the file cannot be read; NotImplementedError for the format from
    before PyTorch 1.6 and for TorchScript archives.

    >>> import io, facula
    >>> file = io.BytesIO()
    >>> save([facula.arange(3), "text"], file)
    >>> _ = file.seek(0)
    >>> load(file, weights_only=True)
    [tensor([0, 1, 2]), 'text']
    """
    _check_pickle_module(pickle_module, "load")
    encoding = _check_load_args(pickle_load_args)
    if str(map_location).partition(":")[0] == "meta":
        raise NotImplementedError("[load] map_location='meta' is not supported")
    with open_source(f, mapped=bool(mmap)) as source:
        _check_format(source)
        archive = ArchiveReader(source)
        if "constants.pkl" in archive:
            raise NotImplementedError(
                f"[load] {source.name} is a TorchScript archive, which is not supported"
            )
        swap = _check_header(archive)
        if archive.size("data.pkl") > MAX_BYTES:
            raise CorruptFileError(source.name, f"the record 'data.pkl' has more than {MAX_BYTES} bytes")
        stream = archive.read("data.pkl")
        storages = Storages(archive, map_location, check=not mmap, swap=swap)
        known = Known(storages, allow_modules=not weights_only, encoding=encoding, stream_size=len(stream))
        return Unpickler(stream, known, source.name, archive.position("data.pkl")).load()


def _check_pickle_module(module: Any, name: str) -> None:
    # The stream is always written and read by our own code; Python's pickle is what PyTorch takes by default.
    if module is not None and module is not pickle:
        raise NotImplementedError(f"[{name}] pickle_module={module!r} is not supported")


def _check_load_args(args: dict[str, Any]) -> str:
    encoding = args.pop("encoding", "utf-8")
    for name in args:
        raise NotImplementedError(f"[load] the argument {name!r} is not supported")
    if encoding not in _ENCODINGS:
        raise NotImplementedError(
            f"[load] encoding={encoding!r} is not supported: use one of {', '.join(_ENCODINGS)}"
        )
    return _ENCODINGS[encoding]


def _check_format(source: Source) -> None:
    start = source.read(0, min(source.size, len(_LEGACY_MAGIC)))
    if start == _LEGACY_MAGIC:
        raise NotImplementedError(
            f"[load] {source.name} is in the format from before PyTorch 1.6, which is not supported yet; "
            "open it with PyTorch and save it again"
        )
    if not start:
        raise CorruptFileError(source.name, "the file is empty")
    if start[:4] != b"PK\3\4"[: len(start)]:
        raise CorruptFileError(
            source.name, "the file does not start like one that torch.save or facula.save writes", 0
        )


def _check_header(archive: ArchiveReader) -> bool:
    """Check the format's version; returns whether the byte order is not this machine's."""
    path = archive.source.name
    for name in ("version", ".data/version"):
        if name in archive:
            text = archive.read(name)
            if not re.fullmatch(rb"[0-9]{1,4}\n?", text) or not 1 <= int(text) <= _NEWEST:
                raise CorruptFileError(path, f"the format's version is {text[:20]!r}", archive.position(name))
    if "byteorder" not in archive:
        return sys.byteorder != "little"
    order = archive.read("byteorder")
    if order not in (b"little", b"big"):
        raise CorruptFileError(path, f"the byte order is {order[:20]!r}", archive.position("byteorder"))
    return order.decode() != sys.byteorder


@contextlib.contextmanager
def _open_target(f: Any) -> Iterator[tuple[BinaryIO, str]]:
    """The file to write into and the archive's name: the file's name without its last extension."""
    if not isinstance(f, (str, bytes, os.PathLike)):
        if not hasattr(f, "write"):
            raise AttributeError(
                f"[save] rule: f is a path or a file object with a 'write' attribute: got {type(f).__name__}"
            )
        yield f, "archive"
        return
    path = os.fsdecode(f)
    with atomic_write(path) as file:
        yield file, _archive_name(path)


def _archive_name(path: str) -> str:
    name = os.path.basename(path)
    stem = name[: name.rindex(".")] if "." in name[1:] else name.lstrip(".")
    # Records are found by the part before the first slash: only plain names are used.
    return stem if re.fullmatch(r"[A-Za-z0-9_+=,@ .-]+", stem) and stem not in (".", "..") else "archive"
