"""The kernels of pooling against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import facula
from facula.kernels import cpu
from facula.nn import functional as F
from facula.ops import pool

pytestmark = pytest.mark.usefixtures("isa")

# Input, kernel, stride, padding, dilation, ceil_mode.
WINDOWS = [
    ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 28, 28), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 33, 35), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 33, 35), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((1, 2, 7, 7), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 2, 37, 34), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((1, 2, 20, 41), (3, 3), (2, 2), (0, 0), (1, 1), False),
    ((1, 2, 14, 14), (3, 3), (2, 2), (1, 1), (1, 1), True),
    ((1, 3, 12, 19), (3, 3), (1, 1), (1, 1), (1, 1), False),
    ((1, 2, 12, 30), (3, 3), (1, 1), (0, 0), (1, 1), False),
    ((1, 2, 20, 45), (2, 3), (3, 4), (1, 1), (2, 3), True),
    ((1, 2, 40, 50), (1, 1), (2, 2), (0, 0), (1, 1), False),
    ((1, 2, 6, 6), (6, 6), (6, 6), (0, 0), (1, 1), False),
    ((2, 3, 50), (3,), (2,), (1,), (1,), False),
    ((3, 64), (5,), (3,), (2,), (1,), True),
    ((2, 2, 40), (4,), (1,), (0,), (3,), False),
    ((1, 2, 6, 9, 20), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), False),
    ((1, 2, 5, 6, 19), (3, 2, 3), (1, 2, 2), (1, 1, 1), (1, 1, 1), True),
]


def numbers(rng, *shape):
    """Few different numbers, so that some are equal."""
    return rng.integers(-9, 10, shape).astype(np.float32)


def places(op, *args):
    found = op.op.forward(*args)
    return found if isinstance(found, tuple) else (found,)


def check_max(x, *window):
    """Values, places and the gradient; returns the kernel's values and places."""
    best, where = places(pool.max_pool, x, *window)
    got, got_where = cpu.native.max_pool(x, *window)
    np.testing.assert_array_equal(got, best)
    np.testing.assert_array_equal(got_where, where)
    compact, codes = cpu.native.max_pool_compact(x, *window)
    np.testing.assert_array_equal(compact, best)
    np.testing.assert_array_equal(codes, places(pool.max_pool_compact, x, *window)[1])
    g = np.random.default_rng(1).integers(1, 9, best.shape).astype(np.float32)
    dx = pool.unpool.op.forward(g, x.shape, where, len(window[0]))
    np.testing.assert_array_equal(cpu.native.unpool_compact(g, x.shape, codes, *window[:-1]), dx)
    np.testing.assert_array_equal(cpu.native.unpool(g, x.shape, where, len(window[0])), dx)
    if not np.isnan(x).any():
        np.testing.assert_array_equal(cpu.native.pooled(x, where, len(window[0])), best)
    return got, got_where


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_largest_of_windows(case, threads, rng):
    check_max(numbers(rng, *case[0]), *case[1:])


@pytest.mark.parametrize("case", [WINDOWS[i] for i in (1, 5, 8, 10, 13, 17)], ids=str)
def test_largest_among_infinities_and_nan(case, rng):
    x = numbers(rng, *case[0])
    x[x > 6], x[x < 2] = np.nan, -np.inf
    check_max(x, *case[1:])
    got, _ = check_max(np.full(case[0], -np.inf, np.float32), *case[1:])
    assert np.isneginf(got).all()


