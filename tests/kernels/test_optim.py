"""Optimizer steps of facula.kernels.optim against the formulas in NumPy float64."""

from __future__ import annotations

import numpy as np
import pytest

from facula.kernels import optim

pytestmark = pytest.mark.usefixtures("isa")

SHAPES = [(7,), (3, 5), (), (0, 2), (40_001,)]
SGD_DEFAULTS = {
    "momentum": 0.0,
    "dampening": 0.0,
    "weight_decay": 0.0,
    "nesterov": False,
    "maximize": False,
}
SGD = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.8, "weight_decay": 0.05, "maximize": True},
    {"weight_decay": 0.1},
]
ADAM_DEFAULTS = {
    "beta1": 0.9,
    "beta2": 0.99,
    "weight_decay": 0.0,
    "decoupled_weight_decay": False,
    "maximize": False,
}
ADAM = [
    {},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "decoupled_weight_decay": True},
    {"maximize": True, "amsgrad": True},
    {"beta1": 0.4, "beta2": 0.7},
]


RMSPROP = [
    {},
    {"weight_decay": 0.1, "maximize": True},
    {"momentum": 0.9},
    {"centered": True},
    {"centered": True, "momentum": 0.5, "weight_decay": 0.1},
    {"alpha": 0.3, "centered": True},
]


def arrays(rng, dtype):
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def exact(lists):
    return [[np.array(a, np.float64) for a in one] for one in lists]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", SGD, ids=str)
