"""Adagrad against its formula, in float64."""

from __future__ import annotations

import numpy as np

from facula import optim


def test_adagrad(run, start, grads):
    p, s = start, 0.5
    for t, g in enumerate(grads):
        g = g + 0.1 * p
        s = s + g * g
        p = p - 0.05 / (1 + t * 0.2) * g / (np.sqrt(s) + 1e-3)
    options = {"lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}
    np.testing.assert_allclose(run(optim.Adagrad, lr=0.05, **options), p, rtol=1e-12)
