"""The cache of large arrays' memory, through NumPy's interface: what is handed out is right and one's own."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import facula
from facula.kernels.cpu import native

pytestmark = pytest.mark.skipif(
    native is None or not native.use_cache(), reason="no cache in this installation"
)

MB = 1 << 20


def stats() -> dict[str, int]:
    return native.memory_stats()


@pytest.fixture(autouse=True)
def tidy():
    native.use_cache()
    native.empty_cache()
    yield
    native.set_memory_limit(2 << 30)
    native.empty_cache()


@pytest.mark.parametrize("size", [MB - 1, MB, MB + 1, 2 * MB, 3 * MB + 7, 4 * MB, 17 * MB + 1, 40 * MB])
def test_blocks_are_whole_and_aligned(size):
    before = stats()["in_use"]
    a = np.empty(size, np.uint8)
    a[:] = 7
    taken = stats()["in_use"] - before
    if size < MB:
        assert taken == 0
    else:
        assert size <= taken <= size * 9 // 8 + 1
        assert a.ctypes.data % 4096 == 0
    assert a.min() == a.max() == 7
    del a
    assert stats()["in_use"] == before


def test_zeros_are_zeros_in_used_memory():
    a = np.full(3 * MB, 255, np.uint8)
    place = a.ctypes.data
    del a
    b = np.zeros(3 * MB, np.uint8)
    assert b.ctypes.data == place
    assert not b.any()


def test_fresh_zeros_take_no_pages():
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc")

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    native.set_memory_limit(0)
    before = resident()
    a = np.zeros(256 * MB, np.uint8)
    assert resident() - before < 64 * MB
    assert not a[:: 16 * MB].any()


def test_two_arrays_never_share():
    a = [np.full(2 * MB, i, np.uint8) for i in range(8)]
    del a[::2]
    b = [np.full(2 * MB, 100 + i, np.uint8) for i in range(8)]
    assert [int(x.max()) for x in a] == [1, 3, 5, 7] == [int(x.min()) for x in a]
    assert [int(x.max()) for x in b] == list(range(100, 108)) == [int(x.min()) for x in b]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 5 * MB), st.booleans()), max_size=40))
@settings(max_examples=25, deadline=None)
def test_any_order_of_requests(steps):
    """Arrays of any size, replaced in any order, keep what was written to them; the counts add up."""
    start = stats()["in_use"]
    slots: dict[int, tuple[np.ndarray, int]] = {}
    for number, (slot, size, zeros) in enumerate(steps):
        if slot in slots:
            array, value = slots.pop(slot)
            assert array[0] == array[-1] == array[len(array) // 2] == value
            del array
        array = np.zeros(size, np.uint8) if zeros else np.empty(size, np.uint8)
        if zeros:
            assert not array.any()
        array[:] = value = number % 251 + 1
        slots[slot] = (array, value)
        del array
    for array, value in slots.values():
        assert (array == value).all()
    large = sum(a.nbytes for a, _ in slots.values() if a.nbytes >= MB)
    # An eighth for the size class, and a block two classes larger may serve.
    assert large <= stats()["in_use"] - start <= large * 1.45
    slots.clear()
    array = None  # the loop's last
    assert stats()["in_use"] == start


def test_realloc():
    a = np.arange(2 * MB, dtype=np.uint8)
    a.resize(9 * MB, refcheck=False)  # grows into another block
    assert (a[: 2 * MB] == np.arange(2 * MB, dtype=np.uint8)).all() and not a[2 * MB :].any()
    a.resize(9 * MB - 5, refcheck=False)  # stays
    place = a.ctypes.data
    a.resize(9 * MB - 1000, refcheck=False)
    assert a.ctypes.data == place
    a.resize(100, refcheck=False)  # becomes malloc's
    assert (a == np.arange(100, dtype=np.uint8)).all()
    a.resize(2 * MB, refcheck=False)  # and stays malloc's
    assert (a[:100] == np.arange(100, dtype=np.uint8)).all()
    before = stats()["in_use"]
    del a
    assert stats()["in_use"] == before


def test_growing_step_by_step():
    numbers = np.fromiter(range(400_000), np.int64)
    assert (numbers == np.arange(400_000)).all()


def test_a_block_little_larger_serves():
    a = np.empty(5 * MB, np.uint8)
    place = a.ctypes.data
    del a
    assert np.empty(4 * MB + 200_000, np.uint8).ctypes.data == place


def test_limit_holds():
    native.set_memory_limit(10 * MB)
    arrays = [np.empty(4 * MB, np.uint8) for _ in range(5)]
    del arrays
    assert 0 < stats()["held"] <= 10 * MB


def test_arrays_of_another_context():
    """What was made with NumPy's own handler is freed by it, and the other way round."""
    before = stats()["in_use"]
    a = contextvars.Context().run(lambda: np.ones(3 * MB, np.uint8))
    assert stats()["in_use"] == before
    del a
    b = [np.ones(3 * MB, np.uint8)]
    contextvars.Context().run(b.clear)
    assert stats()["in_use"] == before


