"""Activations, softmax and cross-entropy of facula.kernels.cpu against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from facula.kernels import cpu

pytestmark = pytest.mark.usefixtures("isa")

SHAPES = [(1, 1), (64, 10), (5, 8), (3, 7), (2, 3, 17), (9,), (0, 4), (4, 0), (2000, 33)]


def reference_softmax(x):
    e = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True, initial=-np.inf))
    return e / e.sum(-1, keepdims=True)


def reference_log_softmax(x):
    shifted = x.astype(np.float64) - x.max(-1, keepdims=True, initial=-np.inf)
    with np.errstate(divide="ignore"):  # no classes at all
        return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax_and_gradient(shape, threads, rng):
    x, g = (8 * rng.standard_normal((2, *shape))).astype(np.float32)
    got, exact = cpu.softmax(x), reference_softmax(x)
    # x - max(x) is rounded to float32, which at 60 is 2e-6 of the exponential.
    np.testing.assert_allclose(got, exact, rtol=5e-6, atol=1e-30)
    dx = exact * (g - (g * exact).sum(-1, keepdims=True))
    np.testing.assert_allclose(cpu.softmax_grad(g, got), dx, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_log_softmax_and_gradient(shape, threads, rng):
    x, g = (8 * rng.standard_normal((2, *shape))).astype(np.float32)
    got, exact = cpu.log_softmax(x), reference_log_softmax(x)
    np.testing.assert_allclose(got, exact, rtol=2e-6, atol=2e-6)
    dx = g - np.exp(exact) * g.sum(-1, keepdims=True, dtype=np.float64)
    np.testing.assert_allclose(cpu.log_softmax_grad(g, got), dx, rtol=1e-5, atol=1e-4)


def test_only_the_last_dimension_is_covered():
    x = np.ones((2, 3), np.float32)
    assert cpu.softmax(x, 0) is cpu.log_softmax(x, 0) is NotImplemented
    assert cpu.softmax(x, 1) is not NotImplemented


def test_extreme_logits():
    inf, nan = np.inf, np.nan
    rows = [[1e30, 0, -1e30], [-inf, 0, 0], [-100, -300, 0], [nan, 0, 0], [inf, 0, 0], [-inf] * 3]
    x = np.array(rows, np.float32)
    got = cpu.softmax(x)
    np.testing.assert_allclose(got[:3], [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]], atol=1e-37)
    assert np.isnan(got[3:]).all()
    assert np.isneginf(cpu.log_softmax(x)[1, 0]) and np.isnan(cpu.log_softmax(x)[3:]).all()


def test_the_exponential_is_accurate_over_its_whole_range():
    x = np.linspace(-87, 0, 4001).astype(np.float32)
    pairs = np.stack([x, np.zeros_like(x)], -1)  # softmax = e^x / (e^x + 1)
    exact = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(cpu.softmax(pairs)[:, 0], exact / (exact + 1), rtol=5e-7)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("rows, classes", [(64, 10), (1, 1), (3, 17), (1500, 8), (0, 5)])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_cross_entropy_and_gradient(rows, classes, reduction, ignored, threads, rng):
    x = (5 * rng.standard_normal((rows, classes))).astype(np.float32)
    target = rng.integers(0, classes, rows)
    g = rng.standard_normal(rows if reduction == "none" else ()).astype(np.float32)
    kept = target != ignored
    losses = np.where(kept, -reference_log_softmax(x)[np.arange(rows), target], 0.0)
    count = kept.sum()
    with np.errstate(invalid="ignore"):
        mean = losses.sum() / count if count else np.nan
        exact = {"none": losses, "sum": losses.sum(), "mean": mean}[reduction]
        scale = np.broadcast_to(g / count if reduction == "mean" and count else g, rows)
    dx = np.where(kept[:, None], scale[:, None] * (reference_softmax(x) - np.eye(classes)[target]), 0.0)
    got = cpu.cross_entropy(x, target, ignored, reduction)
    assert got.dtype == np.float32 and got.shape == np.shape(exact)
    np.testing.assert_allclose(got, exact, rtol=3e-6, atol=3e-6)
    got_dx = cpu.cross_entropy_grad(g, x, target, ignored, reduction)
    np.testing.assert_allclose(got_dx, dx, rtol=1e-5, atol=3e-6)


def test_targets_that_must_raise_are_left_to_the_definition():
    x = np.zeros((2, 3), np.float32)
    for target in ([0, 3], [-1, 0]):
        assert cpu.cross_entropy(x, np.array(target)) is NotImplemented
        assert cpu.cross_entropy_grad(np.ones((), np.float32), x, np.array(target)) is NotImplemented
    good = np.zeros(2, np.int64)
    assert cpu.cross_entropy(x, good.astype(np.int32)) is NotImplemented
    assert cpu.cross_entropy(x, good[:1]) is NotImplemented
    assert cpu.cross_entropy(x, good, reduction="median") is NotImplemented
    assert cpu.cross_entropy_grad(np.ones(3, np.float32), x, good) is NotImplemented


@pytest.mark.parametrize("size", [0, 1, 7, 8, 100_003])
def test_relu_and_gradient(size, threads, rng):
    x, g = rng.standard_normal((2, size), np.float32)
    x[:3] = np.array([0.0, -0.0, np.nan], np.float32)[: x[:3].size]
    out = cpu.relu(x)
    np.testing.assert_array_equal(out, np.maximum(x, 0))
    np.testing.assert_array_equal(cpu.relu_grad(g, out), np.where(out <= 0, 0, g))


def test_activations_keep_shapes_and_decline_strides(rng):
    x = rng.standard_normal((4, 5, 6), np.float32)
    assert cpu.relu(x).shape == (4, 5, 6) and cpu.relu(x[0, 0, 0:1].reshape(())).shape == ()
    assert cpu.relu(x[:, ::2]) is cpu.relu(x.T) is cpu.relu(1.0) is NotImplemented
    assert cpu.relu_grad(x, x[0]) is NotImplemented