def test_sgd(options, dtype, threads, rng):
    params, lr = arrays(rng, dtype), 0.03
    o = SGD_DEFAULTS | options
    buffers = [np.full_like(p, np.nan) for p in params] if o["momentum"] else None
    (values,), held = exact([params]), [None] * len(params)
    for step in range(3):
        grads = arrays(rng, dtype)
        assert optim.sgd_step(params, grads, buffers, first=step == 0, lr=lr, **options) is None
        for i, g in enumerate(grads):
            d = (-1.0 if o["maximize"] else 1.0) * g.astype(np.float64) + o["weight_decay"] * values[i]
            if o["momentum"]:
                held[i] = d if step == 0 else o["momentum"] * held[i] + (1 - o["dampening"]) * d
                d = d + o["momentum"] * held[i] if o["nesterov"] else held[i]
            values[i] = values[i] - lr * d
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    for got, value in zip(params, values, strict=True):
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance)
    if buffers:
        for got, value in zip(buffers, held, strict=True):
            np.testing.assert_allclose(got, value, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", ADAM, ids=str)
def test_adam(options, dtype, threads, rng):
    o = ADAM_DEFAULTS | options
    amsgrad, lr, eps = o.pop("amsgrad", False), 0.01, 1e-8
    params = arrays(rng, dtype)
    means, squares, most = ([np.zeros_like(p) for p in params] for _ in range(3))
    (values,) = exact([params])
    m, s, x = ([np.zeros_like(v) for v in values] for _ in range(3))
    for step in range(1, 4):
        grads = arrays(rng, dtype)
        largest, steps = most if amsgrad else None, [step] * len(params)
        assert optim.adam_step(params, grads, means, squares, largest, steps, lr=lr, eps=eps, **o) is None
        for i, g in enumerate(grads):
            g = (-1.0 if o["maximize"] else 1.0) * g.astype(np.float64)
            if o["decoupled_weight_decay"]:
                values[i] = values[i] * (1 - lr * o["weight_decay"])
            else:
                g = g + o["weight_decay"] * values[i]
            m[i] = o["beta1"] * m[i] + (1 - o["beta1"]) * g
            s[i] = o["beta2"] * s[i] + (1 - o["beta2"]) * g * g
            x[i] = np.maximum(x[i], s[i])
            root = np.sqrt((x[i] if amsgrad else s[i]) / (1 - o["beta2"] ** step))
            values[i] = values[i] - lr * m[i] / (1 - o["beta1"] ** step) / (root + eps)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    for got, value in zip(params, values, strict=True):
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance)
    for got, value in zip(squares, s, strict=True):
        np.testing.assert_allclose(got, value, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", RMSPROP, ids=str)
def test_rmsprop(options, dtype, threads, rng):
    o = {"alpha": 0.9, "momentum": 0.0, "weight_decay": 0.0, "maximize": False} | options
    centered, lr, eps = o.pop("centered", False), 0.01, 1e-8
    params = arrays(rng, dtype)
    squares, buffers, averages = ([np.zeros_like(p) for p in params] for _ in range(3))
    (values,) = exact([params])
    s, b, a = ([np.zeros_like(v) for v in values] for _ in range(3))
    for _ in range(3):
        grads = arrays(rng, dtype)
        extra = buffers if o["momentum"] else None, averages if centered else None
        assert optim.rmsprop_step(params, grads, squares, *extra, lr=lr, eps=eps, **o) is None
        for i, g in enumerate(grads):
            g = (-1.0 if o["maximize"] else 1.0) * g.astype(np.float64) + o["weight_decay"] * values[i]
            s[i] = o["alpha"] * s[i] + (1 - o["alpha"]) * g * g
            a[i] = o["alpha"] * a[i] + (1 - o["alpha"]) * g
            b[i] = o["momentum"] * b[i] + g / (np.sqrt(s[i] - a[i] ** 2 if centered else s[i]) + eps)
            values[i] = values[i] - lr * b[i]
    tolerance = 3e-6 if dtype == np.float32 else 1e-13
    for got, value in zip(params, values, strict=True):
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance)
    for got, value in zip(squares, s, strict=True):
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "maximize": True}], ids=str)
def test_adagrad(options, dtype, threads, rng):
    o = {"weight_decay": 0.0, "maximize": False} | options
    params = arrays(rng, dtype)
    sums = [np.zeros_like(p) for p in params]
    (values,) = exact([params])
    s = [np.zeros_like(v) for v in values]
    for step in range(3):
        grads, rates = arrays(rng, dtype), [0.1 / (1 + step * i) for i in range(len(params))]
        assert optim.adagrad_step(params, grads, sums, rates, eps=1e-8, **o) is None
        for i, g in enumerate(grads):
            g = (-1.0 if o["maximize"] else 1.0) * g.astype(np.float64) + o["weight_decay"] * values[i]
            s[i] = s[i] + g * g
            values[i] = values[i] - rates[i] * g / (np.sqrt(s[i]) + 1e-8)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    for got, value in zip(params, values, strict=True):
        np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance)
    assert optim.adagrad_step(params, grads, sums, rates[1:], eps=1e-8) is NotImplemented
    assert optim.rmsprop_step(params, grads, sums[1:], None, None, lr=1, alpha=0, eps=0) is NotImplemented


def test_an_amsgrad_maximum_that_is_not_a_number_stays(rng):
    p, g, m, s = (np.ones(1, np.float32) for _ in range(4))
    most = np.array([np.nan], np.float32)
    optim.adam_step([p], [g], [m], [s], [most], [1], lr=0.1, beta1=0.9, beta2=0.9, eps=1e-8)
    assert np.isnan(most[0]) and np.isnan(p[0])


def test_a_step_that_is_declined_changes_nothing():
    good, fixed = np.ones(3, np.float32), np.ones(3, np.float32)
    fixed.flags.writeable = False
    lists = [
        ([good, fixed], [good, good]),
        ([good, good], [good, good[:2]]),
        ([good, good], [good]),
        ([good, good.astype(np.float64)], [good, good]),
        ([good, np.ones(6, np.float32)[::2]], [good, good]),
        ([good, [1.0, 2.0, 3.0]], [good, good]),
    ]
    for params, grads in lists:
        assert optim.sgd_step(params, grads, None, first=True, lr=0.5) is NotImplemented
        assert (good == 1).all()
    # buffers, but no momentum:
    assert optim.sgd_step([good], [good], [good], first=True, lr=0.5) is NotImplemented
    assert optim.sgd_step([], [], None, first=True, lr=0.5) is None
