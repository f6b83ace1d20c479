"""Storages: the block of memory behind a tensor, shared by all its views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _branding
from ._device import cpu, device
from ._dtype import dtype


class _Span:
    """Tells NumPy about a range of another array's memory and keeps that array alive."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, owner: np.ndarray[Any, Any], address: int, nbytes: int) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "data": (address, not owner.flags.writeable),
            "shape": (nbytes,),
            "typestr": "|u1",
            "version": 3,
        }


def locate(array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    """The whole memory that `array` is a view of, as a flat uint8 array, and where in it `array` starts, in
    bytes.

    Views of one array give memories of the same address and length; the memory is not copied.

    >>> memory, offset = locate(np.arange(6, dtype=np.int64)[2:])
    >>> memory.nbytes, offset
    (48, 16)
    """
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    low = high = address(root)
    if root.size:
        high += root.itemsize
        for length, stride in zip(root.shape, root.strides, strict=True):
            reach = (length - 1) * stride
            if reach < 0:
                low += reach
            else:
                high += reach
    if high == low:
        return np.empty(0, np.uint8), 0
    memory: np.ndarray[Any, Any] = np.asarray(_Span(root, low, high - low))
    return memory, address(array) - low if array.size else 0


def address(array: np.ndarray[Any, Any]) -> int:
    """The memory address of an array's first element."""
    return int(array.__array_interface__["data"][0])


class UntypedStorage:
    """A block of bytes. `UntypedStorage(n)` makes a new one of `n` undefined bytes (default 0),
    `UntypedStorage(array)` is the memory that a raw array is a view of.

    `tensor.untyped_storage()` gives the one behind a tensor: views of one tensor have storages with the same
    `data_ptr()`. Raises ValueError for a negative size.

    >>> UntypedStorage(8).nbytes()
    8
    """

    __slots__ = ("_memory",)

    def __init__(self, size: int | np.ndarray[Any, Any] = 0) -> None:
        self._memory: np.ndarray[Any, Any] = (
            np.empty(size, np.uint8) if isinstance(size, int) else locate(size)[0]
        )

    @classmethod
    def over(cls, memory: np.ndarray[Any, Any]) -> UntypedStorage:
        """A storage that is the given flat uint8 array; nothing is copied."""
        self = cls.__new__(cls)
        self._memory = memory
        return self

    @property
    def device(self) -> device:
        """Where the memory is: the CPU."""
        return cpu

    def data_ptr(self) -> int:
        """Address of the first byte; 0 if there is none."""
        return address(self._memory) if self._memory.size else 0

    def nbytes(self) -> int:
        """Number of bytes."""
        return self._memory.nbytes

    def size(self) -> int:
        """Number of elements, which are bytes."""
        return self._memory.nbytes

    def element_size(self) -> int:
        """Bytes of one element: 1."""
        return 1

    def clone(self) -> UntypedStorage:
        """A copy with memory of its own."""
        return UntypedStorage.over(self._memory.copy())

    def copy_(self, source: UntypedStorage) -> UntypedStorage:
        """Overwrite the bytes with those of `source`; ValueError if the sizes differ."""
        if source.nbytes() != self.nbytes():
            raise ValueError(
                f"[copy_] rule: both storages have the same size: got {self.nbytes()} and {source.nbytes()}"
            )
        self._memory[...] = source._memory
        return self

    def cpu(self) -> UntypedStorage:
        """This storage: it is on the CPU already."""
        return self

    def tolist(self) -> list[int]:
        """The bytes as Python integers."""
        return self._memory.tolist()

    def __len__(self) -> int:
        return self._memory.nbytes

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return UntypedStorage.over(self._memory[index])
        return int(self._memory[index])

    def __setitem__(self, index: int | slice, value: int) -> None:
        self._memory[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __repr__(self) -> str:
        lines = "".join(f" {b}\n" for b in self.tolist())
        return f"{lines}[{_branding.name()}.storage.UntypedStorage(device=cpu) of size {len(self)}]"


class TypedStorage:
    """A storage seen as elements of one dtype: what `tensor.storage()` gives.

    >>> import facula
    >>> TypedStorage(UntypedStorage(8), facula.float32).size()
    2
    """

    __slots__ = ("_untyped", "dtype")

    def __init__(self, untyped: UntypedStorage, dtype: dtype) -> None:
        self._untyped = untyped
        self.dtype = dtype

    @property
    def device(self) -> device:
        """Where the memory is: the CPU."""
        return cpu

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped

    def data_ptr(self) -> int:
        """Address of the first byte; 0 if there is none."""
        return self._untyped.data_ptr()

    def nbytes(self) -> int:
        """Number of bytes."""
        return self._untyped.nbytes()

    def size(self) -> int:
        """Number of elements."""
        return self._untyped.nbytes() // self.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._elements().tolist()

    def _elements(self) -> np.ndarray[Any, Any]:
        return self._untyped._memory[: self.size() * self.dtype.itemsize].view(self.dtype.numpy)

    def __len__(self) -> int:
        return self.size()

    def __getitem__(self, index: int) -> Any:
        return self._elements()[index].item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._elements()[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        kind = f"{_branding.name()}.storage.TypedStorage(dtype={self.dtype}, device=cpu)"
        return f"{lines}[{kind} of size {self.size()}]"
