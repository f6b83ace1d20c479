"""OpenBLAS from the package scipy-openblas32: what it does, and that nothing needs it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from facula.kernels import cpu, gemm

native = cpu.native
LAYOUTS = ["nn", "nt", "tn", "tt"]


@pytest.fixture
def openblas(native):
    if gemm.find_openblas() is None:
        pytest.skip("the package scipy-openblas32 is not installed")


def laid_out(x, layout):
    return x if layout == "n" else np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def close(got, expected):
    assert isinstance(got, np.ndarray) and got.dtype == expected.dtype and got.shape == expected.shape
    assert got.flags.c_contiguous
    scale = np.abs(expected).max(initial=1e-300)
    assert np.abs(got - expected).max(initial=0) <= (1e-13 if got.dtype == np.float64 else 2e-5) * scale


@pytest.mark.parametrize(
    "m, n, k", [(64, 64, 64), (300, 70, 40), (70, 300, 40), (1, 300, 200), (300, 1, 200), (257, 129, 65)]
)
def test_products_of_doubles(m, n, k, openblas, threads, rng):
    a, b, bias = rng.standard_normal((m, k)), rng.standard_normal((k, n)), rng.standard_normal(n)
    for layout in LAYOUTS:
        x, y = laid_out(a, layout[0]), laid_out(b, layout[1])
        close(native.matmul(x, y), a @ b)
        close(native.linear(x, y.T, bias), a @ b + bias)
        close(native.linear_relu(x, y.T, bias), np.maximum(a @ b + bias, 0))
        close(native.linear_relu(x, y.T, None), np.maximum(a @ b, 0))


def test_stacks_and_slices_of_doubles(openblas, threads, rng):
    a, b = rng.standard_normal((3, 1, 80, 40)), rng.standard_normal((2, 40, 50))
    close(native.matmul(a, b), a @ b)
    close(native.matmul(a.swapaxes(0, 2), b[0]), a.swapaxes(0, 2) @ b[0])
    big = rng.standard_normal((200, 200))
    for x, y in [
        (big[10:90, 5:77], big[:72, 50:130]),
        (big[::2], big),
        (big[::2, ::2], big[:100]),
    ]:
        close(native.matmul(x, y), x @ y)
    overlapping = np.lib.stride_tricks.as_strided(big[0], (100, 60), (8, 8))
    assert native.matmul(overlapping, big[:60]) is NotImplemented  # rows nearer than they are long
    assert native.matmul(big[::-1], big) is NotImplemented  # rows backwards


def test_not_a_number_spreads_in_doubles(openblas):
    x, w = np.ones((40, 50)), np.ones((60, 50))
    x[3, 4], x[5, 6] = np.nan, np.inf
    got = native.linear_relu(x, w, None)
    assert np.isnan(got[3]).all() and np.isposinf(got[5]).all() and (got[6] == 50).all()


def test_small_and_mixed_products_of_doubles_are_left_to_numpy(openblas):
    x = np.ones((4, 4))
    assert native.matmul(x, x) is NotImplemented
    assert native.matmul(np.ones((99, 99)), np.ones((99, 99), np.float32)) is NotImplemented
    assert native.linear(np.ones((99, 99)), np.ones((99, 99)), np.ones(99, np.float32)) is NotImplemented


def test_large_products_of_floats_where_the_tiles_are_not_measured(openblas, threads, rng):
    before = native.isa()
    native.set_isa("base")
    try:
        a, b = rng.standard_normal((300, 300), np.float32), rng.standard_normal((300, 200), np.float32)
        close(native.matmul(a, b), a @ b)
        close(native.linear_relu(a, b.T, b[0]), np.maximum(a @ b + b[0], 0))
    finally:
        native.set_isa(before)


def run(code: str) -> str:
    source = os.path.dirname(os.path.dirname(os.path.dirname(cpu.__file__)))
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs /proc")
def test_it_is_loaded_by_the_first_large_product_of_doubles_and_starts_no_threads(openblas):
    out = run("""
import os
import numpy as np
import facula
from facula.kernels import cpu
loaded = lambda: "scipy_openblas32" in open("/proc/self/maps").read()
threads = lambda: len(os.listdir("/proc/self/task"))
cpu.set_num_threads(1)
started = threads()
x = facula.ones(64, 64)
x @ x, facula.ones(4, 4, dtype=facula.float64) @ facula.ones(4, 4, dtype=facula.float64)
assert not loaded()
y = facula.ones(64, 64, dtype=facula.float64)
assert ((y @ y) == 64).all() and loaded() and "OPENBLAS_NUM_THREADS" not in os.environ
assert threads() == started, (threads(), started)
child = os.fork()
ok = bool(((y @ y) == 64).all())
if child == 0: os._exit(0 if ok else 1)
assert ok and os.waitpid(child, 0)[1] == 0
print("fine")
""")
    assert out == "fine"


def test_without_the_package_numpy_does_it(native):
    out = run("""
import sys
sys.modules["scipy_openblas32"] = None  # as if it were not installed
import numpy as np
import facula
from facula.kernels import cpu, gemm
assert gemm.find_openblas() is None and not cpu.native.has_openblas()
x = np.ones((64, 64))
assert cpu.native.matmul(x, x) is NotImplemented
assert ((facula.tensor(x) @ facula.tensor(x)) == 64).all()
cpu.native.set_isa("base")
y = facula.ones(300, 300)
assert ((y @ y) == 300).all()
print("fine")
""")
    assert out == "fine"
