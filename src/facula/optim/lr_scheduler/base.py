"""What all schedules share: counting steps, writing learning rates, saving and loading."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..._tensor import Tensor
from ..optimizer import Optimizer


def read(group: dict[str, Any], name: str = "lr") -> Any:
    """An option's value; a copy if it is a tensor, which the group goes on changing."""
    value = group[name]
    return value.detach().clone() if isinstance(value, Tensor) else value


def write(group: dict[str, Any], value: Any, name: str = "lr") -> None:
    """Set an option; one that is a tensor keeps its memory."""
    if isinstance(group[name], Tensor):
        group[name].fill_(value)
    else:
        group[name] = value


class LRScheduler:
    """Base class of schedules. A subclass defines `get_lr`, which gives the next learning rate of every
    group.

    Args:
        optimizer: whose learning rates are set, at once and at every `step()` (to be called after the
        optimizer's).
        last_epoch: the number of steps already taken, when training is resumed; -1 to start.

    Raises:
        TypeError: `optimizer` is no Optimizer.
        KeyError: resuming, but the groups have no `initial_lr`.

    Attributes: `base_lrs`, the learning rates at the start; `last_epoch`, the number of steps.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    last_epoch: int

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", read(group))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0: load the optimizer's saved state first"
                )
        self.base_lrs = [read(group, "initial_lr") for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the learning rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as a dict."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The learning rates that were set last, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates of the step that `last_epoch` counts, one for each group, from the present
        ones."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go one step further. `epoch` (deprecated) goes to that step instead."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the "
                "learning "
                "rate schedule is skipped. Call them in the opposite order.",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn("[lr_scheduler] step(epoch) is deprecated: call step() without it", stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._within_step():
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed: Callable[[], list[Any]] = getattr(self, "_get_closed_form_lr", self.get_lr)
                values = closed()
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            write(group, value)
        self._last_lr = [read(group) for group in self.optimizer.param_groups]

    @contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                stacklevel=3,
            )

    # ---- for subclasses

    def _now(self) -> list[Any]:
        return [read(group) for group in self.optimizer.param_groups]

    def _times(self, factor: float) -> list[Any]:
        """The present learning rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]


def checked(optimizer: Any) -> Optimizer:
    """The optimizer; TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group: a list of that length, or the same for all. ValueError for another length."""
    groups = optimizer.param_groups
    if not isinstance(value, (list, tuple)):
        return [value] * len(groups)
    if len(value) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {len(groups)}."
        )
    return list(value)
