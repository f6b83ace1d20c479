"""Parameters as a vector."""

from __future__ import annotations

import pytest

import facula
from facula import nn


def test_round_trip():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = nn.utils.parameters_to_vector(model.parameters()).detach()
    assert vector.shape == (13,)
    nn.utils.vector_to_parameters(vector * 2, model.parameters())
    assert facula.equal(nn.utils.parameters_to_vector(model.parameters()), vector * 2)
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in model.parameters())


def test_gradients_flow_through_the_vector():
    p = nn.Parameter(facula.ones(2, 2))
    (nn.utils.parameters_to_vector([p]) * facula.arange(4.0)).sum().backward()
    assert p.grad.tolist() == [[0, 1], [2, 3]]


def test_too_short():
    with pytest.raises(RuntimeError):
        nn.utils.vector_to_parameters(facula.ones(3), [nn.Parameter(facula.ones(2, 2))])
    with pytest.raises(TypeError, match="Tensor"):
        nn.utils.vector_to_parameters([1.0], [])
