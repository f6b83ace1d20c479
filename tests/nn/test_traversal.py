"""Walking modules: what the comparison with PyTorch does not cover."""

from __future__ import annotations

import facula
from facula import nn


def test_deep_trees_are_walked_in_order():
    model = nn.Sequential(nn.Sequential(nn.Linear(1, 1)), nn.Linear(1, 1))
    assert [name for name, _ in model.named_modules()] == ["", "0", "0.0", "1"]
    assert [name for name, _ in model.named_parameters()] == ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]
    assert list(model.children()) == [model[0], model[1]]


def test_what_is_none_is_passed_over():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    model.add_module("none", None)
    model.register_buffer("absent", None)
    assert [name for name, _ in model.named_parameters()] == ["0.weight"]
    assert list(model.buffers()) == [] and len(list(model.modules())) == 3


def test_memo_leaves_out_what_was_seen():
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    assert [name for name, _ in model.named_modules(memo={model[0]})] == ["", "1"]


def test_buffers_by_name():
    model = nn.Sequential(nn.BatchNorm1d(2))
    assert [name for name, _ in model.named_buffers()] == [
        "0.running_mean",
        "0.running_var",
        "0.num_batches_tracked",
    ]
    assert facula.equal(model.get_buffer("0.running_var"), facula.ones(2))
