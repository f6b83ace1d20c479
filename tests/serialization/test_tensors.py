"""Tensors in hostile files: lying sizes, strides that leave the storage, missing and damaged records."""

from __future__ import annotations

import io
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facula import _dtype
from facula._tensor import Tensor
from facula.errors import CorruptFileError, DeviceUnavailableError, UnsafeFileError
from facula.serialization import load

FLOATS = np.arange(6, dtype="<f4").tobytes()


@pytest.fixture
def tensor_stream(stream: Any) -> Any:
    """`tensor_stream(offset=..., ...)`: the stream of a tensor over the storage "0" of six floats."""

    def make(
        offset: Any = 0, size: Any = (2, 3), stride: Any = (3, 1), grad: Any = False,
        kind: str = "FloatStorage", key: Any = "0", location: Any = "cpu", count: Any = 6,
        hooks: Any = None, extra: Any = (), of: str | None = None,
    ) -> bytes:  # fmt: skip
        module = "torch.storage" if kind == "UntypedStorage" else "torch"
        storage = stream.storage(("storage", stream.named(module, kind), key, location, count))
        args = (storage, offset, size, stride, grad, OrderedDict() if hooks is None else hooks)
        if of is None:
            return stream(stream.call(stream.named("torch._utils", "_rebuild_tensor_v2"), *args, *extra))
        name = stream.named("torch", of)
        return stream(stream.call(stream.named("torch._utils", "_rebuild_tensor_v3"), *args, name, *extra))

    return make


def test_an_honest_one_is_read(tensor_stream: Any, pack: Any, read: Any) -> None:
    tensor = read(pack(tensor_stream(), {"0": FLOATS}))
    assert type(tensor) is Tensor and tensor.dtype is _dtype.float32
    assert tensor.tolist() == [[0, 1, 2], [3, 4, 5]]
    view = read(pack(tensor_stream(offset=1, size=(2, 2), stride=(1, 2)), {"0": FLOATS}))
    assert view.tolist() == [[1, 3], [2, 4]] and view.storage_offset() == 1 and view.stride() == (1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"offset": 1},
        {"offset": -1},
        {"offset": 2**63},
        {"offset": True},
        {"offset": 0.0},
        {"size": (2, 4)},
        {"size": (3, 3)},
        {"size": (-1, 3)},
        {"size": (2,)},
        {"size": (2**62, 2**62), "stride": (0, 0)},
        {"size": (2**61,), "stride": (0,)},
        {"size": (2.0, 3)},
        {"size": "ab"},
        {"size": None},
        {"size": (1,) * 100, "stride": (1,) * 100},
        {"size": (1, 1), "stride": (2**62, 1)},
        {"size": (0, 2**62), "stride": (1, 1), "offset": 7},
        {"stride": (4, 1)},
        {"stride": (3, 2)},
        {"stride": (-3, 1)},
        {"stride": (2**63, 1)},
        {"stride": (True, 1)},
        {"stride": (3,)},
        {"grad": 1},
        {"grad": None},
        {"kind": "LongStorage", "count": 3, "size": (3,), "stride": (1,), "grad": True},
        {"kind": "LongStorage", "count": 6},
        {"kind": "QInt8Storage"},
        {"kind": "FloatTensor"},
        {"kind": "load"},
        {"key": "1"},
        {"key": "../version"},
        {"key": "/etc/passwd"},
        {"key": 0},
        {"count": 5},
        {"count": 7},
        {"count": 0},
        {"count": -6},
        {"count": 2**62},
        {"count": 6.0},
        {"location": "nowhere"},
        {"location": None},
        {"hooks": OrderedDict({0: print.__name__})},
        {"hooks": 5},
        {"extra": ({"conj": 1},)},
        {"extra": ({"other": True},)},
        {"extra": (5,)},
        {"extra": (None, None)},
        {"kind": "UntypedStorage", "count": 24},
        {"kind": "UntypedStorage", "count": 24, "of": "complex128"},
        {"kind": "UntypedStorage", "count": 24, "of": "quint8"},
        {"kind": "UntypedStorage", "count": 24, "of": "Size"},
        {"kind": "UntypedStorage", "count": 24, "of": "float64"},
    ],
    ids=lambda change: ",".join(f"{k}={v}"[:40] for k, v in change.items()),
)
def test_lies_about_a_tensor(change: dict[str, Any], tensor_stream: Any, refuse: Any) -> None:
    refuse(tensor_stream(**change), {"0": FLOATS})


def test_a_repeated_element_takes_no_memory(tensor_stream: Any, pack: Any, read: Any) -> None:
    # As PyTorch's expand: a huge shape over one element is legal and costs nothing.
    tensor = read(pack(tensor_stream(size=(10**6, 10**6), stride=(0, 0)), {"0": FLOATS}))
    assert tensor.shape == (10**6, 10**6) and tensor.stride() == (0, 0)
    assert tensor._array[5, 5] == 0
    # Conjugation would have to write the elements out.
    content = pack(tensor_stream(size=(10**6, 10**6), stride=(0, 0), extra=({"neg": True},)), {"0": FLOATS})
    with pytest.raises(UnsafeFileError, match="too often"):
        read(content)


def test_lazy_conjugation_and_negation_are_applied(tensor_stream: Any, pack: Any, read: Any) -> None:
    content = pack(tensor_stream(extra=({"neg": True},)), {"0": FLOATS})
    assert read(content).tolist() == [[0, -1, -2], [-3, -4, -5]]
    lazy = tensor_stream(kind="ComplexFloatStorage", count=3, size=(3,), stride=(1,), extra=({"conj": True},))
    assert read(pack(lazy, {"0": FLOATS})).tolist() == [0 - 1j, 2 - 3j, 4 - 5j]


