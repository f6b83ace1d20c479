"""Containers: what the comparison with PyTorch does not cover."""

from __future__ import annotations

import pytest

import facula
from facula import nn


def test_sequential_runs_in_order():
    double = nn.Linear(1, 1, bias=False)
    with facula.no_grad():
        double.weight.fill_(2)
    assert nn.Sequential(double, nn.ReLU(), double)(facula.tensor([[3.0]])).item() == 12
    assert nn.Sequential()(5) == 5


def test_slices_share_modules_and_keep_subclasses():
    class Chain(nn.Sequential):
        pass

    model = Chain(nn.ReLU(), nn.Tanh())
    assert type(model[:1]) is Chain and model[:1][0] is model[0]


def test_numbers_close_up_after_a_deletion():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    del model[1]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
    del layers[0:2]
    assert repr(layers) == "ModuleList(\n  (0): Sigmoid()\n)"


def test_lists_register_parameters():
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(2))
    assert [n for n, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert layers[-1] in layers and len(layers) == 2


def test_parameter_containers_are_trained_and_converted():
    p = nn.ParameterDict({"a": facula.ones(2)})
    p["a"].sum().backward()
    assert p["a"].grad.tolist() == [1, 1]
    assert p.double()["a"].dtype is facula.float64
    q = nn.ParameterList([facula.ones(2), "text"])
    assert [type(x) for x in q] == [nn.Parameter, str]


def test_bad_pairs():
    with pytest.raises(TypeError, match="#0 should be Iterable"):
        nn.ModuleDict([3])
    with pytest.raises(ValueError, match="has length 3"):
        nn.ModuleDict([(1, 2, 3)])
    with pytest.raises(TypeError, match="string"):
        nn.ParameterDict({3: 1})
