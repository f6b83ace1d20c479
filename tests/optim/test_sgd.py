"""SGD against its formula, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from facula import optim


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("maximize", [False, True])
def test_sgd(run, start, grads, nesterov, maximize):
    p, b = start, None
    for g in grads:
        g = (-g if maximize else g) + 0.1 * p
        b = g if b is None else 0.9 * b + g
        p = p - 0.05 * (g + 0.9 * b if nesterov else b)
    options = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1, "nesterov": nesterov, "maximize": maximize}
    np.testing.assert_allclose(run(optim.SGD, **options), p, rtol=1e-13)
