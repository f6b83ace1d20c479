"""Saving and loading a module's state: what the comparison with PyTorch does not cover."""

from __future__ import annotations

import pytest

import facula
from facula import nn


def test_entries_share_memory_with_the_module():
    layer = nn.Linear(1, 1)
    state = layer.state_dict()
    with facula.no_grad():
        layer.weight.fill_(7)
    assert state["weight"].item() == 7 and not state["weight"].requires_grad
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_a_failed_load_still_loads_what_fits_and_keeps_the_argument():
    layer = nn.Linear(1, 1)
    state = {"weight": facula.full((1, 1), 5.0), "bias": facula.zeros(3), "more": 1}
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\) in state_dict: \"more\"") as caught:
        layer.load_state_dict(state)
    assert "size mismatch for bias" in str(caught.value)
    assert layer.weight.item() == 5 and list(state) == ["weight", "bias", "more"]


def test_values_are_converted_to_the_modules_dtype():
    layer = nn.Linear(1, 1)
    layer.load_state_dict({"weight": facula.ones(1, 1, dtype=facula.float64), "bias": facula.ones(1).half()})
    assert layer.weight.dtype is facula.float32 and layer.weight.item() == 1


def test_destination_collects_several_modules():
    state = nn.Linear(1, 1).state_dict(prefix="a.")
    nn.Linear(1, 1).state_dict(destination=state, prefix="b.")
    assert list(state) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert state._metadata == {"a": {"version": 1}, "b": {"version": 1}}


def test_public_post_hooks_must_not_return():
    layer = nn.ReLU()
    layer.register_state_dict_post_hook(lambda *_: {})
    with pytest.raises(RuntimeError, match="must return None"):
        layer.state_dict()


def test_extra_state_needs_both_methods():
    with pytest.raises(RuntimeError, match="get_extra_state"):
        nn.ReLU().get_extra_state()
    with pytest.raises(RuntimeError, match="set_extra_state"):
        nn.ReLU().set_extra_state(1)
