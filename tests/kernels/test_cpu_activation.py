"""Activations of facula.kernels.cpu against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from facula.kernels import cpu

pytestmark = pytest.mark.usefixtures("isa")


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
