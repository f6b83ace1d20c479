"""The matrix products of facula.kernels.cpu against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from facula.kernels import cpu

pytestmark = pytest.mark.usefixtures("isa")

# Tiles are 6 by 16, transposes 8 by 8, one pass sums 1024 products: sizes around each, and empty ones.
SHAPES = [
    (1, 1, 1), (1, 16, 5), (6, 16, 8), (7, 17, 9), (5, 15, 7), (64, 10, 512), (64, 33, 100), (3, 2, 2500),
    (13, 100, 1025), (130, 200, 30), (0, 4, 3), (4, 0, 3), (4, 3, 0), (40, 512, 600), (600, 40, 20),
]  # fmt: skip


def check(got, a, b, bias=0.0):
    """Each element within the error bound of a float32 sum of that many products."""
    exact = a.astype(np.float64) @ b + bias
    size = np.abs(a).astype(np.float64) @ np.abs(b) + np.abs(bias)
    bound = 4e-7 * np.sqrt(a.shape[-1] + 1) * size + 1e-30
    assert got.dtype == np.float32 and got.shape == exact.shape and got.flags.c_contiguous
    assert (np.abs(got - exact) <= bound).all()


@pytest.mark.parametrize("m, n, k", SHAPES)
@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
def test_matmul_of_either_layout(m, n, k, layout, threads, rng):
    a = rng.standard_normal((m, k) if layout[0] == "n" else (k, m), np.float32)
    b = rng.standard_normal((k, n) if layout[1] == "n" else (n, k), np.float32)
    a, b = a if layout[0] == "n" else a.T, b if layout[1] == "n" else b.T
    check(cpu.matmul(a, b), a, b)


@pytest.mark.parametrize("m, n, k", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_and_its_gradients(m, n, k, with_bias, threads, rng):
    x, w = rng.standard_normal((m, k), np.float32), rng.standard_normal((n, k), np.float32)
    bias = rng.standard_normal(n, np.float32) if with_bias else None
    g = rng.standard_normal((m, n), np.float32)
    check(cpu.linear(x, w, bias), x, w.T, 0.0 if bias is None else bias)
    check(cpu.linear_grad_input(g, w), g, w)
    check(cpu.linear_grad_weight(g, x), g.T, x)


def test_leading_dimensions_are_batches(rng):
    x, w = rng.standard_normal((2, 3, 4, 20), np.float32), rng.standard_normal((7, 20), np.float32)
    bias, g = rng.standard_normal(7, np.float32), rng.standard_normal((2, 3, 4, 7), np.float32)
    check(cpu.linear(x, w, bias), x, w.T, bias)
    check(cpu.linear_grad_input(g, w), g, w)
    check(cpu.linear_grad_weight(g, x), g.reshape(-1, 7).T, x.reshape(-1, 20))
    assert cpu.linear(x[0, 0, 0], w, bias).shape == (7,)


def test_slices_with_one_contiguous_dimension_are_read_in_place(rng):
    a = rng.standard_normal((40, 50), np.float32)[3:20, 5:41]
    b = rng.standard_normal((36, 60), np.float32)[:, 7:30]
    check(cpu.matmul(a, b), a, b)
    check(cpu.matmul(b.T, a.T), b.T, a.T)


def test_single_rows_and_columns_of_any_stride(rng):
    a = rng.standard_normal((30, 40), np.float32)
    check(cpu.matmul(a[:, :1], a[:1]), a[:, :1], a[:1])
    check(cpu.matmul(a[::7][:1], a.T[:, ::9][:, :1]), a[:1], a.T[:, :1])


def test_out_is_written_and_returned(rng):
    x, w = rng.standard_normal((5, 6), np.float32), rng.standard_normal((7, 6), np.float32)
    out = np.full((5, 7), np.nan, np.float32)
    assert cpu.linear(x, w, None, out) is out
    check(out, x, w.T)
    assert cpu.matmul(x, w.T, out=out) is out


@pytest.mark.parametrize(
    "out",
    [np.empty((5, 8), np.float32), np.empty((5, 7)), np.empty((7, 5), np.float32).T, "text"],
    ids=["shape", "dtype", "strides", "no array"],
)
def test_an_unfit_out_is_declined(out):
    x, w = np.ones((5, 6), np.float32), np.ones((7, 6), np.float32)
    assert cpu.linear(x, w, None, out) is NotImplemented


def test_what_the_product_does_not_cover_is_declined():
    f = np.ones((4, 4), np.float32)
    both_strided = np.ones((8, 8), np.float32)[::2, ::2]
    for a, b in [
        (f, f[:3]),
        (f, f.astype(np.float64)),
        (f[0], f),
        (f[None], f),
        (both_strided, f),
        (f, f.astype(">f4")),
        (f.view(np.recarray), f),
        (f[::-1], f),
        (f, 2.0),
    ]:
        result = cpu.matmul(a, b)
        assert result is NotImplemented or np.array_equal(result, a @ b)
    assert cpu.matmul(f, f[:3]) is cpu.matmul(both_strided, f) is cpu.matmul(f, 2.0) is NotImplemented
    assert cpu.linear(f, f, np.ones(3, np.float32)) is NotImplemented
    assert cpu.linear(np.float32(1), f, None) is NotImplemented
    assert cpu.linear_grad_weight(f, f[:3]) is NotImplemented


@pytest.mark.parametrize("m, n, k", [(1, 512, 784), (512, 1, 784), (4, 512, 784), (1024, 1024, 1024)])
def test_what_blas_does_better_is_left_to_it(m, n, k):
    a, b = np.zeros((m, k), np.float32), np.zeros((k, n), np.float32)
    assert cpu.matmul(a, b) is cpu.linear(a, np.ascontiguousarray(b.T)) is NotImplemented
    assert cpu.linear_grad_input(a, b) is NotImplemented
    assert cpu.linear_grad_weight(np.ascontiguousarray(a.T), b) is NotImplemented


def test_rows_in_reverse_order(rng):
    a, b = rng.standard_normal((9, 20), np.float32)[::-1], rng.standard_normal((20, 18), np.float32)
    check(cpu.matmul(a, b), a, b)


def test_not_a_number_and_infinity_spread_as_they_should():
    x = np.ones((3, 20), np.float32)
    x[1, 4], x[2, 5] = np.nan, np.inf
    got = cpu.linear(x, np.ones((18, 20), np.float32))
    assert (got[0] == 20).all() and np.isnan(got[1]).all() and np.isposinf(got[2]).all()
