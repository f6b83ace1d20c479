"""Cyclic schedules beside PyTorch's: every learning rate and momentum, and the saved state."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is

CASES = {
    "restarts": ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    "longer restarts": ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 3, "eta_min": 0.01}),
    "triangular": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "step_size_down": 2}),
    "triangular2": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2, "mode": "triangular2"}),
    "range": (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2, "mode": "exp_range", "gamma": 0.9},
    ),
    "lists": ("CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 4}),
}


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("case", CASES)
def test_schedule(case, optimizer):
    name, options = CASES[case]

    def run(lib):
        groups = [{"params": [lib.zeros(1)]}, {"params": [lib.zeros(1)], "lr": 0.5}]
        extra = {"momentum": 0.9} if optimizer == "SGD" else {}
        made = getattr(lib.optim, optimizer)(groups, lr=0.1, **extra)
        schedule = getattr(lib.optim.lr_scheduler, name)(made, **options)
        seen = []
        for _ in range(12):
            seen.append([(g["lr"], g.get("momentum"), g.get("betas")) for g in made.param_groups])
            made.step()
            schedule.step()
        return seen, schedule.state_dict()

    assert run(facula) == run(torch)


def test_fractions_of_epochs():
    def run(lib):
        schedule = lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            lib.optim.SGD([lib.zeros(1)], lr=0.1), 3, 2
        )
        seen = []
        for epoch in (0, 0.5, 1.5, 3, 4.2, 9, 10):
            schedule.step(epoch)
            seen.append((schedule.get_last_lr(), schedule.T_cur, schedule.T_i, schedule.last_epoch))
        return seen

    assert run(facula) == run(torch)
