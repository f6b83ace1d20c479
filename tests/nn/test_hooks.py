"""Hooks of modules: what the comparison with PyTorch does not cover."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest

import facula
from facula import nn


def test_a_handle_does_not_keep_the_module_alive():
    m = nn.ReLU()
    handle = m.register_forward_hook(lambda *_: None)
    reference = weakref.ref(m)
    del m
    gc.collect()
    assert reference() is None
    handle.remove()  # nothing left to remove, and no error


def test_handles_remove_their_own_hook_only():
    m = nn.Identity()
    first = m.register_forward_hook(lambda mod, args, out: out + 1)
    m.register_forward_hook(lambda mod, args, out: out * 10, prepend=True)
    x = facula.ones(1)
    assert m(x).item() == 11
    first.remove()
    first.remove()
    assert m(x).item() == 10


def test_a_hook_may_remove_itself_while_running():
    m = nn.Identity()
    seen = []
    handle = m.register_forward_hook(lambda *_: (seen.append(1), handle.remove())[-1])
    m(facula.ones(1))
    m(facula.ones(1))
    assert seen == [1]


def test_second_order_through_a_watched_module():
    m = nn.Tanh()
    calls = []
    m.register_full_backward_hook(lambda mod, gi, go: calls.append(1))
    x = facula.tensor([0.5], requires_grad=True)
    (g,) = facula.autograd.grad(m(x).sum(), x, create_graph=True)
    (h,) = facula.autograd.grad(g.sum(), x)
    t = facula.tensor([0.5]).tanh().item()
    assert g.item() == pytest.approx(1 - t * t) and h.item() == pytest.approx(-2 * t * (1 - t * t), rel=1e-5)
    assert calls


def test_no_watching_without_recording():
    m = nn.Tanh()
    m.register_full_backward_hook(lambda *_: pytest.fail("called"))
    with facula.no_grad():
        assert m(facula.ones(1, requires_grad=True)).grad_fn is None


def test_outputs_that_cannot_be_watched_warn():
    class Dict(nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    m = Dict()
    m.register_full_backward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="dict"):
        m(facula.ones(1, requires_grad=True))


def test_load_hooks_follow_a_copy():
    """A hook registered with its module gets the copy, not the original."""
    m = nn.Linear(1, 1)
    seen = []
    m.register_load_state_dict_pre_hook(lambda module, *_: seen.append(module))
    twin = copy.deepcopy(m)
    twin.load_state_dict(m.state_dict())
    assert seen == [twin]
