"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, checked, read, write


class SequentialLR(LRScheduler):
    """One schedule after another.

    Args:
        optimizer: whose learning rates are set; the schedules' own optimizer.
        schedulers: the schedules, in order.
        milestones: the steps at which the next one takes over (one fewer than schedules).
        last_epoch: see `LRScheduler`.

    Raises:
        ValueError: no schedules, schedules of another optimizer, or a number of milestones that does not fit.

    >>> import facula
    >>> sched = facula.optim.lr_scheduler
    >>> optimizer = facula.optim.SGD([facula.zeros(1)], lr=0.5)
    >>> warm_up, fall = sched.LinearLR(optimizer, 0.5, total_iters=1), sched.ExponentialLR(optimizer, 0.5)
    >>> schedule = sched.SequentialLR(optimizer, [warm_up, fall], milestones=[1])
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        for i, each in enumerate(schedulers):
            if not hasattr(each, "optimizer"):
                raise TypeError(f"SequentialLR at index {i} should have `optimizer` as its attribute.")
            if each.optimizer is not optimizer:
                raise ValueError(
                    f"SequentialLR expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(each).__name__} at index {i} of another one"
                )
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number "
                "of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of "
                "milestones to "
                f"be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = checked(optimizer)
        # Each schedule has set its first rates when it was made; start again with only the first of them.
        for group in optimizer.param_groups:
            write(group, read(group, "initial_lr"))
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the step that making a schedule took, for all schedules within."""
        sched = self if sched is None else sched
        if hasattr(sched, "_schedulers"):
            for each in sched._schedulers:
                self.recursive_undo(each)
        elif hasattr(sched, "last_epoch"):
            sched.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go one step further."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        now = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            now._update_lr(0)
        else:
            now.step()
        self._last_lr = now.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, the schedules as their own dicts."""
        return _state(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        _load(self, state_dict)


class ChainedScheduler(LRScheduler):
    """Several schedules at once, each on the learning rates that the one before has set.

    Args:
        schedulers: the schedules; they must work from the present learning rate.
        optimizer: default: that of the first schedule.

    Raises:
        ValueError: no schedules, or schedules of another optimizer.

    >>> import facula
    >>> sched = facula.optim.lr_scheduler
    >>> optimizer = facula.optim.SGD([facula.zeros(1)], lr=1.0)
    >>> parts = [sched.ConstantLR(optimizer, 0.5, 9), sched.ExponentialLR(optimizer, 0.5)]
    >>> schedule = sched.ChainedScheduler(parts)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                "ChainedScheduler expects at least one scheduler to be chained, but got no scheduler."
            )
        optimizer = optimizer or schedulers[0].optimizer
        for i, each in enumerate(schedulers):
            if not hasattr(each, "optimizer"):
                raise TypeError(f"ChainedScheduler at index {i} should have `optimizer` as its attribute.")
            if each.optimizer is not optimizer:
                raise ValueError(
                    "ChainedScheduler expects all schedulers to belong to the same optimizer, but got "
                    "scheduler "
                    f"{type(each).__name__} at index {i} of another one"
                )
        self._schedulers = list(schedulers)
        self.optimizer = optimizer
        self._last_lr = [read(group) for group in optimizer.param_groups]

    def step(self) -> None:  # type: ignore[override]
        """Go one step further with every schedule."""
        for each in self._schedulers:
            each.step()
        self._last_lr = [read(group) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, the schedules as their own dicts."""
        return _state(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        _load(self, state_dict)


def _state(schedule: Any) -> dict[str, Any]:
    state = {
        key: value for key, value in schedule.__dict__.items() if key not in ("optimizer", "_schedulers")
    }
    state["_schedulers"] = [each.state_dict() for each in schedule._schedulers]
    return state


def _load(schedule: Any, state_dict: dict[str, Any]) -> None:
    state = dict(state_dict)
    for each, saved in zip(schedule._schedulers, state.pop("_schedulers"), strict=True):
        each.load_state_dict(saved)
    schedule.__dict__.update(state)
