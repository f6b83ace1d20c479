"""Mixed precision: on devices that are not there it switches itself off with a warning, as in PyTorch."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from ._device import device as _device
from ._tensor import Tensor
from .autograd.mode import no_grad
from .optim.optimizer import Optimizer

__all__ = ["GradScaler", "autocast"]


class autocast:
    """A region (or a function) whose operations choose their precision themselves.

    For a device that is not there, such as "cuda", it warns and does nothing, as PyTorch does. On the CPU it
    is not supported yet.

    Args:
        device_type: "cuda", "cpu", ...
        dtype, cache_enabled: of a region that is enabled.
        enabled: False makes it do nothing.

    Raises:
        NotImplementedError: enabled for the CPU.
        RuntimeError: not the name of a device.

    >>> with autocast("cpu", enabled=False):
    ...     pass
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        kind = _device(device_type).type
        if enabled and kind == "cpu":
            raise NotImplementedError(
                "[autocast] mixed precision on the CPU is not supported yet: use enabled=False, or "
                "convert the model with .to(dtype)"
            )
        if enabled:
            warnings.warn(f"{kind.upper()} is not available. Disabling autocast.", stacklevel=2)
        self.device = kind
        self.fast_dtype = dtype
        self._enabled = False

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


class GradScaler:
    """Multiplies losses so that small gradients survive in half precision, and divides the gradients again.

    A step whose gradients are not all finite is left out, and the factor is made smaller. For a device that
    is not there it warns and does nothing, as PyTorch does.

    Args:
        device: "cuda" (default) or "cpu".
        init_scale: the first factor.
        growth_factor: by what it grows after `growth_interval` good steps.
        backoff_factor: by what it is multiplied after a bad one.
        growth_interval: see above.
        enabled: False makes it do nothing.

    Raises:
        ValueError: a growth factor not above 1, or a backoff factor not below it.

    >>> import facula
    >>> scaler = GradScaler("cpu", init_scale=4.0)
    >>> w = facula.ones(1, requires_grad=True)
    >>> optimizer = facula.optim.SGD([w], lr=0.5)
    >>> scaler.scale((w * 1.0).sum()).backward(); scaler.step(optimizer); scaler.update(); w.item()
    0.5
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = _device(device).type
        if enabled and self._device != "cpu":
            warnings.warn(
                f"GradScaler is enabled, but {self._device.upper()} is not available. Disabling.",
                stacklevel=2,
            )
            enabled = False
        if enabled and growth_factor <= 1.0:
            raise ValueError(f"[GradScaler] growth_factor must be > 1: got {growth_factor}")
        if enabled and backoff_factor >= 1.0:
            raise ValueError(f"[GradScaler] backoff_factor must be < 1: got {backoff_factor}")
        self._enabled = enabled
        self._scale = float(init_scale)
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._found: dict[int, bool] = {}  # for each optimizer since the last update: not all finite

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The present factor; 1 when it does nothing."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """A tensor, or a list or tuple of tensors, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)([self.scale(each) for each in outputs])
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the factor, for instance before clipping them.

        Raises:
            RuntimeError: a second time since the last `update`.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._found:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        bad = False
        with no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.mul_(1.0 / self._scale)
                        bad = bad or not bool(parameter.grad.isfinite().all())
        self._found[id(optimizer)] = bad

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()` with gradients that are divided first; left out unless all are finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        return None if self._found[id(optimizer)] else optimizer.step()

    def update(self, new_scale: Any = None) -> None:
        """Choose the factor of the next step, or set it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise RuntimeError("No inf checks were recorded prior to update.")
        elif any(self._found.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._scale *= self._growth_factor
                self._growth_tracker = 0
        self._found.clear()

    def state_dict(self) -> dict[str, Any]:
        """Factor, options and progress; empty when it does nothing."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave. RuntimeError: it was made by one that does nothing."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "[GradScaler] the state is empty: it was saved by a scaler that was not enabled"
            )
        self._scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
