"""torch.cpu's questions get PyTorch's answers."""

from __future__ import annotations

import pytest

import facula

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["is_available", "is_initialized", "device_count", "current_device", "synchronize"])
def test_answers(name):
    assert getattr(facula.cpu, name)() == getattr(torch.cpu, name)()


def test_set_device():
    assert facula.cpu.set_device("cpu") == torch.cpu.set_device("cpu")


@pytest.mark.parametrize("library", [facula, torch])
def test_streams(library):
    """One program, the same course in both."""
    stream = library.cpu.current_stream()
    assert type(stream) is library.cpu.Stream and library.cpu.Stream(-1).wait_stream(stream) is None
    with library.cpu.stream(library.cpu.Stream()), library.cpu.stream(None):
        assert library.cpu.synchronize("cpu") is None
