"""Rebuilding tensors from the storages in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _dtype
from .._device import device
from .._dtype import dtype
from .._size import Size
from .._tensor import Tensor, wrap
from ..errors import CorruptFileError, DeviceUnavailableError
from ..storage import TypedStorage, UntypedStorage, address
from .archive import ArchiveReader
from .values import Damaged, Name, Refused

MapLocation = Callable[[Any, str], Any] | Mapping[str, str] | str | device | None

_DEVICES = frozenset(
    ("cuda", "mps", "xpu", "hpu", "npu", "xla", "mtia", "privateuseone", "meta", "hip", "ipu")
)
_MAX_BYTES = 1 << 63


class CallerError(Exception):
    """Carries an exception of the caller's own `map_location` function past the reader's error handling."""

    def __init__(self, original: BaseException) -> None:
        self.original = original


class Storages:
    """The storages of one archive. Each is read when it is first named, and once."""

    def __init__(self, archive: ArchiveReader, map_location: MapLocation, *, check: bool, swap: bool) -> None:
        self.archive = archive
        self._map_location = map_location
        self._check = check
        self._swap = swap  # the file's byte order is not this machine's
        self._memory: dict[str, UntypedStorage] = {}
        self._typed: dict[int, int] = {}  # address -> item size the bytes were swapped for
        self._checked: set[int] = set()

    def find(self, pid: Any) -> TypedStorage | UntypedStorage:
        """The storage named by a persistent id: ("storage", type, record, device, number of elements)."""
        if type(pid) is not tuple or len(pid) != 5 or pid[0] != "storage":
            raise Refused("a persistent id is not one of a storage")
        _, kind, key, location, count = pid
        if type(kind) is not Name or kind.kind != "storage":
            raise Refused("the type of a storage is not one that a file may name")
        if type(key) is not str or type(location) is not str or type(count) is not int or count < 0:
            raise Damaged("a persistent id has values of the wrong type")
        of: dtype | None = kind.value
        itemsize = 1 if of is None else of.itemsize
        nbytes = self.archive.size(f"data/{key}")
        # The count is rounded down when the bytes are not a whole number of elements.
        if not 0 <= nbytes - count * itemsize < itemsize:
            raise Damaged(
                f"the storage {key!r} is said to have {count} elements, but its record has {nbytes} bytes"
            )
        untyped = self._memory.get(key)
        if untyped is None:
            untyped = self._restore(self.archive.read_array(f"data/{key}", check=self._check), location)
            if untyped.nbytes() != nbytes:
                raise CallerError(
                    ValueError("[load] rule: map_location returns a storage of the size it was given")
                )
            self._memory[key] = untyped
        if of is None:
            return untyped
        return TypedStorage(self.typed(untyped, of), of)

    def typed(self, untyped: UntypedStorage, of: dtype) -> UntypedStorage:
        """Make the bytes valid elements of a dtype: in this machine's byte order, and no bool but 0 and 1."""
        pointer = untyped.data_ptr()
        if self._swap and untyped.nbytes():
            part = of.itemsize // 2 if of.is_complex else of.itemsize
            if self._typed.setdefault(pointer, part) != part:
                raise Refused("one storage of the other byte order is used with two sizes of elements")
            if pointer not in self._checked:
                _swap_bytes(untyped._memory, part)
        elif of is _dtype.bool_ and pointer not in self._checked and (untyped._memory > 1).any():
            raise Damaged("a bool storage has bytes that are neither 0 nor 1")
        if self._swap or of is _dtype.bool_:
            self._checked.add(pointer)
        return untyped

    def _restore(self, memory: np.ndarray[Any, Any], location: str) -> UntypedStorage:
        storage = UntypedStorage.over(memory)
        target = self._map_location
        if callable(target):
            try:
                answer = target(storage, location)
            except Exception as error:
                raise CallerError(error) from error
            if answer is not None:
                found = answer.untyped() if isinstance(answer, TypedStorage) else answer
                if not isinstance(found, UntypedStorage):
                    message = (
                        f"[load] rule: map_location returns a storage or None: got {type(answer).__name__}"
                    )
                    raise CallerError(TypeError(message))
                return found
        elif isinstance(target, Mapping):
            location = str(target.get(location, location))
        elif target is not None:
            location = str(target)
        kind = location.partition(":")[0]
        if kind == "cpu":
            return storage
        path = self.archive.source.name
        if kind in _DEVICES:
            raise DeviceUnavailableError(
                path,
                f"attempting to load a storage onto the device {location!r}, which is not available; "
                "use map_location='cpu' to load it into the computer's memory",
            )
        raise CorruptFileError(
            path, f"don't know how to restore a storage tagged with the location {location!r}"
        )


def _swap_bytes(memory: np.ndarray[Any, Any], itemsize: int) -> None:
    whole = memory[: memory.nbytes // itemsize * itemsize]
    whole.view(f"u{itemsize}").byteswap(inplace=True)


def build_tensor(
    storages: Storages,
    untyped: UntypedStorage,
    of: dtype,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
) -> Tensor:
    """A tensor over a part of a storage; `offset` and `stride` count elements.

    Everything is checked with Python's integers, which do not overflow, before NumPy sees it.
    """
    shape, steps = _integers(size, "size"), _integers(stride, "stride")
    if type(offset) is not int or offset < 0 or type(requires_grad) is not bool:
        raise Damaged("a tensor's offset or requires_grad has the wrong type")
    if len(shape) != len(steps):
        raise Damaged(f"a tensor has {len(shape)} sizes and {len(steps)} strides")
    if requires_grad and not (of.is_floating_point or of.is_complex):
        raise Damaged(f"a tensor of dtype {of.name} requires grad")
    available = untyped.nbytes() // of.itemsize
    count, last = 1, offset
    for n, step in zip(shape, steps, strict=True):
        if n < 0 or step < 0:
            raise Damaged("a tensor has a negative size or stride")
        count *= n
        last += (n - 1) * step
    if max(count, *steps, 0, 0) * of.itemsize >= _MAX_BYTES:
        raise Damaged("a tensor's size is too large to be true")
    if count == 0 and offset > available:
        raise Damaged("a tensor starts behind the end of its storage")
    if count and last >= available:
        raise Damaged(f"a tensor reaches element {last} of a storage of {available}")
    memory = storages.typed(untyped, of)._memory
    if address(memory) % of.itemsize:
        memory = untyped._memory = memory.copy()  # a mapped file whose writer did not align its records
    in_bytes = tuple(step * of.itemsize for step in steps)
    array: np.ndarray[Any, Any] = np.ndarray(shape, of.numpy, memory, offset * of.itemsize, in_bytes)
    return wrap(array, requires_grad)


def _integers(values: Any, what: str) -> tuple[int, ...]:
    if type(values) not in (tuple, list, Size) or any(type(n) is not int for n in values):
        raise Damaged(f"a tensor's {what} is not a tuple of integers")
    return tuple(values)
