"""Parameter and Buffer."""

from __future__ import annotations

import pickle

import pytest

import facula
from facula import nn


def test_a_parameter_shares_memory_and_version():
    data = facula.zeros(2)
    p = nn.Parameter(data)
    data.add_(1)
    assert p.tolist() == [1, 1] and p._version == data._version == 1
    assert p.is_leaf and p.requires_grad and not data.requires_grad


def test_a_parameter_of_a_result_is_a_leaf():
    p = nn.Parameter(facula.ones(2, requires_grad=True) * 2)
    assert p.is_leaf and p.grad_fn is None


def test_results_are_plain_tensors():
    p = nn.Parameter(facula.ones(2))
    for result in (p + 1, p.detach(), p.data, p.clone(), p[0], p.T):
        assert type(result) is facula.Tensor


def test_gradients_accumulate():
    p = nn.Parameter(facula.ones(2))
    for _ in range(2):
        (p * 3).sum().backward()
    assert p.grad.tolist() == [6, 6]


def test_integers_cannot_be_trained():
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(facula.zeros(2, dtype=facula.int64))
    assert not nn.Parameter(facula.zeros(2, dtype=facula.int64), requires_grad=False).requires_grad


def test_only_tensors():
    with pytest.raises(AttributeError, match="Tensor"):
        nn.Parameter([1.0])


def test_pickle():
    p = pickle.loads(pickle.dumps(nn.Parameter(facula.ones(2), requires_grad=False)))
    assert type(p) is nn.Parameter and p.tolist() == [1, 1] and not p.requires_grad


def test_buffers_are_marked_tensors():
    b = nn.Buffer(facula.ones(2), persistent=False)
    assert isinstance(b, nn.Buffer) and type(b) is facula.Tensor and not b.persistent
    assert not isinstance(facula.ones(2), nn.Buffer) and not isinstance(3, nn.Buffer)
