"""The exceptions that are facula's own; everywhere else PyTorch's choice of built-in exception is kept."""

from __future__ import annotations

import pickle


class FaculaError(Exception):
    """Base class of facula's own exceptions."""


class _FileError(FaculaError):
    """An error about a file: `path`, `reason` and, where known, the `offset` in bytes."""

    def __init__(self, path: str, reason: str, offset: int | None = None) -> None:
        self.path = path
        self.reason = reason
        self.offset = offset
        where = "" if offset is None else f" (at byte {offset})"
        super().__init__(f"{path}: {reason}{where}")

    def __reduce__(self) -> tuple[type[_FileError], tuple[str, str, int | None]]:
        # The default would pass only the finished message to __init__.
        return (type(self), (self.path, self.reason, self.offset))


class CorruptFileError(_FileError, RuntimeError):
    """The file is damaged, cut short or contradicts itself. A RuntimeError, as PyTorch raises for such files.

    >>> CorruptFileError("model.pth", "the archive has no end record", 120)
    CorruptFileError('model.pth: the archive has no end record (at byte 120)')
    """


class UnsafeFileError(_FileError, pickle.UnpicklingError):
    """The file names something that loading does not allow. A `pickle.UnpicklingError`, as in PyTorch.

    >>> UnsafeFileError("model.pth", "'os.system' is not on the list of what a file may name", 2)
    UnsafeFileError("model.pth: 'os.system' is not on the list of what a file may name (at byte 2)")
    """


class DeviceUnavailableError(_FileError, RuntimeError):
    """The file's tensors belong to a device that does not exist here; `map_location="cpu"` helps."""
