"""Switches of reproducibility and precision. Operations here are deterministic and exact in any case."""

from __future__ import annotations

import warnings

_deterministic = False
_warn_only = False
_precision = "highest"
_exact = False  # "highest" was asked for, and is not just where it stands at the start


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for operations that give the same numbers every time: they always do, so this is only remembered.

    Raises:
        TypeError: `mode` is no bool.

    >>> use_deterministic_algorithms(True)
    >>> are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    global _deterministic, _warn_only
    if not isinstance(mode, bool):
        raise TypeError(f"[use_deterministic_algorithms] mode must be a bool: got {type(mode).__name__}")
    _deterministic, _warn_only = mode, mode and warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was last told."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was told to warn only."""
    return _warn_only


def set_float32_matmul_precision(precision: str) -> None:
    """Allow less exact float32 products: "highest", "high" or "medium". They stay exact; this is remembered.

    Asking for "highest" also keeps the weight gradients of 3x3 convolutions from Winograd's algorithm, which
    they take otherwise (errors of some 1e-6 of the largest value in place of some 1e-7).

    Another value changes nothing and warns.

    >>> set_float32_matmul_precision("high"); get_float32_matmul_precision()
    'high'
    >>> set_float32_matmul_precision("highest")
    """
    global _precision, _exact
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"[set_float32_matmul_precision] expects 'highest', 'high' or 'medium', and had no effect: "
            f"got {precision!r}",
            stacklevel=2,
        )
        return
    _precision = precision
    _exact = precision == "highest"


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was last told."""
    return _precision
