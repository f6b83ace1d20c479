"""Apple's graphics processors: not used."""

from __future__ import annotations


def is_available() -> bool:
    """Whether one can be used: never.

    >>> is_available()
    False
    """
    return False


def is_built() -> bool:
    """Whether the package was built for them: never."""
    return False
