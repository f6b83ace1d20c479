"""Initial values: their distributions (the draws themselves are compared with PyTorch's)."""

from __future__ import annotations

import math

import numpy as np
import pytest

import facula
from facula.nn import init


@pytest.fixture(autouse=True)
def seeded():
    facula.manual_seed(0)


@pytest.mark.parametrize(
    ("fill", "variance"),
    [
        (lambda w: init.xavier_uniform_(w, gain=2.0), 4 * 2 / (80 + 120)),
        (lambda w: init.xavier_normal_(w), 2 / (80 + 120)),
        (lambda w: init.kaiming_uniform_(w, nonlinearity="relu"), 2 / 120),
        (lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="linear"), 1 / 80),
        (lambda w: init.normal_(w, 0, 3.0), 9.0),
        (lambda w: init.uniform_(w, -3.0, 3.0), 3.0),
    ],
)
def test_variance(fill, variance):
    w = fill(facula.empty(80, 120)).numpy()
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)
    assert w.var() == pytest.approx(variance, rel=0.06)


def test_truncated_normal_has_the_right_shape():
    """The Kolmogorov-Smirnov distance; 2.0 / sqrt(n) is exceeded by chance once in 1500 runs."""

    def phi(x):
        return (1 + math.erf(x / math.sqrt(2))) / 2

    for a, b in ((-2.0, 2.0), (-0.2, 0.1), (1.0, 2.0)):
        sample = np.sort(init.trunc_normal_(facula.empty(4000), a=a, b=b).numpy())
        assert sample[0] >= a and sample[-1] <= b
        expected = np.array([(phi(x) - phi(a)) / (phi(b) - phi(a)) for x in sample.tolist()])
        assert np.abs(expected - np.arange(1, 4001) / 4000).max() < 2.0 / math.sqrt(4000)


def test_orthogonal():
    for shape in ((5, 3), (3, 5), (4, 2, 3)):
        w = init.orthogonal_(facula.empty(*shape), gain=2.0).reshape(shape[0], -1).numpy()
        small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_dirac_hands_channels_through():
    x = facula.rand(1, 2, 5)
    w = init.dirac_(facula.empty(2, 2, 3))
    assert facula.equal(facula.nn.functional.conv1d(x, w, padding=1), x)


def test_generators_are_used():
    def draw(fill):
        return fill(facula.empty(9, 9), generator=facula.Generator().manual_seed(4)).tolist()

    before = facula.get_rng_state().tolist()
    for fill in (init.normal_, init.uniform_, init.trunc_normal_, init.xavier_normal_, init.kaiming_uniform_):
        assert draw(fill) == draw(fill)
    assert facula.get_rng_state().tolist() == before


def test_nothing_is_recorded():
    w = facula.empty(3, 3, requires_grad=True)
    for fill in (init.ones_, init.zeros_, init.eye_, init.orthogonal_, init.kaiming_normal_):
        assert fill(w).is_leaf
