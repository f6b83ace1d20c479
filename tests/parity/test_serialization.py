"""Files in both directions between facula and PyTorch, bit for bit."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facula
from facula import _dtype, nn
from facula._device import device
from facula._size import Size
from facula._tensor import wrap
from facula.errors import CorruptFileError, DeviceUnavailableError, UnsafeFileError
from facula.serialization import load, save

torch = pytest.importorskip("torch")


def ours(value: Any) -> bytes:
    file = io.BytesIO()
    save(value, file)
    return file.getvalue()


def theirs(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def read_ours(content: bytes, **options: Any) -> Any:
    return load(io.BytesIO(content), **options)


def read_theirs(content: bytes, weights_only: bool = True) -> Any:
    return torch.load(io.BytesIO(content), weights_only=weights_only)


def bits(tensor: Any) -> bytes:
    """The elements' bits in row-major order, of a tensor of either kind."""
    if isinstance(tensor, torch.Tensor):
        flat = tensor.detach().resolve_conj().resolve_neg().contiguous()
        return bytes(flat.view(-1).view(torch.uint8).numpy()) if flat.numel() else b""
    return np.ascontiguousarray(tensor._array).tobytes()


def assert_same(a: Any, b: Any) -> None:
    """A facula tensor and a PyTorch tensor agree in everything that a file holds."""
    assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
    assert tuple(a.shape) == tuple(b.shape) and a.stride() == b.stride()
    assert a.storage_offset() == b.storage_offset()
    assert a.untyped_storage().nbytes() == b.untyped_storage().nbytes()
    assert a.requires_grad == b.requires_grad
    assert bits(a) == bits(b)