def test_bools_are_zero_or_one(tensor_stream: Any, pack: Any, read: Any, refuse: Any) -> None:
    content = tensor_stream(kind="BoolStorage", count=3, size=(3,), stride=(1,))
    assert read(pack(content, {"0": b"\0\1\1"})).tolist() == [False, True, True]
    assert isinstance(refuse(content, {"0": b"\0\1\2"}), CorruptFileError)


def test_the_other_byte_order(tensor_stream: Any, pack: Any, read: Any) -> None:
    other = "big" if sys.byteorder == "little" else "little"
    sign = ">" if other == "big" else "<"
    floats = np.arange(6, dtype=f"{sign}f4").tobytes()
    assert read(pack(tensor_stream(), {"0": floats}, byteorder=other.encode())).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    numbers = np.array([1 + 2j, 3 + 4j], f"{sign}c16").tobytes()
    content = tensor_stream(kind="ComplexDoubleStorage", count=2, size=(2,), stride=(1,))
    assert read(pack(content, {"0": numbers}, byteorder=other.encode())).tolist() == [1 + 2j, 3 + 4j]
    untyped = tensor_stream(kind="UntypedStorage", count=4, size=(2,), stride=(1,), of="uint16")
    assert read(
        pack(untyped, {"0": np.array([1, 2], f"{sign}u2").tobytes()}, byteorder=other.encode())
    ).tolist() == [1, 2]


def test_byte_order_and_version_are_checked(tensor_stream: Any, refuse: Any) -> None:
    for records in (
        {"byteorder": b"middle"},
        {"byteorder": b""},
        {"version": b"11\n"},
        {"version": b"0"},
        {"version": b"x"},
    ):
        assert isinstance(refuse(tensor_stream(), {"0": FLOATS}, **records), CorruptFileError)


def test_map_location(tensor_stream: Any, pack: Any, stream: Any) -> None:
    content = pack(tensor_stream(location="cuda:1"), {"0": FLOATS})

    def read(where: Any) -> Any:
        return load(io.BytesIO(content), map_location=where).tolist()

    expected = [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(DeviceUnavailableError, match="map_location='cpu'") as caught:
        read(None)
    assert isinstance(caught.value, RuntimeError)
    from facula._device import device

    assert read("cpu") == expected
    assert read(device("cpu")) == expected
    assert read({"cuda:1": "cpu"}) == expected
    with pytest.raises(DeviceUnavailableError):
        read({"cuda:0": "cpu"})
    seen: list[Any] = []

    def keep(storage: Any, location: str) -> Any:
        seen.append((storage.nbytes(), location))
        return storage

    assert read(keep) == expected
    assert seen == [(24, "cuda:1")]
    with pytest.raises(DeviceUnavailableError):
        read(lambda storage, location: None)
    # The caller's own errors are the caller's.
    with pytest.raises(KeyError, match="mine"):
        read(lambda storage, location: {}["mine"])
    with pytest.raises(TypeError, match="map_location"):
        read(lambda storage, location: 5)
    for where in ("cuda", "cuda:0"):
        with pytest.raises(RuntimeError):
            read(where)
    with pytest.raises(NotImplementedError, match="meta"):
        read("meta")


def test_the_watch_sees_what_runs(tensor_stream: Any, pack: Any, read: Any, tmp_path: Path) -> None:
    """The fixture on which the other tests rely does notice."""
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(AssertionError, match="open"):
        read(
            pack(tensor_stream(), {"0": FLOATS}),
            map_location=lambda s, _: (open(tmp_path / "x").close(), s)[1],
        )


def test_a_record_that_is_damaged(tensor_stream: Any, pack: Any, tmp_path: Path) -> None:
    content = bytearray(pack(tensor_stream(), {"0": FLOATS}))
    at = content.index(FLOATS)
    content[at + 2] ^= 1
    path = tmp_path / "t.pt"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match="checksum") as caught:
        load(path)
    assert caught.value.offset == at
    # A mapped file is not read as a whole, so its tensors' checksums are not computed.
    assert load(path, mmap=True).shape == (2, 3)


def test_storages_are_read_once_and_shared(stream: Any, pack: Any, read: Any) -> None:
    def tensor(offset: int) -> Any:
        storage = stream.storage(("storage", stream.named("torch", "FloatStorage"), "0", "cpu", 6))
        return stream.call(
            stream.named("torch._utils", "_rebuild_tensor_v2"),
            storage,
            offset,
            (2,),
            (1,),
            False,
            OrderedDict(),
        )

    a, b = read(pack(stream([tensor(0), tensor(1)]), {"0": FLOATS}))
    a._array[1] = 9
    assert b.tolist() == [9, 2]
    assert a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def test_mapped_files(tensor_stream: Any, pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.pt"
    content = pack(tensor_stream(), {"0": FLOATS})
    path.write_bytes(content)
    tensor = load(path, mmap=True)
    tensor._array[0, 0] = 7
    assert tensor.tolist() == [[7, 1, 2], [3, 4, 5]]
    assert path.read_bytes() == content
    assert tensor.untyped_storage().nbytes() == 24
    with pytest.raises(RuntimeError, match="mmap"):
        load(io.BytesIO(content), mmap=True)
