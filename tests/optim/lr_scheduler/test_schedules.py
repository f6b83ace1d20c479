"""Schedules: the closed forms, and what the comparison with PyTorch does not cover."""

from __future__ import annotations

import math

import pytest

import facula
from facula import optim
from facula.optim import lr_scheduler as schedules


def sgd(lr=0.5, **options):
    return optim.SGD([facula.zeros(1)], lr=lr, **options)


def curve(make, steps=9):
    optimizer = sgd()
    schedule = make(optimizer)
    result = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        result.append(optimizer.param_groups[0]["lr"])
    return result


FORMULAS = {
    "step": (lambda o: schedules.StepLR(o, 3, 0.5), lambda t: 0.5 * 0.5 ** (t // 3)),
    "steps": (lambda o: schedules.MultiStepLR(o, [2, 5], 0.1), lambda t: 0.5 * 0.1 ** ((t >= 2) + (t >= 5))),
    "exponential": (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.5 * 0.9**t),
    "cosine": (
        lambda o: schedules.CosineAnnealingLR(o, 4, 0.1),
        lambda t: 0.1 + 0.2 * (1 + math.cos(math.pi * t / 4)),
    ),
    "linear": (lambda o: schedules.LinearLR(o, 0.2, 1.0, 4), lambda t: 0.5 * (0.2 + 0.8 * min(t, 4) / 4)),
    "constant": (lambda o: schedules.ConstantLR(o, 0.2, 4), lambda t: 0.5 * (0.2 if t < 4 else 1)),
    "polynomial": (lambda o: schedules.PolynomialLR(o, 5, 2.0), lambda t: 0.5 * (1 - min(t, 5) / 5) ** 2),
    "lambda": (lambda o: schedules.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 0.5 / (1 + t)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    make, formula = FORMULAS[name]
    assert curve(make) == pytest.approx([formula(t) for t in range(10)], abs=1e-12)


def test_one_cycle_rises_and_falls():
    rates = curve(lambda o: schedules.OneCycleLR(o, 1.0, 10, cycle_momentum=False, pct_start=0.4))
    assert rates[0] == pytest.approx(1 / 25) and max(rates) == rates[3] == pytest.approx(1.0)
    assert rates[9] == pytest.approx(1 / 25 / 1e4)
    assert rates[:4] == sorted(rates[:4]) and rates[3:] == sorted(rates[3:], reverse=True)


def test_one_cycle_ends():
    optimizer = sgd(momentum=0.9)
    schedule = schedules.OneCycleLR(optimizer, 1.0, 2)
    with pytest.raises(ValueError, match="total steps is 2"):
        for _ in range(4):
            optimizer.step()
            schedule.step()
    with pytest.raises(ValueError, match="momentum"):
        schedules.OneCycleLR(optim.Adagrad([facula.zeros(1)]), 1.0, 2)


def test_tensor_rates_keep_their_memory():
    rate = facula.tensor(0.5)
    optimizer = sgd(lr=rate)
    schedule = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25
    assert schedule.base_lrs[0].item() == 0.5


def test_resuming_needs_the_first_rates():
    with pytest.raises(KeyError, match="initial_lr"):
        schedules.StepLR(sgd(), 3, last_epoch=4)
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 0.5
    schedule = schedules.LambdaLR(optimizer, lambda t: 1 / (1 + t), last_epoch=3)
    assert schedule.get_last_lr() == [0.1]


def test_callable_objects_are_saved():
    class Factor:
        def __init__(self):
            self.power = 1

        def __call__(self, step):
            return 0.5 ** (self.power * step)

    first, second = Factor(), Factor()
    first.power = 2
    a, b = schedules.LambdaLR(sgd(), first), schedules.LambdaLR(sgd(), second)
    b.load_state_dict(a.state_dict())
    assert second.power == 2


def test_combinations_check_their_parts():
    one, other = sgd(), sgd()
    parts = [schedules.ExponentialLR(one, 0.9), schedules.ExponentialLR(other, 0.9)]
    with pytest.raises(ValueError, match="same optimizer"):
        schedules.SequentialLR(one, parts, [3])
    with pytest.raises(ValueError, match="same optimizer"):
        schedules.ChainedScheduler(parts)
    with pytest.raises(ValueError, match="at least one"):
        schedules.ChainedScheduler([])


def test_plateau_after_a_new_group():
    optimizer = sgd()
    schedule = schedules.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    optimizer.add_param_group({"params": facula.zeros(1), "lr": 1.0})
    schedule.step(1.0)
    schedule.step(1.0)
    assert schedule.get_last_lr() == [0.25, 0.5]
    strict = schedules.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
    optimizer.add_param_group({"params": facula.zeros(1)})
    strict.step(1.0)
    with pytest.raises(RuntimeError, match="number of param groups"):
        strict.step(1.0)
