"""facula.kernels.cpu: availability, threads, and declining as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from facula.kernels import cpu, optim

CASES = {
    "images_to_float": (cpu, lambda f: f(np.ones((2, 3, 3)))),
    "sgd_step": (
        optim,
        lambda f: f([np.ones(2, np.float16)], [np.ones(2, np.float16)], None, first=True, lr=0.1),
    ),
    "adam_step": (
        optim,
        lambda f: f(
            *([np.ones(2, np.float16)] for _ in range(4)), None, [1], lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_no_kernel_covers_is_declined(name):
    module, call = CASES[name]
    assert call(getattr(module, name)) is NotImplemented  # float64 or float16 throughout


@pytest.mark.parametrize("name", CASES)
def test_without_the_extension_everything_is_declined(name, monkeypatch):
    module, call = CASES[name]
    monkeypatch.setattr(module, "native", None)
    assert call(getattr(module, name)) is NotImplemented


def test_describe_says_whether_the_kernels_are_there(monkeypatch):
    monkeypatch.setattr(cpu, "native", None)
    assert not cpu.native_available()
    assert cpu.describe().startswith("no native kernels")
    assert cpu.get_num_threads() >= 1


def test_without_the_extension_the_number_of_threads_is_still_kept(monkeypatch):
    before = cpu.get_num_threads()
    monkeypatch.setattr(cpu, "native", None)
    monkeypatch.setattr(cpu, "_threads", 0)
    cpu.set_num_threads(3)
    assert cpu.get_num_threads() == 3
    cpu.set_num_threads(before)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"], ids=repr)
def test_a_number_of_threads_must_be_a_positive_integer(count):
    with pytest.raises(RuntimeError, match="positive integer"):
        cpu.set_num_threads(count)


def test_set_num_threads_reaches_the_kernels(threads):
    assert cpu.get_num_threads() == threads


def _run(code: str, **environment: str) -> str:
    source = os.path.dirname(os.path.dirname(os.path.dirname(cpu.__file__)))
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_omp_num_threads_sets_the_default():
    if not cpu.native_available():
        pytest.skip("no native kernels in this installation")
    assert _run("from facula.kernels import cpu; print(cpu.get_num_threads())", OMP_NUM_THREADS="5") == "5"


PARALLEL = "x = np.ones((64, 784), np.float32); w = np.ones((512, 784), np.float32)"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own(native):
    out = _run(f"""
import os, sys
import numpy as np
from facula.kernels import cpu, optim
{PARALLEL}
cpu.set_num_threads(2)
assert (cpu.native.linear(x, w, None) == 784).all()
assert len(os.listdir("/proc/self/task")) >= 2 if os.path.exists("/proc/self/task") else True
child = os.fork()
ok = (cpu.native.linear(x, w, None) == 784).all()
if child == 0:
    os._exit(0 if ok else 1)
assert ok and os.waitpid(child, 0)[1] == 0
print("both")
""")
    assert out == "both"


def test_kernels_may_be_called_from_several_threads_at_once(native, rng):
    before = cpu.get_num_threads()
    cpu.set_num_threads(2)
    x, w = rng.standard_normal((64, 300), np.float32), rng.standard_normal((200, 300), np.float32)
    expected = cpu.native.linear(x, w, None)
    wrong = []

    def work() -> None:
        for _ in range(30):
            if not np.array_equal(cpu.native.linear(x, w, None), expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    cpu.set_num_threads(before)
    assert not wrong
