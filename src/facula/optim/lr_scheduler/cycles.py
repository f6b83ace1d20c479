"""Schedules that go up and down again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, checked, per_group, read, write


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosine curves from the start's learning rate down to `eta_min`, each from the top again.

    `lr = eta_min + (base_lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2`, T_cur steps after a restart.

    Args:
        optimizer, last_epoch: see `LRScheduler`.
        T_0: steps of the first curve.
        T_mult: each curve is so many times as long as the one before.
        eta_min: the smallest learning rate.

    `step(epoch)` takes fractions, too: after batch i of n, `step(epoch + i / n)`.

    Raises:
        ValueError: arguments that cannot be.

    Source: Loshchilov and Hutter, 2016 (arXiv:1608.03983).

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.zeros(1)], lr=0.5)
    >>> schedule = facula.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=1)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step."""
        self._warn_outside_step()
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go one step further, or to the step `epoch`, which may be a fraction.

        Raises:
            ValueError: `epoch` is negative.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        else:
            self._place(epoch)
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            rates = self.get_lr()
        for group, value in zip(self.optimizer.param_groups, rates, strict=True):
            write(group, value)
        self._last_lr = [read(group) for group in self.optimizer.param_groups]

    def _place(self, epoch: float) -> None:
        """Find the curve that a step lies on, and how far along."""
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch < self.T_0:
            return
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        # Curve n starts at T_0 (T_mult^n - 1) / (T_mult - 1).
        n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
        self.T_i = self.T_0 * self.T_mult**n


class CyclicLR(LRScheduler):
    """Straight lines from `base_lr` up to `max_lr` and down again, to be stepped after every batch.

    Args:
        optimizer, last_epoch: see `LRScheduler`.
        base_lr, max_lr: between these; a number, or one for each group.
        step_size_up, step_size_down: steps of the rise and of the fall (default: as many).
        mode: how the height changes: "triangular" not, "triangular2" halves with every cycle, "exp_range" is
            multiplied by `gamma` with every step.
        gamma: see `mode`.
        scale_fn: a function that gives the height; `mode` is ignored then.
        scale_mode: what it is called with: "cycle", the number of the cycle from 1, or "iterations".
        cycle_momentum: move the momentum (or Adam's beta1) the opposite way.
        base_momentum, max_momentum: between these; a number, or one for each group.

    Raises:
        ValueError: another mode, or an optimizer without momentum.

    Source: Smith, 2015 (arXiv:1506.01186).

    >>> import facula
    >>> optimizer = facula.optim.SGD([facula.zeros(1)], lr=0.1, momentum=0.9)
    >>> schedule = facula.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.25, max_lr=0.75, step_size_up=2)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(optimizer)
        lows = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for low, group in zip(lows, optimizer.param_groups, strict=True):
                write(group, low)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = float(step_size_down) if step_size_down is not None else up
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError(
                    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
                )
            self.use_beta1 = "betas" in optimizer.defaults
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                for low, top, group in zip(
                    self.base_momentums, self.max_momentums, optimizer.param_groups, strict=True
                ):
                    self._set_momentum(group, top)
                    group["max_momentum"] = top
                    group["base_momentum"] = low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value

    def scale_fn(self, x: float) -> float:
        """The height of the cycle (or of the step) `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / 2.0 ** (x - 1)
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[Any]:
        """The learning rates of this step; also moves the momentum."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height = share * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        rates = [low + (top - low) * height for low, top in zip(self.base_lrs, self.max_lrs, strict=True)]
        if self.cycle_momentum:
            for low, top, group in zip(
                self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True
            ):
                self._set_momentum(group, top - (top - low) * height)
        return rates

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; a `scale_fn` only if it is an object, then its attributes."""
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        plain = function is None or type(function).__name__ in (
            "function",
            "builtin_function_or_method",
            "method",
        )
        state["_scale_fn_custom"] = None if plain else function.__dict__.copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave; a function stays the one that was given here."""
        state = dict(state_dict)
        attributes = state.pop("_scale_fn_custom")
        super().load_state_dict(state)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)
