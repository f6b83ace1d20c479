"""L-BFGS: it finds minima, goes on from a saved state, and refuses what it cannot do."""

import copy

import pytest

import facula
from facula.optim import LBFGS


def valley(w):
    """Rosenbrock's function: least, 0, at (1, 1)."""
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def closure_of(w, optimizer, function=valley):
    def closure():
        optimizer.zero_grad()
        loss = function(w)
        loss.backward()
        return loss

    return closure


def test_a_curved_valley():
    w = facula.tensor([-1.0, 2.0], dtype=facula.float64, requires_grad=True)
    optimizer = LBFGS([w], line_search_fn="strong_wolfe", max_iter=100)
    first = optimizer.step(closure_of(w, optimizer))
    assert first.item() == 104.0  # the loss before the first iteration
    assert w.tolist() == pytest.approx([1.0, 1.0], abs=1e-5)


def test_a_parabola_without_line_search():
    w = facula.tensor([3.0, -2.0], requires_grad=True)
    optimizer = LBFGS([w])
    optimizer.step(closure_of(w, optimizer, lambda w: (w * w).sum() * 0.5))
    assert w.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_parameter_without_gradient_stays():
    w, other = facula.tensor([3.0], requires_grad=True), facula.tensor([5.0], requires_grad=True)
    optimizer = LBFGS([w, other])
    optimizer.step(closure_of(w, optimizer, lambda w: (w * w).sum()))
    assert abs(w.item()) < 1e-5 and other.item() == 5.0


def test_at_a_minimum_nothing_moves():
    w = facula.tensor([1.0, 1.0], requires_grad=True)
    optimizer = LBFGS([w])
    optimizer.step(closure_of(w, optimizer))
    assert w.tolist() == [1.0, 1.0] and optimizer.state[w] == {"func_evals": 1, "n_iter": 0}


def test_saved_state_goes_on():
    w = facula.tensor([-1.0, 2.0], dtype=facula.float64, requires_grad=True)
    optimizer = LBFGS([w], max_iter=4, lr=0.1)
    optimizer.step(closure_of(w, optimizer))
    v = w.detach().clone().requires_grad_()
    other = LBFGS([v])
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    optimizer.step(closure_of(w, optimizer))
    other.step(closure_of(v, other))
    assert w.tolist() == v.tolist()


def test_limit_of_evaluations():
    w = facula.tensor([-1.0, 2.0], requires_grad=True)
    optimizer = LBFGS([w], max_iter=50, max_eval=5, line_search_fn="strong_wolfe")
    optimizer.step(closure_of(w, optimizer))
    assert optimizer.state[w]["func_evals"] <= 6


def test_errors():
    w = facula.zeros(1, requires_grad=True)
    with pytest.raises(ValueError):
        LBFGS([{"params": [w]}, {"params": [facula.zeros(1)]}])
    with pytest.raises(ValueError):
        LBFGS([w], lr=-1.0)
    optimizer = LBFGS([w], line_search_fn="armijo")
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        optimizer.step(closure_of(w, optimizer))
