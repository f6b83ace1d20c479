"""How messages name the type of a value."""

from __future__ import annotations

from typing import Any

from ._tensor import Tensor


def typename(value: Any) -> str:
    """The name of a value's type: `facula.FloatTensor` for tensors, else `package.module.Class`.

    >>> import facula
    >>> typename(3)
    'int'
    """
    if isinstance(value, Tensor):
        return str(value.type())
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
