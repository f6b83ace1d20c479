"""Random numbers: the generator, its seed and state, and the samplers on raw arrays that draw from it.

The stream is MT19937 (Matsumoto and Nishimura 1998), seeded by the reference ``init_genrand``. The same
seed gives the same numbers as PyTorch's CPU generator, bit for bit, and a state saved by one can be set in
the other.

>>> g = Generator().manual_seed(0)
>>> uniform((2,), "float32", generator=g).tolist()
[0.49625658988952637, 0.7682217955589294]
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._rng.continuous import cauchy, exponential, log_normal, normal, uniform
from ._rng.discrete import (
    bernoulli,
    draw_seed,
    dropout_noise,
    feature_dropout_shape,
    geometric,
    integers,
    multinomial,
    poisson,
    randperm,
)
from ._rng.generator import Generator, default_generator

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "Generator",
    "bernoulli",
    "cauchy",
    "default_generator",
    "draw_seed",
    "dropout_noise",
    "exponential",
    "feature_dropout_shape",
    "fork_rng",
    "geometric",
    "get_rng_state",
    "initial_seed",
    "integers",
    "log_normal",
    "manual_seed",
    "multinomial",
    "normal",
    "poisson",
    "randperm",
    "seed",
    "set_rng_state",
    "uniform",
]


def manual_seed(seed: int) -> Generator:
    """Seed the default generator with ``int(seed)``, in [-2**63, 2**64); returns the generator.

    Raises ValueError if the seed is out of range.

    >>> manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system's randomness; returns the 64-bit seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed last set in the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state: a uint8 tensor of shape (5056,)."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state. Raises TypeError or RuntimeError for what is no such state."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str | None = None) -> Iterator[None]:
    """Inside the ``with`` block, draw as usual; afterwards the default generator is as it was before.

    ``devices`` lists other devices whose generators to keep; there are none, so it must be empty, otherwise
    NotImplementedError. ``device_type`` is their kind and has no effect. ``enabled=False`` does nothing.

    >>> before = manual_seed(1)
    >>> with fork_rng():
    ...     inside = manual_seed(2)
    >>> initial_seed()
    1
    """
    if not enabled or device_type == "meta":
        yield
        return
    if devices is not None and list(devices):
        raise NotImplementedError(f"[fork_rng] devices must be empty, only the CPU is known: got {devices!r}")

    kept = default_generator._state_bytes()
    try:
        yield
    finally:
        default_generator._load_bytes(kept)
