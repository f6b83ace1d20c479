"""RMSprop against its formula, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from facula import optim


@pytest.mark.parametrize("momentum", [0, 0.5])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop(run, start, grads, momentum, centered):
    p, v, a, b = start, 0.0, 0.0, 0.0
    for g in grads:
        g = g + 0.1 * p
        v = 0.7 * v + 0.3 * g * g
        a = 0.7 * a + 0.3 * g
        d = g / (np.sqrt(v - a * a if centered else v) + 1e-3)
        b = momentum * b + d
        p = p - 0.05 * b
    options = {"lr": 0.05, "alpha": 0.7, "eps": 1e-3, "weight_decay": 0.1}
    np.testing.assert_allclose(
        run(optim.RMSprop, momentum=momentum, centered=centered, **options), p, rtol=1e-11
    )
