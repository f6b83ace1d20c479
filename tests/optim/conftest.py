"""Both ways of updating, and a run of a few steps that the formulas are held against."""

from __future__ import annotations

import numpy as np
import pytest

import facula
from facula.kernels import cpu

GRADS = np.random.default_rng(0).standard_normal((6, 5))
START = np.random.default_rng(1).standard_normal(5)


@pytest.fixture(params=[True, False], ids=["kernels", "definition"])
def updates(request, monkeypatch):
    """Use the compiled update, or only the definition beside it."""
    if request.param and cpu.native is None:
        pytest.skip("no compiled kernels")
    if not request.param:
        monkeypatch.setattr(cpu, "native", None)


@pytest.fixture
def start():
    """The parameter's first value, float64."""
    return START.copy()


@pytest.fixture
def grads():
    """The gradient at each step, float64."""
    return GRADS


@pytest.fixture
def run(start, grads, updates):
    """A function that takes the steps with an optimizer and gives the parameter."""

    def steps(kind, **options):
        w = facula.from_numpy(start.copy()).requires_grad_()
        optimizer = kind([w], **options)
        for g in grads:
            w.grad = facula.from_numpy(g.copy())
            optimizer.step()
        return w.detach().numpy()

    return steps