def both(of: _dtype.dtype, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The same random bits as a facula tensor and as a PyTorch tensor."""
    raw = np.random.default_rng(5).integers(0, 256, (*shape, of.itemsize), np.uint8)
    if of is _dtype.bool_:
        raw %= 2
    count = int(np.prod(shape))
    array = np.frombuffer(raw.tobytes(), of.numpy, count).copy().reshape(shape)
    tensor = torch.frombuffer(bytearray(raw.tobytes()), dtype=getattr(torch, of.name), count=count).clone()
    return wrap(array), tensor.reshape(shape)


LAYOUTS = {
    "plain": lambda t: t,
    "transposed": lambda t: t.T,
    "sliced": lambda t: t[1:, ::2],
    "row": lambda t: t[2],
    "scalar": lambda t: t[1, 2],
    "empty": lambda t: t[:0],
    "expanded": lambda t: t[:, None, :1].expand(4, 3, 5),
}


@pytest.mark.parametrize("of", _dtype.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tensors(of: _dtype.dtype, layout: str) -> None:
    a, b = (LAYOUTS[layout](t) for t in both(of, (4, 6)))
    assert_same(a, b)
    assert_same(a, read_theirs(ours(a)))
    assert_same(read_ours(theirs(b)), b)
    assert_same(read_ours(theirs(b), weights_only=True), b)


def same_but_for_the_id(a: bytes, b: bytes) -> bool:
    """Whether two archives are equal byte for byte, the record with the random-looking id left out."""
    marks = [
        zipfile.ZipFile(io.BytesIO(content)).getinfo("archive/.data/serialization_id") for content in (a, b)
    ]
    for content, mark in zip((a, b), marks, strict=True):
        assert re.search(rb"\d{40}", content[mark.header_offset :])
    blank = [
        re.sub(rb"\d{40}", b"#" * 40, content).replace(struct.pack("<I", mark.CRC), b"####")
        for content, mark in zip((a, b), marks, strict=True)
    ]
    return blank[0] == blank[1]


def plain_values(library: Any) -> dict[str, Any]:
    loop: list[Any] = [1]
    loop.append((loop,))
    values: dict[str, Any] = {
        "none": None, "true": True, "int": 7, "negative": -3, "wide": 70_000, "large": 2**40,
        "huge": -(2**99), "float": 0.1, "complex": 1 - 2j, "text": "ünï", "bytes": b"\x00\xff", "empty": b"",
        "bytearray": bytearray(b"ab"), "no bytes": bytearray(), "tuple": (1, (2,), ()),
        "long": tuple(range(5)),
        "list": [1, [2], []], "dict": {1: {2: {}}}, "set": {5}, "frozen": frozenset({"a"}),
        "range": range(2, 9, 3), "slice": slice(1, None), "ordered": OrderedDict(z=1, a=2),
        "counter": Counter("abca"), "default": defaultdict(list, x=[1]), "ints": defaultdict(int),
        "loop": loop,
        "many": list(range(700)),
        "numpy": np.arange(6.0).reshape(2, 3),
        "column": np.asfortranarray(np.ones((2, 2), np.int8)),
        "scalar": np.float32(2.5), "flag": np.bool_(True),
    }  # fmt: skip
    device_of, size_of, float32 = library
    return {
        **values,
        "size": size_of([2, 3]),
        "device": device_of("cpu"),
        "gpu": device_of("cuda", 1),
        "dtype": float32,
    }


OURS = (device, Size, _dtype.float32)
THEIRS = (torch.device, torch.Size, torch.float32)


@pytest.mark.parametrize("name", plain_values(OURS))
def test_plain_values_are_written_alike(name: str) -> None:
    a, b = plain_values(OURS)[name], plain_values(THEIRS)[name]
    content, reference = ours(a), theirs(b)
    assert same_but_for_the_id(content, reference)
    back = read_ours(reference)
    assert type(back) is type(a) and repr(back) == repr(a)
    assert repr(read_theirs(content, weights_only=False)) == repr(b)


def test_files_are_alike_byte_for_byte() -> None:
    def make(tensor: Any, parameter: Any) -> Any:
        base = tensor(np.arange(12, dtype=np.float32).reshape(3, 4))
        state = OrderedDict(a=base, b=base.T[1:], c=tensor(np.ones(3, np.int64)))
        state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
        p = parameter(tensor(np.ones(2)))
        noted = parameter(tensor(np.ones(2)))
        noted.note = 1
        marked = tensor(np.ones(2))
        marked.note = [1]
        return {"state": state, "p": [p, p, noted], "u": tensor(np.ones(2, np.uint16)), "marked": marked}

    assert same_but_for_the_id(
        ours(make(wrap, nn.Parameter)), theirs(make(torch.from_numpy, torch.nn.Parameter))
    )


def test_shared_storages() -> None:
    for tensor, read in (
        (torch.arange(12.0).reshape(3, 4), read_ours),
        (facula.arange(12.0).reshape(3, 4), read_theirs),
    ):
        write = theirs if read is read_ours else ours
        base, row, column = read(write([tensor, tensor[1], tensor[:, 1]]))
        base[1, 1] = 50
        assert row.tolist() == [4, 50, 6, 7] and column.tolist() == [1, 50, 9]


def test_lazy_bits_and_marks_of_theirs() -> None:
    z = torch.tensor([1 + 2j, 3 - 4j])
    assert read_ours(theirs(z.conj())).tolist() == z.conj().tolist()
    assert read_ours(theirs(z.conj().imag)).tolist() == z.conj().imag.tolist()
    buffer = read_ours(theirs(torch.nn.Buffer(torch.ones(2), persistent=False)))
    assert isinstance(buffer, nn.Buffer) and buffer.persistent is False
    assert isinstance(read_theirs(ours(nn.Buffer(facula.ones(2)))), torch.nn.Buffer)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_storages() -> None:
    assert read_ours(theirs(torch.ones(2).untyped_storage())).tolist() == [0, 0, 128, 63, 0, 0, 128, 63]
    assert read_ours(theirs(torch.ones(2).storage())).tolist() == [1, 1]
    assert read_theirs(ours(facula.ones(2).untyped_storage()), False).tolist() == [
        0,
        0,
        128,
        63,
        0,
        0,
        128,
        63,
    ]


def test_checkpoints() -> None:
    """A model and its Adam go over, take a step there, and come back."""
    model = nn.Linear(3, 2)
    optimizer = facula.optim.Adam(model.parameters(), lr=0.1)
    model(facula.ones(4, 3)).sum().backward()
    optimizer.step()
    point = read_theirs(ours({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}))
    other = torch.nn.Linear(3, 2)
    assert str(other.load_state_dict(point["model"])) == "<All keys matched successfully>"
    resumed = torch.optim.Adam(other.parameters(), lr=0.1)
    resumed.load_state_dict(point["optimizer"])
    assert bits(other.weight) == bits(model.weight)
    other(torch.ones(4, 3)).sum().backward()
    resumed.step()
    back = read_ours(
        theirs({"model": other.state_dict(), "optimizer": resumed.state_dict()}), weights_only=True
    )
    model.load_state_dict(back["model"])
    optimizer.load_state_dict(back["optimizer"])
    assert bits(model.bias) == bits(other.bias)
    state = optimizer.state_dict()["state"][0]
    assert float(state["step"]) == 2 and bits(state["exp_avg"]) == bits(
        resumed.state_dict()["state"][0]["exp_avg"]
    )


# Arguments for the classes that need some.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Threshold": (0.1, 0.2),
    "Unflatten": (1, (2, 3)),
    "Bilinear": (2, 3, 4),
    "Linear": (3, 2),
    "Embedding": (5, 3),
    "EmbeddingBag": (5, 3),
    "GroupNorm": (2, 4),
    "LayerNorm": (3,),
    "RMSNorm": (3,),
    **{f"BatchNorm{d}d": (3,) for d in (1, 2, 3)},
    **{f"InstanceNorm{d}d": (3,) for d in (1, 2, 3)},
    **{f"Conv{d}d": (3, 4, 3) for d in (1, 2, 3)},
    **{f"ConvTranspose{d}d": (3, 4, 3) for d in (1, 2, 3)},
    **{
        f"{kind}{d}d": (2,)
        for d in (1, 2, 3)
        for kind in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
    },
    **{
        f"{kind}Pad{d}d": (1,)
        for d in (1, 2, 3)
        for kind in ("Zero", "Reflection", "Replication", "Circular")
    },
    **{f"ConstantPad{d}d": (1, 0.5) for d in (1, 2, 3)},
    **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), (3, 4)),
    "MultiheadAttention": (4, 2),
    "TransformerEncoderLayer": (4, 2),
    "TransformerDecoderLayer": (4, 2),
    "Transformer": (4, 2, 1, 1, 8, 0.1, "relu", None, None, 1e-5, True),
    "PixelShuffle": (2,),
    "PixelUnshuffle": (2,),
    "ChannelShuffle": (2,),
    "LocalResponseNorm": (2,),
    "Fold": ((4, 4), 2),
    "Unfold": (2,),
}
CLASSES = sorted(
    name
    for name, cls in vars(nn).items()
    if isinstance(cls, type)
    and issubclass(cls, nn.Module)
    and hasattr(torch.nn, name)
    and name not in ("TransformerEncoder", "TransformerDecoder")  # they take layers; Transformer holds both
)


@pytest.mark.parametrize("name", CLASSES)
def test_whole_modules(name: str) -> None:
    args = ARGUMENTS.get(name, ())
    torch.manual_seed(0)
    mine, yours = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    over, back = read_theirs(ours(mine), weights_only=False), read_ours(theirs(yours))
    assert type(over) is type(yours) and type(back) is type(mine)
    assert repr(over) == repr(mine) and repr(back) == repr(yours)
    assert list(over.state_dict()) == list(mine.state_dict()) and list(back.state_dict()) == list(
        yours.state_dict()
    )
    for key, value in back.state_dict().items():
        assert bits(value) == bits(yours.state_dict()[key])
    for key, value in over.state_dict().items():
        assert bits(value) == bits(mine.state_dict()[key])
    # Every attribute that the class works with has to be there, under PyTorch's name.
    assert set(vars(mine)) <= set(vars(back)), "attributes that PyTorch's module does not have"
    assert set(vars(yours)) <= set(vars(over)), "attributes that PyTorch's module has"


def test_a_network_works_after_the_journey() -> None:
    x = np.random.default_rng(0).standard_normal((5, 1, 8, 8)).astype(np.float32)

    def make(kind: Any) -> Any:
        return kind.Sequential(
            kind.Conv2d(1, 4, 3, padding=1), kind.BatchNorm2d(4), kind.ReLU(), kind.MaxPool2d(2),
            kind.Dropout(0.5), kind.Flatten(), kind.Linear(64, 10), kind.LogSoftmax(dim=1),
        ).eval()  # fmt: skip

    yours = make(torch.nn)
    back = read_ours(theirs(yours))
    with torch.no_grad():
        expected = yours(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(back(wrap(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    mine = make(nn)
    over = read_theirs(ours(mine), weights_only=False)
    with torch.no_grad():
        found = over(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(mine(wrap(x)).detach().numpy(), found, rtol=1e-4, atol=1e-5)


SCRIPT = """
import sys
import torch
from torch import nn

class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))

    def forward(self, x):
        return self.linear_relu_stack(self.flatten(x))

