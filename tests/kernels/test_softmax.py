"""Softmax and cross-entropy of the compiled kernels against float64 and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facula.kernels import cpu
from facula.ops import loss, softmax

pytestmark = pytest.mark.usefixtures("isa")

native = cpu.native
SHAPES = [
    ((1, 1), 1), ((64, 10), 1), ((5, 8), -1), ((3, 7), 1), ((2, 3, 17), 2), ((9,), 0), ((0, 4), 1), ((4, 0), 1),
    ((300, 33), 1), ((3, 70), -1), ((5, 1), 0), ((7, 5), 0), ((2, 5, 3), 1), ((2, 9, 4, 5), 1), ((33, 600), 0),
    ((2, 40, 16), 1), ((1, 3, 0), 1), ((2, 0, 3), 1), ((2500, 2, 40), 1),
]  # fmt: skip


def exact_softmax(x, dim=-1):
    e = np.exp(x.astype(np.float64) - x.max(dim, keepdims=True, initial=-np.inf))
    return e / e.sum(dim, keepdims=True)


def exact_log_softmax(x, dim=-1):
    shifted = x.astype(np.float64) - x.max(dim, keepdims=True, initial=-np.inf)
    with np.errstate(divide="ignore"):  # no classes at all
        return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


@pytest.mark.parametrize("shape, dim", SHAPES, ids=str)
def test_softmax_and_gradient(shape, dim, threads, rng):
    x, g = (8 * rng.standard_normal((2, *shape))).astype(np.float32)
    got, exact = native.softmax(x, dim), exact_softmax(x, dim)
    # x - max(x) is rounded to float32, which at 60 is 2e-6 of the exponential.
    np.testing.assert_allclose(got, exact, rtol=5e-6, atol=2e-38)
    dx = exact * (g - (g * exact).sum(dim, keepdims=True))
    np.testing.assert_allclose(native.softmax_grad(g, got, dim), dx, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("shape, dim", SHAPES, ids=str)
def test_log_softmax_and_gradient(shape, dim, threads, rng):
    x, g = (8 * rng.standard_normal((2, *shape))).astype(np.float32)
    got, exact = native.log_softmax(x, dim), exact_log_softmax(x, dim)
    np.testing.assert_allclose(got, exact, rtol=2e-6, atol=2e-6)
    dx = g - np.exp(exact) * g.sum(dim, keepdims=True, dtype=np.float64)
    np.testing.assert_allclose(native.log_softmax_grad(g, got, dim), dx, rtol=1e-5, atol=1e-4)


def test_the_same_bits_with_any_number_of_threads(rng):
    x = rng.standard_normal((40, 11, 300), np.float32)
    target = rng.integers(0, 11, (40, 300))
    results = []
    before = cpu.get_num_threads()
    for count in (1, 2):
        cpu.set_num_threads(count)
        results.append(
            [
                native.softmax(x, 1),
                native.softmax(x, 2),
                native.cross_entropy(x, target, None, -100, "none", 0.1),
            ]
        )
    cpu.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_strides_are_copied(dim, rng):
    x = rng.standard_normal((6, 8, 10), np.float32)[::2, ::-1].transpose(2, 0, 1)
    dense = np.ascontiguousarray(x)
    for name in ("softmax", "log_softmax"):
        got = getattr(native, name)(x, dim)
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, getattr(native, name)(dense, dim))
        grad = getattr(native, name + "_grad")
        np.testing.assert_array_equal(grad(x, got, dim), grad(dense, got, dim))


def test_what_is_declined():
    x = np.ones((2, 3), np.float32)
    assert native.softmax(x, 2) is native.softmax(x, -3) is native.softmax(x[0, 0], 0) is NotImplemented
    assert native.log_softmax(x.astype(np.float64), 1) is native.softmax([1.0], 0) is NotImplemented
    assert native.softmax_grad(x, x[:1], 1) is native.log_softmax_grad(x, x[0], 0) is NotImplemented


@pytest.mark.parametrize("columns", [False, True])
def test_extreme_logits(columns):
    inf, nan = np.inf, np.nan
    rows = [
        [1e30, 0, -1e30],
        [-inf, 0, 0],
        [-100, -300, 0],
        [nan, 0, 0],
        [inf, 0, 0],
        [-inf] * 3,
        [0, 0, nan],
        [inf, inf, nan],
    ]
    x = np.array(rows, np.float32)
    x.view(np.uint32)[3, 0] |= 5  # a NaN need not be the usual one

    def of(function):
        return function(np.ascontiguousarray(x.T), 0).T if columns else function(x, 1)

    got, logs = of(native.softmax), of(native.log_softmax)
    np.testing.assert_allclose(got[:3], [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]], atol=2e-38)
    assert got[1, 0] == 0 and np.isnan(got[3:]).all()
    assert np.isneginf(logs[1, 0]) and np.isnan(logs[3:]).all()
    target = np.array([0, 1, 2, 1, 1, 0, 0, 2])
    given = (np.ascontiguousarray(x.T)[None], target[None]) if columns else (x, target)
    losses = native.cross_entropy(*given, None, -100, "none", 0.0).reshape(-1)
    np.testing.assert_allclose(losses[:3], [0, np.log(2), 0], rtol=1e-6)
    assert np.isnan(losses[3:]).all()
    g = np.ones_like(target if not columns else target[None], np.float32)
    dx = native.cross_entropy_grad(g, *given, None, -100, "none", 0.0)
    dx = dx[0].T if columns else dx
    np.testing.assert_allclose(dx[:3], [[0, 0, 0], [0, -0.5, 0.5], [0, 0, 0]], atol=1e-7)
    assert np.isnan(dx[3:]).all()


def test_the_exponential_is_accurate_over_its_whole_range():
    x = np.linspace(-87, 0, 4001).astype(np.float32)
    pairs = np.stack([x, np.zeros_like(x)], -1)  # softmax = e^x / (e^x + 1)
    exact = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(native.softmax(pairs, 1)[:, 0], exact / (exact + 1), rtol=5e-7)
    far = np.array([[-88, 0], [-100, 0], [-1000, 0], [-3e38, 0]], np.float32)
    np.testing.assert_allclose(native.softmax(far, 1), [[0, 1]] * 4, atol=2e-38)


# ---- cross-entropy -----------------------------------------------------------------------------------------


def exact_loss(x, target, weight, ignored, smoothing):
    """Losses and their gradients with respect to x in float64; classes in dimension 1."""
    n = x.shape[1]
    w = np.ones(n) if weight is None else weight.astype(np.float64)
    if target.dtype.kind == "f":
        shares = np.moveaxis(target.astype(np.float64), 1, -1) * (1 - smoothing) + smoothing / n
        counts = np.ones(shares.shape[:-1])
    else:
        kept = target != ignored
        hot = np.eye(n)[np.where(kept, target, 0)]
        shares = (hot * (1 - smoothing) + smoothing / n) * kept[..., None]
        counts = (hot * w).sum(-1) * kept
    shares = np.moveaxis(shares * w, -1, 1)
    losses = -(shares * exact_log_softmax(x, 1)).sum(1)
    slopes = exact_softmax(x, 1) * shares.sum(1, keepdims=True) - shares
    return losses, slopes, counts.sum()


@pytest.mark.parametrize(
    "shape", [(64, 10), (1, 1), (500, 8), (0, 5), (3, 4, 9), (2, 5, 7, 6), (1, 70, 33)], ids=str
)
@pytest.mark.parametrize(
    "weighted, smoothing, soft, ignored, reduction",
    [
        (0, 0, 0, -100, "mean"),
        (0, 0, 0, 0, "none"),
        (1, 0, 0, 0, "sum"),
        (0, 0.3, 0, 0, "mean"),
        (1, 0.1, 0, 0, "mean"),
        (1, 0.1, 0, -100, "none"),
        (0, 0, 1, 0, "mean"),
        (1, 0.2, 1, 0, "none"),
    ],
)
def test_cross_entropy_and_gradient(shape, weighted, smoothing, soft, ignored, reduction, threads, rng):
    x = (5 * rng.standard_normal(shape)).astype(np.float32)
    places = (shape[0], *shape[2:])
    target = (
        exact_softmax(rng.standard_normal(shape), 1).astype(np.float32)
        if soft
        else rng.integers(0, shape[1], places)
    )
    weight = rng.uniform(0.2, 2, shape[1]).astype(np.float32) if weighted else None
    g = rng.standard_normal(places if reduction == "none" else ()).astype(np.float32)
    losses, slopes, count = exact_loss(x, target, weight, ignored, smoothing)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = {"none": losses, "sum": losses.sum(), "mean": np.float64(losses.sum()) / count}[reduction]
        scale = g[:, None] if reduction == "none" else g / (count or 1) if reduction == "mean" else g
    rest = (weight, ignored, reduction, float(smoothing))
    got = native.cross_entropy(x, target, *rest)
    assert got.dtype == np.float32 and got.shape == np.shape(value)
    np.testing.assert_allclose(got, value, rtol=5e-6, atol=5e-6)
    dx = native.cross_entropy_grad(g, x, target, *rest)
    np.testing.assert_allclose(dx, scale * slopes, rtol=1e-5, atol=5e-6)
    with np.errstate(invalid="ignore"):
        defined = loss.cross_entropy.op.forward(x, target, *rest)
    np.testing.assert_allclose(got, defined, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(
        dx, loss.cross_entropy_grad.op.forward(g, x, target, *rest), rtol=1e-4, atol=1e-5
    )


def test_targets_that_must_raise_are_left_to_the_definition():
    x = np.zeros((2, 3), np.float32)
    rest = (None, -100, "mean", 0.0)
    one = np.ones((), np.float32)
    for target in ([0, 3], [-1, 0]):
        assert native.cross_entropy(x, np.array(target), *rest) is NotImplemented
        assert native.cross_entropy_grad(one, x, np.array(target), *rest) is NotImplemented
        with pytest.raises(IndexError, match="out of bounds"):
            loss.cross_entropy(x, np.array(target), *rest)
    good = np.zeros(2, np.int64)
    assert native.cross_entropy(x, good, *rest) is not NotImplemented
    assert native.cross_entropy(x, good.astype(np.int32), *rest) is NotImplemented
    assert native.cross_entropy(x, good[:1], *rest) is NotImplemented
    assert native.cross_entropy(x, x[:1], *rest) is NotImplemented
    assert native.cross_entropy(x, good, None, -100, "median", 0.0) is NotImplemented
    assert native.cross_entropy(x, good, np.ones(2, np.float32), -100, "mean", 0.0) is NotImplemented
    assert native.cross_entropy_grad(np.ones(3, np.float32), x, good, *rest) is NotImplemented


shapes = st.lists(st.integers(1, 40), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(shape=shapes, dim=st.integers(0, 2), seed=st.integers(0, 99), scale=st.sampled_from([0.1, 3.0, 60.0]))
def test_random_shapes(shape, dim, seed, scale):
    random, dim = np.random.default_rng(seed), dim % len(shape)
    x, g = (scale * random.standard_normal((2, *shape))).astype(np.float32)
    out, logs = native.softmax(x, dim), native.log_softmax(x, dim)
    np.testing.assert_allclose(out, exact_softmax(x, dim), rtol=2e-5, atol=2e-38)
    np.testing.assert_allclose(logs, exact_log_softmax(x, dim), rtol=1e-5, atol=1e-5)
    for name, result in (("softmax_grad", out), ("log_softmax_grad", logs)):
        defined = getattr(softmax, name).op.forward(g, result, dim)
        np.testing.assert_allclose(
            getattr(native, name)(g, result, dim), defined, rtol=1e-4, atol=1e-5 * scale
        )
