"""How many threads the arithmetic uses."""

from __future__ import annotations

from .kernels import cpu


def get_num_threads() -> int:
    """The number of threads that operations use."""
    return cpu.get_num_threads()


def set_num_threads(num_threads: int) -> None:
    """Set the number of threads for kernels and for NumPy's matrix products. RuntimeError unless positive."""
    if not isinstance(num_threads, int) or num_threads < 1:
        raise RuntimeError(f"[set_num_threads] expects a positive integer: got {num_threads!r}")
    cpu.set_num_threads(num_threads)
