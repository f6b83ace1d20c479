"""Devices."""

from __future__ import annotations

import copy
import pickle

import pytest

import facula as t
from facula._device import check_device


def test_parts_and_text() -> None:
    cpu, second = t.device("cpu"), t.device("cuda:1")
    assert (cpu.type, cpu.index, str(cpu), repr(cpu)) == ("cpu", None, "cpu", "device(type='cpu')")
    assert (second.type, second.index, str(second)) == ("cuda", 1, "cuda:1")
    assert repr(second) == "device(type='cuda', index=1)"
    assert t.device("cuda", 1) == second == t.device(type="cuda", index=1) == t.device(second) == t.device(1)


def test_equality_hash_and_copies() -> None:
    assert t.device("cpu") == t.device("cpu") != t.device("cpu", 0) and t.device("cpu") != "cpu"
    assert {t.device("cpu"): 1}[t.device("cpu")] == 1
    for d in (t.device("cpu"), t.device("cuda", 1)):
        assert pickle.loads(pickle.dumps(d)) == d == copy.deepcopy(d) and isinstance(d, t.device)


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (("nonsense",), RuntimeError),
        (("",), RuntimeError),
        (("cuda:x",), RuntimeError),
        (("cuda:-1",), RuntimeError),
        (("cuda:1", 2), RuntimeError),
        ((3.5,), TypeError),
        ((), TypeError),
        ((None,), TypeError),
    ],
)
def test_wrong_devices(args: tuple[object, ...], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        t.device(*args)  # type: ignore[arg-type]


def test_devices_do_not_change() -> None:
    with pytest.raises(AttributeError):
        t.device("cpu").type = "cuda"


def test_where_tensors_can_be() -> None:
    assert check_device(None) == check_device("cpu") == check_device(t.device("cpu", 0)) == t.device("cpu")
    with pytest.raises(AssertionError, match="CUDA"):
        check_device("cuda")
    with pytest.raises(NotImplementedError, match="only the device 'cpu'"):
        check_device("meta")


def test_the_default_device() -> None:
    assert t.get_default_device() == t.device("cpu")
    t.set_default_device("cpu")
    t.set_default_device(None)
    with pytest.raises(AssertionError, match="CUDA"):
        t.set_default_device("cuda")
    with t.device("cpu") as d:
        assert t.ones(1).device == d
    with pytest.raises(AssertionError, match="CUDA"), t.device("cuda"):
        pass
