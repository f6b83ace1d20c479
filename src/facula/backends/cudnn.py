"""NVIDIA's library for neural networks: not there. Programs set its switches; here they change nothing."""

from __future__ import annotations

enabled = False
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether it can be used: never.

    >>> is_available()
    False
    """
    return False


def version() -> None:
    """Its version: None, there is none."""