@pytest.mark.parametrize("width", [*range(2, 20), 31, 32, 33, 34, 35, 63, 64, 65])
def test_largest_at_every_width(width, rng):
    x = numbers(rng, 3, 4, width)
    check_max(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    check_max(x, (3, 3), (2, 2), (1, 1), (1, 1), False)
    check_max(x, (2, 2), (1, 1), (0, 0), (1, 1), False)


def test_nothing_beyond_the_array_is_read(rng):
    """The kernel must not see what follows the last row: a NaN, which would win."""
    for width in range(16, 40):
        memory = np.full(2 * width + 64, np.nan, np.float32)
        x = memory[: 2 * width].reshape(1, 2, width)
        x[...] = numbers(rng, 1, 2, width)
        for k, s in [(2, 2), (3, 2), (2, 1), (3, 3)]:
            got, _ = cpu.native.max_pool(x, (1, k), (1, s), (0, 0), (1, 1), False)
            assert np.isfinite(got).all()


def test_large_windows_have_no_compact_form(rng):
    x = numbers(rng, 1, 20, 20)
    window = (17, 17), (1, 1), (0, 0), (1, 1), False
    assert cpu.native.max_pool_compact(x, *window) is NotImplemented
    got, where = cpu.native.max_pool(x, *window)
    best, exact = places(pool.max_pool, x, *window)
    np.testing.assert_array_equal(got, best)
    np.testing.assert_array_equal(where, exact)
    t = facula.tensor(x, requires_grad=True)
    F.max_pool2d(t, 17, 1).sum().backward()
    assert t.grad.sum().item() == 16


def test_places_out_of_range_are_declined(rng):
    g = np.ones((2, 3), np.float32)
    for bad in (4, -1):
        where = np.full((2, 3), bad)
        assert cpu.native.unpool(g, (2, 4), where, 1) is NotImplemented
        assert cpu.native.pooled(np.ones((2, 4), np.float32), where, 1) is NotImplemented
    assert cpu.native.unpool(g, (2, 4), np.zeros((2, 2), np.int64), 1) is NotImplemented


def test_misfits_are_declined(rng):
    x, window = numbers(rng, 2, 8, 8), ((2, 2), (2, 2), (0, 0), (1, 1), False)
    for bad in (x.astype(np.float64), x[0, 0], x[:0], None, 3.0):
        assert cpu.native.max_pool(bad, *window) is NotImplemented
        assert cpu.native.avg_pool(bad, (2, 2), (2, 2), (0, 0), False, True, None) is NotImplemented
        assert cpu.native.adaptive_avg_pool(bad, (2, 2)) is NotImplemented
        assert cpu.native.adaptive_max_pool(bad, (2, 2)) is NotImplemented
    assert cpu.native.max_pool(x, (2, 2), (2, 2), (0, 0), (9, 9), False) is NotImplemented
    np.testing.assert_array_equal(
        cpu.native.max_pool(x.T, *window)[0], cpu.native.max_pool(x.T.copy(), *window)[0]
    )


def check_mean(x, kernel, stride, padding, ceil_mode, include, divisor):
    args = kernel, stride, padding, ceil_mode, include, divisor
    got = cpu.native.avg_pool(x, *args)
    exact = pool.avg_pool.op.forward(x.astype(np.float64), *args)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, exact, rtol=1e-5, atol=1e-5)
    g = np.random.default_rng(1).standard_normal(exact.shape).astype(np.float32)
    dx = cpu.native.avg_unpool(g, x.shape, *args)
    np.testing.assert_allclose(
        dx, pool.avg_unpool.op.forward(g.astype(np.float64), x.shape, *args), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("include, divisor", [(True, None), (False, None), (True, 3)])
@pytest.mark.parametrize("case", [c for c in WINDOWS if max(c[4]) == 1], ids=str)
def test_means_of_windows(case, include, divisor, threads, rng):
    shape, kernel, stride, padding, _, ceil_mode = case
    check_mean(numbers(rng, *shape), kernel, stride, padding, ceil_mode, include, divisor)


ADAPTIVE = [
    ((2, 3, 7, 7), (1, 1)), ((2, 3, 8, 8), (2, 4)), ((3, 10, 13), (3, 5)), ((2, 2, 40), (7,)), ((2, 3, 5), (9,)),
    ((1, 2, 5, 6, 20), (2, 4, 3)), ((1, 2, 5, 6, 20), (1, 1, 1)), ((1, 9, 70, 70), (1, 1)), ((2, 3, 16, 36), (16, 18)),
]  # fmt: skip


@pytest.mark.parametrize("shape, sizes", ADAPTIVE, ids=str)
def test_adaptive(shape, sizes, threads, rng):
    x = numbers(rng, *shape)
    exact = pool.adaptive_avg_pool.op.forward(x.astype(np.float64), sizes)
    np.testing.assert_allclose(cpu.native.adaptive_avg_pool(x, sizes), exact, rtol=1e-5, atol=1e-5)
    g = rng.standard_normal(exact.shape).astype(np.float32)
    dx = cpu.native.adaptive_avg_unpool(g, shape, len(sizes))
    wanted = pool.adaptive_avg_unpool.op.forward(g.astype(np.float64), shape, len(sizes))
    np.testing.assert_allclose(dx, wanted, rtol=1e-5, atol=1e-5)
    best, where = pool.adaptive_max_pool.op.forward(x, sizes)
    got, got_where = cpu.native.adaptive_max_pool(x, sizes)
    np.testing.assert_array_equal(got, best)
    np.testing.assert_array_equal(got_where, where)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_windows(data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    dims = draw(1, 3)
    each = lambda low, high: tuple(draw(low, high) for _ in range(dims))  # noqa: E731
    sizes, kernel, stride, dilation = each(1, 40 if dims < 3 else 12), each(1, 4), each(1, 4), each(1, 2)
    padding = tuple(draw(0, k // 2) for k in kernel)
    ceil_mode = data.draw(st.booleans())
    shape = (draw(1, 3), *sizes)
    rng = np.random.default_rng(draw(0, 99))
    x = numbers(rng, *shape)
    out = pool._sizes(shape, kernel, stride, padding, dilation, ceil_mode)
    # What is smaller than a window is left to the definition.
    assume(
        min(out) > 0
        and all(n + 2 * p > d * (k - 1) for n, p, d, k in zip(sizes, padding, dilation, kernel, strict=True))
    )
    if cpu.native.max_pool(x, kernel, stride, padding, dilation, ceil_mode) is not NotImplemented:
        check_max(x, kernel, stride, padding, dilation, ceil_mode)
    else:  # some window has no element inside
        assert max(dilation) > 1 and max(padding) > 0
    out = pool._sizes(shape, kernel, stride, padding, (1,) * dims, ceil_mode)
    assume(min(out) > 0)
    check_mean(x, kernel, stride, padding, ceil_mode, data.draw(st.booleans()), None)


def test_training_takes_the_kernels_all_the_way(rng):
    x = numbers(rng, 2, 3, 9, 20)
    for function in (
        lambda t: F.max_pool2d(t, 2), lambda t: F.max_pool2d(t, 3, 2, 1, return_indices=True)[0],
        lambda t: F.avg_pool2d(t, 3, 1, 1), lambda t: F.adaptive_avg_pool2d(t, 1),
        lambda t: F.adaptive_max_pool2d(t, 3),
    ):  # fmt: skip
        found = []
        for dtype in (np.float32, np.float64):
            t = facula.tensor(x.astype(dtype), requires_grad=True)
            (function(t) ** 2).sum().backward()
            found.append(t.grad.numpy())
        np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-4)
