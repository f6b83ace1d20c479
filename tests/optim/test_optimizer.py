"""What all optimizers share (numbers and messages are compared with PyTorch's in tests/parity)."""

from __future__ import annotations

import copy
import pickle

import pytest

import facula
from facula import nn, optim

ALL = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad]
everyone = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)


def quadratic(kind, steps=300, **options):
    """Minimise (w - target)^2 from 0."""
    target = facula.tensor([1.0, -0.5])
    w = facula.zeros(2, requires_grad=True)
    optimizer = kind([w], **options)
    for _ in range(steps):
        optimizer.zero_grad()
        ((w - target) ** 2).sum().backward()
        optimizer.step()
    return (w - target).abs().max().item()


@pytest.mark.usefixtures("updates")
@everyone
def test_finds_a_minimum(kind):
    options = {"lr": 0.5} if kind is optim.Adagrad else {"lr": 0.02}
    if kind is optim.AdamW:
        options["weight_decay"] = 0.0
    assert quadratic(kind, **options) < 0.02


@pytest.mark.usefixtures("updates")
@everyone
def test_a_step_is_a_change_that_autograd_sees(kind):
    """A graph that kept the old weights must not be used after the step."""
    w = facula.ones(2, requires_grad=True)
    optimizer = kind([w])
    loss = (w * w).sum()
    w.grad = facula.ones(2)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@everyone
def test_memory_is_stable(kind):
    """Parameters and state keep their memory, which views and recorders rely on."""
    w = facula.ones(2, requires_grad=True)
    optimizer = kind([w])
    w.grad = facula.ones(2)
    optimizer.step()
    addresses = [w.data_ptr(), *(t.data_ptr() for t in optimizer.state[w].values())]
    optimizer.step()
    assert addresses == [w.data_ptr(), *(t.data_ptr() for t in optimizer.state[w].values())]
    assert not any(t.requires_grad for t in optimizer.state[w].values())


@everyone
def test_differentiable_is_refused(kind):
    with pytest.raises(NotImplementedError, match="differentiable"):
        kind([facula.ones(1)], differentiable=True)


@pytest.mark.parametrize("kind", ALL[1:], ids=lambda kind: kind.__name__)
def test_complex_parameters_are_refused(kind):
    w = facula.ones(1, dtype=facula.complex64, requires_grad=True)
    w.grad = facula.ones(1, dtype=facula.complex64)
    with pytest.raises(NotImplementedError, match="complex"):
        kind([w]).step()


def test_capturable_changes_nothing():
    assert quadratic(optim.Adam, steps=5, capturable=True) == quadratic(optim.Adam, steps=5)


@everyone
def test_pickle_and_copy_continue_alike(kind):
    w = facula.ones(2, requires_grad=True)
    optimizer = kind([w], lr=0.1)
    w.grad = facula.ones(2)
    optimizer.step()
    twins = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    optimizer.step()
    for twin in twins:
        (v,) = twin.param_groups[0]["params"]
        v.grad = facula.ones(2)
        twin.step()
        assert v.tolist() == w.tolist()


def test_no_gradient_no_step():
    used, unused = facula.ones(1, requires_grad=True), facula.ones(1, requires_grad=True)
    optimizer = optim.Adam([used, unused])
    used.grad = facula.ones(1)
    optimizer.step()
    assert unused.item() == 1 and unused not in optimizer.state
    optim.SGD([unused]).step()  # a whole group without gradients


def test_zero_grad():
    w = facula.ones(1, requires_grad=True)
    optimizer = optim.SGD([w])
    with pytest.warns(UserWarning, match="create_graph=True"):
        (w * w).sum().backward(create_graph=True)
    grad = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is grad and grad.item() == 0 and grad.grad_fn is None and not grad.requires_grad
    optimizer.zero_grad()
    assert w.grad is None


def test_groups_have_options_of_their_own():
    a, b = facula.ones(1, requires_grad=True), facula.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": a, "lr": 0.5}, {"params": [b]}], lr=0.25)
    a.grad = b.grad = facula.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (0.5, 0.75)


def test_required_options():
    class Strict(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": optim.optimizer.required})

    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Strict([facula.ones(1)])
    assert Strict([{"params": facula.ones(1), "lr": 1}]).param_groups[0]["lr"] == 1


def test_own_optimizers_have_hooks():
    class Mine(optim.Optimizer):
        def step(self):
            return "result"

    seen = []
    optimizer = Mine([facula.ones(1)], {})
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    assert optimizer.step() == "result" and Mine([facula.ones(1)], {}).step() == "result"
    assert seen == ["after"]


def test_pre_hooks_may_change_the_arguments():
    class Mine(optim.Optimizer):
        def step(self, value=0):
            return value

    optimizer = Mine([facula.ones(1)], {})
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"value": 5}))
    assert optimizer.step() == 5
    handle.remove()
    assert optimizer.step() == 0
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_state_hooks():
    optimizer = optim.SGD([facula.ones(1)], lr=0.5)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("collect"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(
        lambda o, state: {k: v for k, v in state.items() if k != "more"}
    )
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    state = optimizer.state_dict()
    assert state["more"] == 1
    optimizer.load_state_dict(state)
    assert seen == ["collect", "loaded"]


def test_loading_leaves_the_argument_alone():
    w = facula.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5, momentum=0.9)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    optimizer.param_groups[0]["lr"] = 7
    assert state["param_groups"][0]["lr"] == 0.5 and state["param_groups"][0]["params"] == [0]
    assert optimizer.param_groups[0]["params"][0] is w


def test_duplicates_warn():
    w = facula.ones(1)
    with pytest.warns(UserWarning, match="duplicate"):
        optim.SGD([w, w])


def test_parameters_may_follow_the_model_to_another_dtype():
    layer = nn.Linear(1, 1)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer.half()
    layer.weight.grad = facula.ones(1, 1).half()
    before = layer.weight.item()
    optimizer.step()
    assert layer.weight.item() == pytest.approx(before - 0.1, abs=2e-3)


@pytest.mark.usefixtures("updates")
@everyone
def test_large_parameters_are_updated_like_small_ones(kind):
    """Large ones go through the definition in blocks."""
    facula.manual_seed(0)
    values, grads = facula.randn(3, 20000), facula.randn(3, 20000)
    whole = values.clone().requires_grad_()
    rows = [row.clone().requires_grad_() for row in values[:, :1000]]
    a, b = kind([whole], lr=0.1), kind(rows, lr=0.1)
    for _ in range(2):
        whole.grad = grads
        for row, grad in zip(rows, grads[:, :1000], strict=True):
            row.grad = grad.clone()
        a.step()
        b.step()
    assert facula.allclose(whole[:, :1000], facula.stack(rows), rtol=1e-6)
    assert not facula.equal(whole[:, -1000:], values[:, -1000:])
