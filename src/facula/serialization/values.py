"""Checks on the values that a file describes: what may be hashed, and what a finished result may hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._device import device
from .._dtype import dtype
from .._size import Size
from .._tensor import Tensor

MAX_DEPTH = 1000
"""How deep the containers of a loaded value may be nested."""
_MAX_KEY_DEPTH = 32


class Refused(Exception):
    """The stream asks for something that is not allowed."""


class Damaged(Exception):
    """The stream contradicts itself."""


class Name:
    """Stands for a function or type that a file may name; it never leaves the reader."""

    __slots__ = ("kind", "text", "value")

    def __init__(self, text: str, kind: str, value: Any) -> None:
        self.text = text
        self.kind = kind
        self.value = value


class Budget:
    """Work that a stream may cause beyond reading it once: a small file must not cost much time or memory.

    Every byte of a stream makes a bounded number of values. What breaks that rule is using one value many
    times, so copying and hashing are paid for from this account.
    """

    def __init__(self, amount: int) -> None:
        self._left = amount

    def spend(self, amount: int) -> None:
        """Take `amount` off; Refused when nothing is left."""
        self._left -= amount
        if self._left < 0:
            raise Refused("the values copy or hash one another too often for the size of the file")


def set_attributes(target: Any, state: Any) -> None:
    """Set attributes (such as a state_dict's `_metadata`), but none that hides a method."""
    if type(state) is not dict:
        raise Damaged(f"attributes are a {type(state).__name__}")
    for key in state:
        if type(key) is not str or key.startswith("__") or hasattr(type(target), key):
            raise Refused(f"a {type(target).__name__} is given the attribute {key!r}")
    target.__dict__.update(state)


_KEYS = (str, int, float, bool, bytes, complex, type(None), dtype, device)


def check_key(key: Any, budget: Budget) -> None:
    """Refuse what cannot be hashed cheaply and without running a program's code.

    The hash of nested tuples is computed anew each time, by recursion and without a check of the depth: a key
    of a hundred thousand levels would end the process.
    """
    todo = [(key, 0)]
    while todo:
        value, depth = todo.pop()
        kind = type(value)
        if kind is int:
            budget.spend(1 + value.bit_length() // 64)
        elif kind in _KEYS or isinstance(value, np.generic):
            budget.spend(1)
        elif kind in (tuple, Size, frozenset) and depth < _MAX_KEY_DEPTH:
            budget.spend(1 + len(value))
            todo.extend((item, depth + 1) for item in value)
        else:
            raise Refused(f"a value of type {kind.__name__} cannot be a key here")


def check_result(value: Any) -> None:
    """Refuse a result that holds a `Name`, or whose containers are nested more than MAX_DEPTH deep."""
    from ..nn import Module

    level: list[Any] = [value]
    seen: set[int] = set()
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is Name:
                raise Refused(f"'{item.text}' stands where a value is expected")
            if kind in _LEAVES or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, dict):
                following.extend(item)
                following.extend(item.values())
                following.extend(getattr(item, "__dict__", {}).values())
            elif isinstance(item, (tuple, list, set, frozenset)):
                following.extend(item)
            elif isinstance(item, (Module, Tensor)):
                following.extend(vars(item).values())
        if not following:
            return
        level = following
    raise Refused(f"containers are nested more than {MAX_DEPTH} deep")


_LEAVES = frozenset((str, int, float, bool, bytes, complex, type(None)))
