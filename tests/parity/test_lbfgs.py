"""L-BFGS beside PyTorch's: losses, parameters and counts, with and without a line search."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def bowl(x):
    return ((x - 1) ** 2 * (1 + abs(x))).sum() + (x[0] * x[1]) ** 2


def wavy(x):
    return (x**2).sum() * 0.1 + (3 * x).sin().sum()


OPTIONS = {
    "plain": {"lr": 0.1, "max_iter": 8},
    "short memory": {"lr": 0.5, "max_iter": 12, "history_size": 2},
    "search": {"line_search_fn": "strong_wolfe"},
    "long first step": {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 6},
    "short first step": {"line_search_fn": "strong_wolfe", "lr": 0.02, "max_eval": 9},
}


@pytest.mark.filterwarnings("ignore:Converting a tensor")
@pytest.mark.parametrize("function", [rosenbrock, bowl, wavy], ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", OPTIONS)
def test_steps(case, function):
    def run(lib):
        start = np.array([-0.8, 1.3, 0.4, -0.1])
        parts = [lib.tensor(start[:3], requires_grad=True), lib.tensor(start[3:], requires_grad=True)]
        optimizer = lib.optim.LBFGS(parts, **OPTIONS[case])

        def closure():
            optimizer.zero_grad()
            loss = function(lib.cat(parts))
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(4)]
        state = optimizer.state[parts[0]]
        values = np.concatenate([p.detach().numpy() for p in parts])
        return (
            losses,
            values,
            state["func_evals"],
            state["n_iter"],
            list(optimizer.state_dict()["param_groups"]),
        )

    ours, theirs = run(facula), run(torch)
    assert ours[2:] == theirs[2:]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6, atol=1e-9)


def test_errors():
    def run(lib):
        seen = []
        for call in (
            lambda: lib.optim.LBFGS([{"params": [lib.zeros(1)]}, {"params": [lib.ones(1)]}]),
            lambda: lib.optim.LBFGS([lib.zeros(1)], lr=-1),
            lambda: lib.optim.LBFGS([lib.zeros(1)], lr=lib.ones(2)),
        ):
            with pytest.raises(ValueError) as caught:
                call()
            seen.append(str(caught.value))
        return seen

    assert run(facula) == run(torch)
