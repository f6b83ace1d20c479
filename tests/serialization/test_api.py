"""`save` and `load`: what goes in comes out."""

from __future__ import annotations

import io
import math
import os
import pathlib
import pickle
import types
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import facula
from facula import _dtype, nn
from facula._device import device
from facula._size import Size
from facula._tensor import Tensor, wrap
from facula.serialization import load, save
from facula.storage import TypedStorage, UntypedStorage


def again(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    save(value, file)
    file.seek(0)
    return load(file, **options)


def bits(array: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def numbers(of: _dtype.dtype, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Random bits of a dtype, NaNs with payload included."""
    rng = np.random.default_rng(3)
    if of is _dtype.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    raw = rng.integers(0, 256, (*shape, of.itemsize), np.uint8)
    return raw.view(of.numpy)[..., 0] if of.itemsize > 1 else raw[..., 0].view(of.numpy)


LAYOUTS = {
    "plain": lambda a: a,
    "transposed": lambda a: a.T,
    "sliced": lambda a: a[1:, ::2],
    "permuted": lambda a: a.reshape(2, 2, 6).transpose(1, 2, 0),
    "expanded": lambda a: np.broadcast_to(a[:, None, :1], (4, 3, 5)),
    "row": lambda a: a[2],
    "scalar": lambda a: a[1, 2, ...],
    "empty": lambda a: a[:0],
    "empty in the middle": lambda a: a[:, 2:2],
    "one": lambda a: a[3:4, 5:6],
    "reversed": lambda a: a[::-1],
}


@pytest.mark.parametrize("of", _dtype.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_dtypes_and_layouts(of: _dtype.dtype, layout: str) -> None:
    tensor = wrap(LAYOUTS[layout](numbers(of, (4, 6))))
    for only in (True, False):
        back = again(tensor, weights_only=only)
        assert type(back) is Tensor
        assert back.dtype is of and back.shape == tensor.shape
        assert bits(back._array) == bits(tensor._array)
        assert back._array.flags.writeable or 0 in back.stride()
        assert back.requires_grad is False
        if layout != "reversed":  # PyTorch has no negative strides: such a view is saved as a copy
            assert back.stride() == tensor.stride()
            assert back.storage_offset() == tensor.storage_offset()


def test_gradients_and_parameters() -> None:
    leaf = wrap(np.ones(3, np.float32), True)
    assert again(leaf).requires_grad
    trained, frozen = nn.Parameter(wrap(np.arange(3.0))), nn.Parameter(wrap(np.ones(2)), requires_grad=False)
    a, b = again([trained, frozen], weights_only=True)
    assert type(a) is nn.Parameter and a.requires_grad and a.tolist() == [0, 1, 2]
    assert type(b) is nn.Parameter and not b.requires_grad
    trained.note = "kept"
    assert again(trained).note == "kept"
    leaf.note = {"x": 1}
    assert again(leaf).note == {"x": 1}


def test_shared_memory_stays_shared() -> None:
    base = wrap(np.arange(12, dtype=np.float32).reshape(3, 4))
    row, column, same = wrap(base._array[1]), wrap(base._array[:, 1]), base
    file = io.BytesIO()
    save({"base": base, "row": row, "column": column, "same": same}, file)
    assert file.getvalue().count(base._array.tobytes()) == 1
    file.seek(0)
    back = load(file)
    assert back["base"] is back["same"]
    back["base"]._array[1, 1] = 50
    assert back["row"].tolist() == [4, 50, 6, 7] and back["column"].tolist() == [1, 50, 9]
    pointer = back["base"].untyped_storage().data_ptr()
    assert back["row"].untyped_storage().data_ptr() == back["column"].untyped_storage().data_ptr() == pointer


def test_a_view_takes_the_whole_memory_along() -> None:
    # As in PyTorch; cloning the view is how to save only that.
    big = np.zeros(100_000, np.float32)
    file = io.BytesIO()
    save(wrap(big[:2]), file)
    assert len(file.getvalue()) > big.nbytes
    file.seek(0)
    assert load(file).untyped_storage().nbytes() == big.nbytes


def test_two_dtypes_over_one_memory_are_refused() -> None:
    a = np.zeros(4, np.float32)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        again([wrap(a), wrap(a.view(np.int32))])
    b = np.zeros(4, np.uint16)
    x, y = again([wrap(b), wrap(b.view(np.uint32))])  # PyTorch's newer dtypes are saved as untyped memory
    assert x.dtype is _dtype.uint16 and y.dtype is _dtype.uint32
    assert x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()


def test_memory_that_numpy_does_not_own() -> None:
    raw = bytearray(struct_floats := np.arange(4, dtype=np.float32).tobytes())
    assert again(wrap(np.frombuffer(raw, np.float32))).tolist() == [0, 1, 2, 3]
    odd = np.frombuffer(b"x" + struct_floats, np.uint8)[1:].view(np.float32)
    assert again(wrap(odd)).tolist() == [0, 1, 2, 3]
    fields = np.zeros(3, [("a", "f4"), ("b", "u1")])
    fields["a"] = [1, 2, 3]
    assert again(wrap(fields["a"])).tolist() == [1, 2, 3]


PLAIN = [
    None,
    True,
    False,
    0,
    255,
    256,
    65535,
    65536,
    2**31 - 1,
    2**31,
    -1,
    -(2**31),
    -(2**31) - 1,
    2**2100,
    -(2**2100),
    127,
    128,
    -128,
    -129,
    0.0,
    -0.0,
    1e-300,
    math.inf,
    1 + 2j,
    "",
    "text",
    "ünï\U0001f600",
    "\ud800",
    b"",
    b"\x00\xff",
    bytearray(b""),
    bytearray(b"ab"),
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, 2, 3, 4),
    [],
    [1],
    [[1, [2]], [3]],
    {},
    {"a": 1},
    {1: "b", 2.5: None, None: (), (1, ("x",)): 3, b"x": 1},
    set(),
    {1, "a", (2, 3)},
    frozenset(),
    frozenset({1, frozenset({2})}),
    range(3),
    range(10, 0, -3),
    slice(None),
    slice(1, 10, 2),
    OrderedDict(),
    OrderedDict([("b", 1), ("a", 2)]),
    Counter("hello"),
    defaultdict(list, {"a": [1]}),
    defaultdict(None, {1: 2}),
    Size([]),
    Size([2, 3]),
    device("cpu"),
    device("cuda", 1),
    np.float32(2.5),
    np.int64(-3),
    np.bool_(True),
    np.complex128(1 + 2j),
    *_dtype.ALL,
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda v: repr(v)[:30])
def test_plain_values(value: Any) -> None:
    for only in (True, False):
        back = again(value, weights_only=only)
        assert type(back) is type(value) and back == value
        assert repr(back) == repr(value)
        if isinstance(value, defaultdict):
            assert back.default_factory is value.default_factory


def test_all_plain_values_at_once() -> None:
    assert repr(again(PLAIN)) == repr(PLAIN)
    assert repr(again({"deep": [{"er": PLAIN}]})) == repr({"deep": [{"er": PLAIN}]})


def test_nan_keeps_its_bits() -> None:
    nan = np.frombuffer(b"\x01\x02\x03\x04\x05\x06\xf8\x7f")[0].item()
    assert np.float64(again(nan)).tobytes() == np.float64(nan).tobytes()


@pytest.mark.parametrize("length", [999, 1000, 1001, 2000, 2500])
def test_long_containers(length: int) -> None:
    value = {
        "list": list(range(length)),
        "dict": {i: str(i) for i in range(length)},
        "tuple": tuple(range(length)),
    }
    assert again(value) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array(5.0),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.arange(4)[::-2],
        np.array([1 + 2j], np.complex64),
        np.array([1, 2], ">i4"),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_numpy_arrays(array: np.ndarray[Any, Any]) -> None:
    back = again(array, weights_only=True)
    assert type(back) is np.ndarray and back.shape == array.shape
    # Like Python's pickle, the elements come back in this machine's byte order.
    assert back.dtype == array.dtype.newbyteorder("=") and (back == array).all()


def test_identity_and_cycles() -> None:
    shared = [1]
    back = again([shared, shared, (shared,)])
    assert back[0] is back[1] is back[2][0]
    loop: list[Any] = []
    loop.append({"me": loop})
    back = again(loop)
    assert back[0]["me"] is back
    in_tuple: list[Any] = [1]
    in_tuple.append((in_tuple, 2, 3, 4))
    back = again(in_tuple)
    assert back[1][0] is back and back[1][3] == 4


def test_storages() -> None:
    array = np.arange(4, dtype=np.int16)
    back = again(UntypedStorage(array))
    assert type(back) is UntypedStorage and back.tolist() == list(array.tobytes())
    typed, tensor = again([TypedStorage(UntypedStorage(array), _dtype.int16), wrap(array)])
    assert typed.dtype is _dtype.int16 and typed.tolist() == [0, 1, 2, 3]
    assert typed.data_ptr() == tensor.untyped_storage().data_ptr()


def test_state_dicts_keep_their_metadata() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    state = model.state_dict()
    back = again(state, weights_only=True)
    assert type(back) is OrderedDict and list(back) == list(state)
    assert back._metadata == state._metadata
    other = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    assert str(other.load_state_dict(back)) == "<All keys matched successfully>"
    assert all(bits(v._array) == bits(other.state_dict()[k]._array) for k, v in state.items())


def test_a_training_checkpoint() -> None:
    model = nn.Linear(3, 2)
    optimizer = facula.optim.Adam(model.parameters(), lr=0.1)
    model(facula.ones(4, 3)).sum().backward()
    optimizer.step()
    point = {
        "epoch": 3,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": facula.get_rng_state(),
        "best": np.float64(0.5),
    }
    back = again(point, weights_only=True)
    assert back["epoch"] == 3 and back["best"] == 0.5
    other = nn.Linear(3, 2)
    other.load_state_dict(back["model"])
    resumed = facula.optim.Adam(other.parameters(), lr=0.5)
    resumed.load_state_dict(back["optimizer"])
    for m, o in ((model, optimizer), (other, resumed)):
        o.zero_grad()
        m(facula.ones(4, 3)).square().sum().backward()
        o.step()
    assert bits(model.weight._array) == bits(other.weight._array)
    facula.set_rng_state(back["rng"])


# ---- arguments and kinds of files


def test_paths_and_files(tmp_path: pathlib.Path) -> None:
    value = {"a": facula.ones(2)}
    for path in (
        str(tmp_path / "a.pt"),
        tmp_path / "b.pt",
        os.fsencode(tmp_path / "c.pt"),
        tmp_path / "ö.pt",
    ):
        save(value, path)
        assert load(path)["a"].tolist() == [1, 1]
    with open(tmp_path / "d.pt", "wb") as file:
        save(value, file)
    with open(tmp_path / "d.pt", "rb") as file:
        assert load(file)["a"].tolist() == [1, 1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "b.pt", "c.pt", "d.pt", "ö.pt"]


def test_a_file_object_is_read_from_where_it_stands() -> None:
    file = io.BytesIO(b"header")
    file.seek(6)
    save([1], file)
    file.seek(6)
    assert load(file) == [1]


def test_slow_file_objects() -> None:
    """An object with only read, seek and tell, whose reads come in pieces, as of a network file system."""
    inner = io.BytesIO()
    save(wrap(np.arange(1000.0)), inner)

    class File:
        def read(self, count: int) -> bytes:
            return inner.read(count)

        seek, tell = inner.seek, inner.tell

    inner.seek(0)
    assert load(File()).tolist() == list(range(1000))


def test_arguments(tmp_path: pathlib.Path) -> None:
    file = io.BytesIO()
    save(1, file, pickle)
    file.seek(0)
    assert load(file, "cpu", pickle, weights_only=True, mmap=False, encoding="utf-8") == 1
    for options in ({"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}, {"pickle_module": os}):
        with pytest.raises(NotImplementedError, match=next(iter(options))):
            save(1, io.BytesIO(), **options)
    for options in ({"pickle_module": os}, {"fix_imports": True}, {"encoding": "rot13"}):
        with pytest.raises(NotImplementedError, match=next(iter(options))):
            load(file, **options)
    for bad in (5, None, object()):
        with pytest.raises(AttributeError, match="rule"):
            save(1, bad)
        with pytest.raises(AttributeError, match="rule"):
            load(bad)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.pt")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_old_texts_are_decoded(pack: Any) -> None:
    content = pack(b"\x80\x02U\x02\xc3\xbc.")
    assert load(io.BytesIO(content)) == "ü"
    assert load(io.BytesIO(content), encoding="latin1") == "Ã¼"
    assert load(io.BytesIO(content), encoding="bytes") == b"\xc3\xbc"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (object(), "the value itself"),
        ({"a": [1, object()]}, r"\['a'\]\[1\]"),
        ([lambda: 0], r"\[0\]"),
        (os, "the value itself"),
        ([os.path.join], "posixpath.join"),
        (int, "int"),
        (types.SimpleNamespace(), "SimpleNamespace"),
        (np.array(["text"]), "numpy"),
        (np.array([object()]), "numpy"),
        (type("Text", (str,), {})("x"), "Text"),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_what_cannot_be_saved_is_named(value: Any, place: str) -> None:
    with pytest.raises(pickle.PicklingError, match=place):
        again(value)


def test_bfloat16_is_what_ml_dtypes_makes_it() -> None:
    values = np.array([1.5, -2.25, 3e38], ml_dtypes.bfloat16)
    assert (again(wrap(values))._array == values).all()
