"""CUDA: not available; the questions that programs ask are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import lazily

if TYPE_CHECKING:
    from . import amp as amp
else:
    __getattr__ = lazily(__name__, modules=("amp",))


def is_available() -> bool:
    """Whether a CUDA device can be used: never.

    >>> is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of CUDA devices: 0."""
    return 0


def is_initialized() -> bool:
    """Whether CUDA was started: never."""
    return False


def manual_seed(seed: int) -> None:
    """Seed the current CUDA device: there is none."""


def manual_seed_all(seed: int) -> None:
    """Seed all CUDA devices: there are none."""


def empty_cache() -> None:
    """Free cached device memory: there is none."""


def synchronize(device: Any = None) -> None:
    """Wait for a CUDA device. Raises AssertionError: there is none."""
    raise AssertionError("[cuda.synchronize] facula is not compiled with CUDA enabled")


def current_device() -> int:
    """The current CUDA device. Raises AssertionError: there is none."""
    raise AssertionError("[cuda.current_device] facula is not compiled with CUDA enabled")