def test_a_new_thread_uses_it_once_a_kernel_ran():
    seen = []

    def work() -> None:
        x = facula.from_numpy(np.ones(MB, np.float32))
        before = stats()["in_use"]
        y = facula.relu(x)
        seen.append(stats()["in_use"] - before)
        assert (y.numpy() == 1).all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen and seen[0] >= 4 * MB


def test_many_threads_at_once():
    failures = []

    def work(number: int) -> None:
        native.use_cache()
        rng = np.random.default_rng(number)
        for _ in range(60):
            a = np.empty(int(rng.integers(MB, 4 * MB)), np.uint8)
            a[::4096] = number
            b = np.zeros(int(rng.integers(MB, 4 * MB)), np.uint8)
            if not (a[::4096] == number).all() or b[::4096].any():
                failures.append(number)
            b[:] = 255

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


PROGRAMS = {
    "fork": """
        import os, numpy as np, facula
        a = np.full(3 << 20, 5, np.uint8); b = np.empty(3 << 20, np.uint8); del b
        pid = os.fork()
        c = np.full(3 << 20, 6, np.uint8)
        ok = (a == 5).all() and (c == 6).all()
        del a, c
        facula.cpu.empty_cache()
        if pid == 0:
            os._exit(0 if ok else 1)
        print("child", os.waitpid(pid, 0)[1], "parent", ok)
    """,
    "end": """
        import sys, numpy as np, facula
        class Late:
            def __init__(self): self.array = np.ones(3 << 20, np.uint8)
            def __del__(self): self.array.resize(9 << 20, refcheck=False); del self.array
        sys.late = Late()                  # freed when sys is
        np.late = np.ones(5 << 20, np.uint8)
        sys.modules.pop("facula._C"); print("ready")
    """,
    "before": """
        import numpy as np
        a = np.ones(3 << 20, np.uint8)     # malloc's
        import facula
        a.resize(6 << 20, refcheck=False)
        before = facula.cpu.memory_stats()["allocated_bytes.all.current"]
        print(int(a.sum()) == 3 << 20, before); del a
    """,
    # Phases with blocks of different sizes: what is kept adds little to the most that was in use at once.
    "peak": """
        import numpy as np, facula
        for size in (3 << 20, 8 << 20, 5 << 20, 20 << 20, 3 << 20):
            arrays = [np.empty(size, np.uint8) for _ in range((200 << 20) // size)]
            del arrays
        found = facula.cpu.memory_stats()
        most = found["allocated_bytes.all.peak"] * 9 / 8 + (16 << 20)
        print(found["reserved_bytes.all.peak"] <= most, found["released_bytes"] > 0)
    """,
}


@pytest.mark.parametrize(
    ("name", "printed"),
    [("fork", "child 0 parent True"), ("end", "ready"), ("before", "True 0"), ("peak", "True True")],
)
def test_whole_programs(name, printed):
    if name == "fork" and not hasattr(os, "fork"):
        pytest.skip("no fork")
    lines = "\n".join(line[8:] for line in PROGRAMS[name].split("\n"))
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, printed, "")
