"""Adam and AdamW against their formula, in float64."""

from __future__ import annotations

import numpy as np
import pytest

import facula
from facula import optim


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
def test_adam(run, start, grads, amsgrad, decoupled):
    p, m, v, top = start, 0.0, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        if decoupled:
            p = p * (1 - 0.05 * 0.1)
        else:
            g = g + 0.1 * p
        m = 0.8 * m + 0.2 * g
        v = 0.9 * v + 0.1 * g * g
        top = np.maximum(top, v)
        p = p - 0.05 * (m / (1 - 0.8**t)) / (np.sqrt((top if amsgrad else v) / (1 - 0.9**t)) + 1e-3)
    kind = optim.AdamW if decoupled else optim.Adam
    options = {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": amsgrad}
    np.testing.assert_allclose(run(kind, **options), p, rtol=1e-12)


@pytest.mark.usefixtures("updates")
def test_a_group_of_several_dtypes():
    """No one kernel call covers it; each parameter is still updated in its own dtype."""
    mixed = [
        facula.ones(2, dtype=d, requires_grad=True) for d in (facula.float32, facula.float64, facula.float16)
    ]
    for w in mixed:
        w.grad = facula.ones_like(w).detach()
    optim.Adam(mixed, lr=0.25).step()
    assert [w.dtype for w in mixed] == [facula.float32, facula.float64, facula.float16]
    assert [w[0].item() for w in mixed] == pytest.approx([0.75] * 3)
