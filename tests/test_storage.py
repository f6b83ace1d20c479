"""Storages: the memory behind tensors."""

from __future__ import annotations

import numpy as np
import pytest

from facula import _dtype
from facula._tensor import wrap
from facula.storage import TypedStorage, UntypedStorage, locate


def test_views_share_their_storage() -> None:
    base = np.arange(12, dtype=np.int32).reshape(3, 4)
    whole, part = wrap(base), wrap(base[1:, ::2].T)
    assert whole.untyped_storage().data_ptr() == part.untyped_storage().data_ptr() == base.ctypes.data
    assert part.untyped_storage().nbytes() == 48
    assert locate(part._array)[1] == 16 == part.storage_offset() * 4


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10.0)[::-1],
        np.broadcast_to(np.arange(3.0)[:, None], (3, 4)),
        np.asfortranarray(np.ones((3, 4)))[1:],
        np.array(5.0),
        np.frombuffer(b"12345678", np.uint16)[1:],
        np.ndarray((3,), np.int32, np.arange(9, dtype=np.int32).data, 4, (8,)),
        np.zeros((0, 4)),
        np.zeros(3, [("a", "f4"), ("b", "u1")])["a"],
    ],
    ids=["reversed", "expanded", "fortran", "scalar", "bytes", "foreign", "empty", "field"],
)
def test_the_memory_holds_every_element(array: np.ndarray) -> None:
    memory, offset = locate(array)
    assert memory.dtype == np.uint8 and memory.ndim == 1
    if array.size:
        again = np.ndarray(array.shape, array.dtype, memory, offset, array.strides)
        assert (again == array).all() and np.shares_memory(again, array)
    assert (
        memory.flags.writeable == (array.base if array.base is not None else array).flags.writeable
        or not array.size
    )


def test_untyped() -> None:
    storage = UntypedStorage(np.array([1, 2], np.uint16))
    assert (len(storage), storage.size(), storage.nbytes(), storage.element_size()) == (4, 4, 4, 1)
    assert storage.tolist() == list(storage) == [1, 0, 2, 0] and storage[2] == 2
    copy = storage.clone()
    copy[0] = 9
    assert copy.tolist() == [9, 0, 2, 0] and storage[0] == 1
    assert storage.copy_(copy)[0] == 9
    assert storage[1:3].data_ptr() == storage.data_ptr() + 1
    assert storage.cpu() is storage and str(storage.device) == "cpu"
    assert repr(UntypedStorage(np.array([7], np.uint8))) == (
        " 7\n[facula.storage.UntypedStorage(device=cpu) of size 1]"
    )
    assert UntypedStorage().data_ptr() == 0 and UntypedStorage(5).nbytes() == 5
    with pytest.raises(ValueError, match="same size"):
        storage.copy_(UntypedStorage(3))
    with pytest.raises(ValueError):
        UntypedStorage(-1)


def test_the_memory_outlives_its_array() -> None:
    storage = UntypedStorage(np.full(100_000, 7, np.uint8))
    np.zeros(100_000, np.uint8)
    assert set(storage.tolist()) == {7}


def test_typed() -> None:
    array = np.array([1.5, 2.5], np.float32)
    storage = TypedStorage(UntypedStorage(array), _dtype.float32)
    assert (len(storage), storage.size(), storage.nbytes(), storage.element_size()) == (2, 2, 8, 4)
    storage[1] = 4
    assert array.tolist() == storage.tolist() == list(storage) == [1.5, 4] and storage[1] == 4
    assert storage.untyped().data_ptr() == storage.data_ptr() == array.ctypes.data
    assert str(storage.device) == "cpu"
    assert repr(storage).endswith("[facula.storage.TypedStorage(dtype=facula.float32, device=cpu) of size 2]")
