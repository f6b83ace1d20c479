"""The weight gradient of convolutions, `native.conv_weight`, against its definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import facula
from facula import determinism
from facula.kernels import cpu
from facula.ops.conv import conv_weight, out_sizes

pytestmark = pytest.mark.usefixtures("native")

WAYS = ["direct", "few", "winograd"]


def operands(rng, x_shape, w_shape, stride, padding, dilation):
    out = out_sizes(x_shape[2:], w_shape[2:], stride, padding, dilation)
    x = rng.standard_normal(x_shape, np.float32)
    return rng.standard_normal((x_shape[0], w_shape[0], *out), np.float32), x


def exact(g, x, *rest):
    return conv_weight.op.forward(g.astype(np.float64), x.astype(np.float64), *rest)


def check(got, g, x, *rest, bound=2e-6):
    """The largest error over the largest value; where that is near to nothing, over the size of the terms."""
    want = exact(g, x, *rest)
    assert got is not NotImplemented
    assert got.dtype == np.float32 and got.shape == want.shape and got.flags.c_contiguous
    if want.size:
        scale = max(np.abs(want).max(), np.sqrt(g.size / max(1, g.shape[1])))
        assert np.abs(got - want).max() <= bound * scale


# x, weight, stride, padding, dilation, groups: channels around 6, 8, 12, 16 and 32, places around vectors and blocks.
GENERAL = [
    ((2, 16, 9, 9), (6, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 17, 7, 10), (7, 17, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((3, 33, 8, 8), (13, 33, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 20, 9, 8), (5, 20, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((2, 20, 9, 8), (5, 20, 1, 1), (3, 2), (2, 1), (1, 1), 1),
    ((2, 3, 23, 21), (8, 3, 7, 7), (2, 2), (3, 3), (1, 1), 1),
    ((3, 1, 28, 28), (32, 1, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((2, 8, 12, 11), (8, 1, 3, 3), (1, 1), (1, 1), (1, 1), 8),
    ((2, 8, 12, 11), (16, 1, 5, 3), (2, 3), (2, 1), (1, 1), 8),
    ((2, 12, 11, 40), (9, 4, 3, 3), (1, 1), (2, 2), (2, 2), 3),
    ((2, 40, 6, 6), (14, 20, 3, 2), (1, 2), (1, 0), (1, 3), 2),
    ((1, 4, 30, 2), (3, 4, 2, 1), (4, 1), (0, 0), (3, 1), 1),
    ((2, 5, 40), (3, 5, 4), (1,), (2,), (1,), 1),
    ((2, 18, 300), (11, 18, 3), (2,), (1,), (2,), 1),
    ((2, 6, 5, 6, 7), (4, 3, 3, 2, 3), (1, 2, 1), (1, 0, 1), (1, 1, 2), 2),
    ((1, 17, 4, 5, 6), (7, 17, 3, 3, 3), (2, 1, 2), (1, 1, 1), (1, 1, 1), 1),
    ((1, 2, 3, 1100), (2, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 2, 1, 1), (3, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 2, 2, 9), (3, 2, 1, 2), (1, 5), (0, 4), (1, 1), 1),
]
THREE = [
    ((1, 1, 3, 3), (1, 1)), ((2, 16, 4, 4), (6, 16)), ((2, 17, 5, 7), (7, 17)), ((3, 15, 8, 9), (13, 15)),
    ((2, 33, 14, 14), (126, 33)), ((5, 8, 7, 7), (130, 8)), ((1, 40, 20, 37), (12, 40)), ((2, 20, 1, 1), (9, 20)),
    ((20, 9, 7, 7), (11, 9)),
]  # fmt: skip


@pytest.mark.parametrize("case", GENERAL, ids=str)
@pytest.mark.parametrize("way", ["direct", "few", ""])
def test_any_shape(case, way, threads, isa, rng):
    x_shape, w_shape, *rest, groups = case
    g, x = operands(rng, x_shape, w_shape, *rest)
    check(cpu.native.conv_weight(g, x, w_shape, *rest, groups, True, way), g, x, w_shape, *rest, groups)


@pytest.mark.parametrize(
    "x_shape, channels, padding",
    [
        (*case, padding)
        for case in THREE
        for padding in ((0, 0), (1, 1), (2, 0), (3, 5))
        if min(n + 2 * p for n, p in zip(case[0][2:], padding, strict=True)) > 2
    ],
    ids=str,
)
def test_winograd(x_shape, channels, padding, threads, isa, rng):
    w_shape, ones = (*channels, 3, 3), (1, 1)
    g, x = operands(rng, x_shape, w_shape, ones, padding, ones)
    got = cpu.native.conv_weight(g, x, w_shape, ones, padding, ones, 1, False, "winograd")
    check(got, g, x, w_shape, ones, padding, ones, 1, bound=2e-5)


def test_winograd_over_several_chunks_and_blocks_of_channels(threads, rng):
    rest = ((130, 150, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    g, x = operands(rng, (6, 150, 30, 30), *rest[:4])
    check(cpu.native.conv_weight(g, x, *rest, False, "winograd"), g, x, *rest, bound=2e-5)


def test_what_is_exact_stays_exact(isa):
    """Sums of small integers have no rounding: any wrong or missing product shows."""
    rng = np.random.default_rng(3)
    for x_shape, w_shape, *rest, groups in GENERAL:
        g, x = operands(rng, x_shape, w_shape, *rest)
        g, x = np.round(g * 2), np.round(x * 2)
        for way in ("direct", "few"):
            got = cpu.native.conv_weight(g, x, w_shape, *rest, groups, True, way)
            assert np.array_equal(got, exact(g, x, w_shape, *rest, groups))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_shapes(data):
    dimensions = data.draw(st.integers(1, 3))
    each = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(dimensions))  # noqa: E731
    groups = data.draw(st.integers(1, 3))
    out, ins = groups * data.draw(st.integers(1, 9)), data.draw(st.integers(1, 19))
    kernel, stride, padding, dilation = each(1, 4), each(1, 3), each(0, 3), each(1, 2)
    spare = each(0, 12 if dimensions < 3 else 5)
    sizes = tuple(
        max(1, d * (k - 1) + 1 - 2 * p) + more
        for k, d, p, more in zip(kernel, dilation, padding, spare, strict=True)
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x_shape, w_shape = (data.draw(st.integers(1, 3)), ins * groups, *sizes), (out, ins, *kernel)
    g, x = operands(rng, x_shape, w_shape, stride, padding, dilation)
    rest = (w_shape, stride, padding, dilation, groups)
    for way in ("direct", "few", ""):
        check(cpu.native.conv_weight(g, x, *rest, True, way), g, x, *rest)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 5), ins=st.integers(1, 40), out=st.integers(1, 40), height=st.integers(1, 20),
    width=st.integers(1, 40), pad=st.integers(1, 3),
)  # fmt: skip
def test_random_shapes_by_winograd(batch, ins, out, height, width, pad):
    rest = ((out, ins, 3, 3), (1, 1), (pad, pad), (1, 1), 1)
    g, x = operands(np.random.default_rng(batch), (batch, ins, height, width), *rest[:4])
    check(cpu.native.conv_weight(g, x, *rest, False, "winograd"), g, x, *rest, bound=2e-5)


def test_precise_takes_no_winograd(rng):
    rest = ((32, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    g, x = operands(rng, (2, 32, 16, 16), *rest[:4])
    precise, quick = (cpu.native.conv_weight(g, x, *rest, p) for p in (True, False))
    assert np.array_equal(precise, cpu.native.conv_weight(g, x, *rest, True, "direct"))
    assert np.array_equal(quick, cpu.native.conv_weight(g, x, *rest, False, "winograd"))
    assert not np.array_equal(precise, quick)


def test_the_op_takes_it_unless_the_highest_precision_is_asked_for(rng, monkeypatch):
    monkeypatch.setattr(determinism, "_exact", False)  # both come back to what they were
    monkeypatch.setattr(determinism, "_precision", "highest")
    x = facula.from_numpy(rng.standard_normal((2, 32, 16, 16), np.float32))
    w = facula.zeros((32, 32, 3, 3), requires_grad=True)
    g = facula.from_numpy(rng.standard_normal((2, 32, 16, 16), np.float32))
    rest = ((32, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    by = {
        way: cpu.native.conv_weight(g.numpy(), x.numpy(), *rest, False, way) for way in ("direct", "winograd")
    }
    for precision, way in [(None, "winograd"), ("highest", "direct"), ("high", "winograd")]:
        if precision:
            facula.set_float32_matmul_precision(precision)
        (got,) = facula.autograd.grad(facula.conv2d(x, w, padding=1), w, g)
        assert np.array_equal(got.numpy(), by[way])


def test_any_layout_in_memory(rng):
    rest = ((16, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    g, x = operands(rng, (2, 16, 8, 8), *rest[:4])
    want = cpu.native.conv_weight(g, x, *rest)
    last = lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)  # noqa: E731
    spread = np.broadcast_to(np.float32(2), g.shape)
    assert np.array_equal(cpu.native.conv_weight(last(g), last(x), *rest), want)
    assert np.array_equal(cpu.native.conv_weight(g[:, :, ::-1][:, :, ::-1], x, *rest), want)
    check(cpu.native.conv_weight(spread, x, *rest), spread, x, *rest)


@pytest.mark.parametrize(
    "x_shape, w_shape, padding",
    [((0, 3, 5, 5), (4, 3, 3, 3), (1, 1)), ((2, 0, 5, 5), (4, 0, 3, 3), (1, 1)),
     ((2, 3, 5, 5), (0, 3, 3, 3), (1, 1)), ((2, 16, 2, 5), (4, 16, 3, 3), (0, 0)),
     ((2, 3, 0, 5), (4, 3, 1, 1), (0, 0))],
)  # fmt: skip
def test_empty_sizes(x_shape, w_shape, padding):
    out = (x_shape[2] + 2 * padding[0] - w_shape[2] + 1, x_shape[3] + 2 * padding[1] - w_shape[3] + 1)
    g, x = np.ones((x_shape[0], w_shape[0], *out), np.float32), np.ones(x_shape, np.float32)
    got = cpu.native.conv_weight(g, x, w_shape, (1, 1), padding, (1, 1), 1)
    assert got.shape == w_shape and not got.any()


@pytest.mark.parametrize("way", ["direct", "few"])
def test_not_a_number_stays_with_its_channels_and_taps(way, isa):
    rest = ((3, 2, 3, 3), (1, 1), (0, 0), (1, 1), 1)
    g, x = np.ones((1, 3, 9, 9), np.float32), np.ones((1, 2, 11, 11), np.float32)
    x[0, 1, 10, 10], g[0, 2, 4, 4] = np.nan, np.inf
    got = cpu.native.conv_weight(g, x, *rest, True, way)
    want = exact(g, x, *rest)
    assert np.isnan(want[:2, 1, 2, 2]).all() and np.isinf(want[2, 0]).all()
    assert np.array_equal(got, want.astype(np.float32), equal_nan=True)


def test_not_a_number_reaches_what_depends_on_it_by_winograd(isa):
    rest = ((20, 18, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    g, x = np.ones((2, 20, 9, 9), np.float32), np.ones((2, 18, 9, 9), np.float32)
    x[1, 17, 4, 4], g[0, 3, 8, 8] = np.nan, np.inf
    got = cpu.native.conv_weight(g, x, *rest, False, "winograd")
    assert np.isnan(got[:, 17]).all() and not np.isfinite(got[3, :17, :2, :2]).any()
    rest_of_it = np.delete(got[:, :17], 3, 0)
    assert np.isfinite(rest_of_it).all()


@pytest.mark.parametrize("way", WAYS)
def test_results_do_not_depend_on_timing(way, threads, rng):
    rest = ((24, 24, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    g, x = operands(rng, (8, 24, 20, 20), *rest[:4])
    results = [cpu.native.conv_weight(g, x, *rest, False, way) for _ in range(5)]
    assert all(np.array_equal(r, results[0]) for r in results)


def test_what_does_not_fit_is_declined(rng):
    w, one, zero = (4, 3, 3, 3), (1, 1), (0, 0)
    g, x = operands(rng, (2, 3, 8, 8), w, one, zero, one)
    good = (g, x, w, one, zero, one, 1)
    assert cpu.native.conv_weight(*good) is not NotImplemented
    for at, value in [
        (0, g.astype(np.float64)), (0, g[:1]), (0, g[:, :3]), (0, g[..., :5]), (0, None), (0, g[0]), (1, x[:, :2]),
        (1, x.tolist()), (2, (4, 3, 3)), (2, [4, 3, 3, 3]), (2, (4, 2, 3, 3)), (2, (5, 3, 3, 3)), (2, (4, 3, 0, 3)),
        (3, (1,)), (3, (0, 1)), (3, (1.0, 1)), (4, (-1, 1)), (4, (1, 1)), (5, (2, 1)), (6, 3), (6, 0),
    ]:  # fmt: skip
        arguments = list(good)
        arguments[at] = value
        assert cpu.native.conv_weight(*arguments) is NotImplemented
    assert cpu.native.conv_weight(*good, False, "unknown") is NotImplemented
    dilated = operands(rng, (2, 3, 8, 8), w, one, zero, (2, 2))
    assert cpu.native.conv_weight(*dilated, w, one, zero, (2, 2), 1, False, "winograd") is NotImplemented
