"""Schedules that go up and down: restarts, triangles, momentum, saved states."""

import math

import pytest

import facula
from facula.optim.lr_scheduler import CosineAnnealingWarmRestarts, CyclicLR


def sgd(lr=1.0, momentum=0.9):
    return facula.optim.SGD([facula.zeros(1)], lr=lr, momentum=momentum)


def rates(schedule, steps):
    seen = []
    for _ in range(steps):
        schedule.optimizer.step()
        schedule.step()
        seen.append(schedule.get_last_lr()[0])
    return seen


def test_restarts_come_later_and_later():
    schedule = CosineAnnealingWarmRestarts(sgd(), T_0=2, T_mult=2)
    half = (1 + math.cos(math.pi / 4)) / 2
    assert rates(schedule, 6) == pytest.approx([0.5, 1.0, half, 0.5, 1 - half, 1.0])


@pytest.mark.parametrize("mult", [1, 3])
def test_stepping_to_an_epoch_is_stepping_there(mult):
    walked, jumped = (CosineAnnealingWarmRestarts(sgd(), 2, mult, eta_min=0.1) for _ in range(2))
    for epoch, rate in enumerate(rates(walked, 12), 1):
        jumped.step(epoch)
        assert jumped.get_last_lr()[0] == pytest.approx(rate)
        assert jumped.last_epoch == epoch
    with pytest.raises(ValueError):
        jumped.step(-1)


@pytest.mark.parametrize("arguments", [(0,), (2, 0), (2, 1, "a"), (1.5,)])
def test_restart_arguments(arguments):
    with pytest.raises(ValueError):
        CosineAnnealingWarmRestarts(sgd(), *arguments)


def test_triangles_and_opposite_momentum():
    optimizer = sgd()
    schedule = CyclicLR(optimizer, 0.0, 1.0, step_size_up=2, step_size_down=1)
    assert optimizer.param_groups[0]["lr"] == 0.0 and optimizer.param_groups[0]["momentum"] == 0.9
    assert rates(schedule, 4) == pytest.approx([0.5, 1.0, 0.0, 0.5])
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.85)


def test_heights():
    assert rates(CyclicLR(sgd(), 0, 1, 1, mode="triangular2"), 3) == pytest.approx([1.0, 0.0, 0.5])
    assert rates(CyclicLR(sgd(), 0, 1, 1, mode="exp_range", gamma=0.5), 3) == pytest.approx([0.5, 0, 0.125])
    own = CyclicLR(sgd(), 0, 1, 1, scale_fn=lambda x: 10 * x, scale_mode="iterations")
    assert rates(own, 3) == pytest.approx([10.0, 0.0, 30.0])


def test_saved_state_goes_on():
    first, second = (CyclicLR(sgd(), 0.1, 0.5, 3, mode="triangular2") for _ in range(2))
    rates(first, 4)
    second.load_state_dict(first.state_dict())
    assert rates(first, 5) == rates(second, 5)


def test_cyclic_errors():
    with pytest.raises(ValueError):
        CyclicLR(sgd(), 0.1, 0.5, mode="square")
    with pytest.raises(ValueError):
        CyclicLR(facula.optim.Adagrad([facula.zeros(1)]), 0.1, 0.5)
    with pytest.raises(ValueError):
        CyclicLR(sgd(), [0.1, 0.2], 0.5)
