"""Writing a file so that a reader, or a crash, sees either the old content or the new one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> Iterator[BinaryIO]:
    """A context manager giving a binary file whose content replaces `path` when the block ends without an
    error.

    The content goes to a temporary file in the same folder, is flushed to the disk and renamed over `path`;
    then the folder is flushed. If the block raises, `path` stays as it was and the temporary file is removed;
    after `kill -9` a temporary file named `.NAME.XXXXXXXX.tmp` may stay behind, never a half-written `path`.
    A symbolic link is followed; an existing file keeps its permissions; something that is not a regular file
    (a pipe, a device) is written directly.

    Raises RuntimeError if the parent folder does not exist, IsADirectoryError if `path` is a folder,
    PermissionError if the folder or the existing file cannot be written, OSError if the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.txt")
    ...     with atomic_write(path) as file:
    ...         _ = file.write(b"whole")
    ...     os.listdir(folder)
    ['a.txt']
    """
    target = os.path.realpath(os.fsdecode(path))
    parent, name = os.path.split(target)
    if not os.path.isdir(parent):
        raise RuntimeError(f"Parent directory {parent} does not exist.")
    mode = _existing_mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, f"cannot write the file {target}: it is a folder")
        with open(target, "wb") as direct:
            yield direct
        return
    if mode is not None and not os.access(
        target, os.W_OK, effective_ids=os.access in os.supports_effective_ids
    ):
        # A rename would succeed, but replacing what its owner made read-only is not what was asked for.
        raise PermissionError(errno.EACCES, f"cannot write the file {target}: it is read-only")
    temporary, descriptor = _create_beside(parent, name)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                with contextlib.suppress(OSError):  # some file systems have no permissions to set
                    os.chmod(temporary, stat.S_IMODE(mode))
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_folder(parent)


def _existing_mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _create_beside(parent: str, name: str) -> tuple[str, int]:
    """Make a new file in `parent`, with the permissions that an ordinary new file gets."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        # Names are limited to 255 bytes on most file systems: 200 leaves room for what is added.
        short = os.fsdecode(os.fsencode(name)[:200])
        temporary = os.path.join(parent, f".{short}.{secrets.token_hex(4)}.tmp")
        try:
            return temporary, os.open(temporary, flags, 0o666)
        except FileExistsError:
            continue
        except OSError as error:
            # The errno chooses the subclass: PermissionError for a read-only folder.
            raise OSError(error.errno, f"cannot write into the folder {parent}: {error.strerror}") from error


def _flush_folder(parent: str) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be flushed."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
