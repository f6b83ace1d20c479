"""facula.cpu: the CPU as a device, and the memory of large arrays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import facula as t
from facula.kernels.cpu import native

LARGE = (1024, 1024)  # 4 MB

needs_cache = pytest.mark.skipif(
    native is None or not native.use_cache(), reason="no cache in this installation"
)


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    t.cpu.empty_cache()
    yield
    t.cpu.set_memory_limit(2 * 2**30)
    t.cpu.empty_cache()


def test_device():
    assert t.cpu.is_available() and t.cpu.is_initialized()
    assert (t.cpu.device_count(), t.cpu.current_device()) == (1, "cpu")
    assert t.cpu.set_device("cpu") is None and t.cpu.synchronize() is None


def test_streams():
    current = t.cpu.current_stream()
    assert isinstance(current, t.cpu.Stream) and current is t.cpu.current_stream("cpu")
    assert current.wait_stream(t.cpu.Stream()) is None
    with t.cpu.stream(current), t.cpu.stream(None):
        assert t.cpu.current_stream() is current


@needs_cache
def test_memory_is_counted_kept_and_used_again():
    before = t.cpu.memory_stats()
    x = t.ones(LARGE)
    during = t.cpu.memory_stats()
    size = during["allocated_bytes.all.current"] - before["allocated_bytes.all.current"]
    assert 4 * 2**20 <= size <= 4 * 2**20 * 9 // 8
    assert during["misses"] > before["misses"]
    place = x.data_ptr()
    del x
    kept = t.cpu.memory_stats()
    assert kept["cached_bytes"] == size
    assert kept["reserved_bytes.all.current"] == kept["allocated_bytes.all.current"] + size
    y = t.empty(LARGE)
    assert y.data_ptr() == place
    assert t.cpu.memory_stats()["hits"] > during["hits"]
    assert t.cpu.memory_stats()["cached_bytes"] == 0


@needs_cache
def test_empty_cache_gives_memory_back():
    x = t.ones(LARGE)
    del x
    before = t.cpu.memory_stats()
    assert before["cached_bytes"] > 0
    t.cpu.empty_cache()
    after = t.cpu.memory_stats()
    assert after["cached_bytes"] == 0
    assert after["released_bytes"] == before["released_bytes"] + before["cached_bytes"]


@needs_cache
def test_limit():
    x, y = t.ones(LARGE), t.ones(LARGE)
    del x
    t.cpu.set_memory_limit(0)
    assert t.cpu.memory_stats()["cached_bytes"] == 0
    del y
    stats = t.cpu.memory_stats()
    assert (stats["cached_bytes"], stats["cached_bytes.limit"]) == (0, 0)


@needs_cache
def test_peaks_start_anew():
    x = t.ones(LARGE)
    high = t.cpu.memory_stats()["allocated_bytes.all.peak"]
    del x
    t.cpu.reset_peak_memory_stats()
    stats = t.cpu.memory_stats()
    assert stats["allocated_bytes.all.peak"] == stats["allocated_bytes.all.current"] < high
    assert stats["reserved_bytes.all.peak"] == stats["reserved_bytes.all.current"]


@pytest.mark.parametrize(
    ("bytes", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)]
)
def test_limit_refuses(bytes, error):
    with pytest.raises(error, match="set_memory_limit"):
        t.cpu.set_memory_limit(bytes)


def test_without_the_extension(monkeypatch):
    monkeypatch.setattr(t.cpu, "native", None)
    assert set(t.cpu.memory_stats().values()) == {0}
    assert t.cpu.empty_cache() is t.cpu.reset_peak_memory_stats() is t.cpu.set_memory_limit(5) is None