action, path = sys.argv[1:]
x = torch.arange(8.0).reshape(2, 2, 2)
if action == "save":
    torch.manual_seed(0)
    model = NeuralNetwork()
    torch.save(model, path)
else:
    model = torch.load(path, weights_only=False)
print(model)
print(model(x).detach().numpy().tobytes().hex())
"""


@pytest.mark.parametrize("writer", ["torch", "facula"])
def test_a_whole_model_of_a_script(writer: str, tmp_path: Path) -> None:
    """A class in `__main__` is found in the `__main__` of the program that loads it."""
    path = tmp_path / "model.pth"

    def run(library: str, action: str) -> list[str]:
        script = tmp_path / f"with_{library}.py"
        text = SCRIPT.replace("import torch\n", f"import {library} as torch\n")
        script.write_text(text.replace("from torch", f"from {library}"))
        command = [sys.executable, str(script), action, str(path)]
        source = str(Path(facula.__file__).parents[1])
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": source}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    written = run(writer, "save")
    read = run("facula" if writer == "torch" else "torch", "load")
    assert read[:-1] == written[:-1]
    found, expected = (np.frombuffer(bytes.fromhex(lines[-1]), np.float32) for lines in (read, written))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_same_things_are_refused() -> None:
    content = theirs(torch.nn.Linear(2, 1))
    with pytest.raises(Exception, match="Weights only load failed") as caught:
        read_theirs(content)
    with pytest.raises(UnsafeFileError, match="weights_only"):
        read_ours(content, weights_only=True)
    assert issubclass(UnsafeFileError, caught.type.__mro__[1])
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        t = torch.ones(2)
        theirs([t, t.view(torch.int32)])
    for value in (
        torch.ones(2).to_sparse(),
        torch.ones(2, device="meta"),
        torch.zeros(1, dtype=torch.float8_e4m3fnuz),
    ):
        with pytest.raises(UnsafeFileError, match="cannot load yet"):
            read_ours(theirs(value))


def test_old_files(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(torch.ones(2), path, _use_new_zipfile_serialization=False)
    with pytest.raises(NotImplementedError, match=r"1\.6"):
        load(path)
    # Files of the years in between have no record of the byte order and no padding marks.
    torch.save(torch.ones(2), path, _disable_byteorder_record=True)
    assert load(path).tolist() == [1, 1]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_other_protocols(protocol: int) -> None:
    file = io.BytesIO()
    value = {
        "a": [torch.ones(2), b"bytes", {1, 2}, frozenset({3}), bytearray(b"x"), torch.Size([2])],
        "b": "x" * 300,
    }
    torch.save(value, file, pickle_protocol=protocol)
    back = read_ours(file.getvalue())
    assert back["a"][0].tolist() == [1, 1] and back["b"] == "x" * 300
    assert back["a"][1:] == [b"bytes", {1, 2}, frozenset({3}), bytearray(b"x"), Size([2])]


def test_paths(tmp_path: Path) -> None:
    """Their archive is named after the file, and so is ours."""
    for name in ("model.pth", "a.b.c.pt", "noext", "spa ce.pt", "ü.pt"):
        a, b = tmp_path / "a", tmp_path / "b"
        a.mkdir(exist_ok=True)
        b.mkdir(exist_ok=True)
        save(facula.ones(2), a / name)
        torch.save(torch.ones(2), b / name)
        assert zipfile.ZipFile(a / name).namelist() == zipfile.ZipFile(b / name).namelist()
        assert torch.load(a / name).tolist() == load(b / name).tolist() == [1, 1]
        assert torch.load(a / name, mmap=True).tolist() == load(b / name, mmap=True).tolist() == [1, 1]
    error = [None, None]
    for i, write in enumerate((lambda p: save(1, p), lambda p: torch.save(1, p))):
        with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist\.") as caught:
            write(tmp_path / "none" / "x.pt")
        error[i] = str(caught.value)
    assert error[0] == error[1]


def test_damaged_files_of_theirs() -> None:
    content = theirs(OrderedDict(w=torch.arange(3.0), n=3))
    for length in range(0, len(content), 7):
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            read_ours(content[:length])
    for i in range(len(content)):
        changed = bytearray(content)
        changed[i] ^= 1 << i % 8
        try:
            back = read_ours(bytes(changed))
        except (CorruptFileError, UnsafeFileError):
            continue
        assert list(back) == ["w", "n"] and back["w"].tolist() == [0, 1, 2] and back["n"] == 3


def test_locations() -> None:
    content = theirs(torch.ones(2)).replace(b"X\x03\x00\x00\x00cpu", b"X\x03\x00\x00\x00mps")
    changed = _with_right_checksum(content)
    with pytest.raises(DeviceUnavailableError, match="map_location"):
        read_ours(changed)
    assert read_ours(changed, map_location="cpu").tolist() == [1, 1]


def _with_right_checksum(content: bytes) -> bytes:
    """Correct the checksum of data.pkl after a change of the same length."""
    import zlib

    start = content.index(b"\x80\x02")
    end = content.index(b"PK\x07\x08", start)
    wrong = content[end + 4 : end + 8]
    return content.replace(wrong, struct.pack("<I", zlib.crc32(content[start:end])))
