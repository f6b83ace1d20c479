"""Whole modules: rebuilt from classes that the program has, without running their code."""

from __future__ import annotations

import io
import pathlib
import pickle
import sys
import types
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import facula
from facula import nn
from facula.errors import UnsafeFileError
from facula.serialization import load, save


def again(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    save(value, file)
    file.seek(0)
    return load(file, **options)


def bits(array: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(array).tobytes()


class Net(nn.Module):
    """Lives in this file: found again because the program has it."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Net.made += 1
        self.body = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        self.again = self.body[0]
        self.register_buffer("seen", facula.zeros(1))
        self.register_buffer("scratch", facula.ones(1), persistent=False)
        self.scale = 2.0
        self.layers_of = nn.Linear
        self.activation = nn.functional.relu

    def forward(self, x: Any) -> Any:
        return self.activation(self.body(x)) * self.scale

    class Inner(nn.Module):
        pass


@pytest.fixture(autouse=True)
def _in_sys_modules() -> Any:
    """Classes are looked for in sys.modules, where pytest's importlib mode need not put a test file."""
    missing = Net.__module__ not in sys.modules
    if missing:
        sys.modules[Net.__module__] = types.ModuleType(Net.__module__)
        vars(sys.modules[Net.__module__]).update(globals())
    yield
    if missing:
        del sys.modules[Net.__module__]


def test_whole_modules() -> None:
    model = Net().eval()
    model.body[0].weight.requires_grad_(False)
    x = facula.rand(5, 4)
    expected = model(x)
    made = Net.made
    back = again(model)
    assert Net.made == made  # __init__ did not run
    assert type(back) is Net and repr(back) == repr(model) and back.training is False
    assert bits(back(x).detach()._array) == bits(expected.detach()._array)
    assert back.again is back.body[0]
    assert list(back.__dict__) == list(model.__dict__)
    assert back._non_persistent_buffers_set == {"scratch"}
    assert list(back.state_dict()) == list(model.state_dict())
    assert back.body[0].weight.requires_grad is False and back.body[2].weight.requires_grad
    assert back.layers_of is nn.Linear and back.activation is nn.functional.relu
    back.train()
    back(x).sum().backward()
    assert back.body[2].weight.grad is not None


def test_modules_only_when_allowed() -> None:
    for value in (nn.Linear(2, 1), Net(), [nn.Linear]):
        with pytest.raises(UnsafeFileError, match="weights_only"):
            again(value, weights_only=True)
        again(value, weights_only=None)
        again(value, weights_only=False)


def test_nested_classes_are_found() -> None:
    assert type(again(Net.Inner())) is Net.Inner


def test_local_classes_are_not_saved() -> None:
    class Local(nn.Module):
        pass

    with pytest.raises(pickle.PicklingError, match="Local"):
        again(Local())


def test_a_class_that_the_program_does_not_have(stream: Any, pack: Any, read: Any) -> None:
    for module, name in (
        ("models", "Net"),
        (Net.__module__, "Other"),
        ("torch.nn.modules.linear", "Quantum"),
    ):
        content = pack(b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n)\x81}b.")
        with pytest.raises(UnsafeFileError, match="import or define"):
            read(content)


def test_only_module_classes_are_found(pack: Any, read: Any) -> None:
    for name in (
        "Path",
        "UnsafeFileError",
        "again",
        "pathlib",
        "Net.forward",
        "Net.made",
        "Counter",
        "Tensor",
    ):
        content = pack(b"\x80\x02c" + Net.__module__.encode() + b"\n" + name.encode() + b"\n)\x81}b.")
        with pytest.raises(UnsafeFileError):
            read(content)
    assert pathlib.Path


class Watched(nn.Module):
    """Everything that a class can be made to run while it is unpickled."""

    calls: list[str] = []  # noqa: RUF012 - shared on purpose

    def __new__(cls, *args: Any) -> Any:
        cls.calls.append("new")
        return super().__new__(cls)

    def __init__(self) -> None:
        super().__init__()
        self.calls.append("init")
        self.value = 1

    def __setattr__(self, name: str, value: Any) -> None:
        self.calls.append("setattr")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        self.calls.append("getattr")
        return super().__getattr__(name)

    def __reduce__(self) -> Any:
        self.calls.append("reduce")
        return super().__reduce__()

    def __del__(self) -> None:
        pass


class Restoring(nn.Module):
    calls: list[str] = []  # noqa: RUF012 - shared on purpose

    def __setstate__(self, state: Any) -> None:
        self.calls.append("setstate")


def _module_stream(name: str, tail: bytes) -> bytes:
    return b"\x80\x02c" + Net.__module__.encode() + b"\n" + name.encode() + b"\n)\x81" + tail + b"b."


STATE = (
    b"}("
    + b"X\x08\0\0\0training\x88"
    + b"".join(
        b"X" + bytes((len(name),)) + b"\0\0\0" + name + b"}"
        for name in (b"_parameters", b"_buffers", b"_modules")
    )
)


def test_no_code_of_the_class_runs(pack: Any, read: Any) -> None:
    Watched.calls.clear()
    back = read(pack(_module_stream("Watched", STATE + b"X\x05\x00\x00\x00valueK\x07u")))
    assert Watched.calls == []
    assert type(back) is Watched and back.value == 7
    with pytest.warns(UserWarning, match="Restoring defines __setstate__"):
        back = read(pack(_module_stream("Restoring", STATE + b"u")))
    assert Restoring.calls == [] and back.training is True
    # What the file's class left out is there, so that the module works.
    assert back._forward_hooks == OrderedDict() and list(back.state_dict()) == []


@pytest.mark.parametrize(
    "tail",
    [
        b"N",
        b"]",
        b"}",
        b"}N\x88s",
        STATE + b"K\x01K\x01u",
        STATE + b"X\x07\x00\x00\x00forwardK\x01u",
        STATE + b"X\x08\x00\x00\x00__call__K\x01u",
        STATE + b"X\x09\x00\x00\x00__class__K\x01u",
        STATE + b"X\x08\x00\x00\x00trainingK\x01u",
        STATE + b"X\x0b\x00\x00\x00_parametersNu",
        STATE + b"X\x0b\x00\x00\x00_parameters}X\x01\x00\x00\x00aK\x01su",
        STATE + b"X\x0b\x00\x00\x00_parameters}K\x01Nsu",
        STATE + b"X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00aK\x01su",
        STATE + b"X\x08\x00\x00\x00_buffers}X\x01\x00\x00\x00aK\x01su",
        STATE + b"X\x0e\x00\x00\x00_forward_hooks}K\x01K\x01su",
        STATE + b"X\x0e\x00\x00\x00_forward_hooksK\x01u",
        STATE + b"X\x1b\x00\x00\x00_non_persistent_buffers_setK\x01u",
    ],
    ids=lambda t: repr(t[-40:]),
)
def test_attributes_that_no_module_has(tail: bytes, refuse: Any) -> None:
    refuse(_module_stream("Net", tail))


def test_a_module_without_content_or_with_two(refuse: Any) -> None:
    start = _module_stream("Net", b"")[:-2]
    refuse(start + b".")
    refuse(start + STATE + b"ub" + STATE + b"ub.")
    refuse(start.replace(b")\x81", b"K\x01\x85\x81") + STATE + b"ub.")


def test_hooks_are_not_saved() -> None:
    model = nn.Linear(2, 1)
    model.register_forward_hook(lambda *args: None)
    with pytest.raises(pickle.PicklingError, match=r"_forward_hooks"):
        again(model)


def test_place_inside_a_module() -> None:
    model = nn.Sequential(nn.Linear(2, 1))
    model[0].callback = print
    with pytest.raises(pickle.PicklingError, match=r"\._modules\['0'\]\.callback"):
        again(model)
