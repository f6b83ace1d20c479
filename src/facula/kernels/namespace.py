"""Which array library an array belongs to: the op layer's only way to NumPy, so that devices can be added."""

from __future__ import annotations

from typing import Any

import numpy as np


class _Namespaces(dict[type, Any]):
    """Array type to its module; a subclass of a known type is looked up once and remembered."""

    def __missing__(self, kind: type) -> Any:
        for base in kind.__mro__[1:]:
            if base in self:
                module = self[kind] = self[base]
                return module
        name = f"{kind.__module__}.{kind.__qualname__}"
        raise TypeError(f"[namespace] expected an array or a number: got {name}")


# Python numbers and NumPy scalars take part in NumPy's functions as they are.
_namespaces = _Namespaces({np.ndarray: np, np.generic: np, bool: np, int: np, float: np, complex: np})


def namespace(x: Any, *others: Any) -> Any:
    """The module with NumPy's functions for the type of the first array among the arguments.

    Args:
        x: an array of a registered type, of any shape and dtype, or a number (NumPy's).
        others: looked at while what came before are plain numbers.

    Raises:
        TypeError: for anything else.

    >>> namespace(np.zeros(3)).__name__
    'numpy'
    """
    for other in others:
        if not isinstance(x, (int, float, complex)):
            break
        x = other
    return _namespaces[type(x)]


def register(array_type: type, module: Any) -> None:
    """Let `namespace` answer `module` for arrays of `array_type` and of its subclasses.

    >>> class Shadow(np.ndarray): ...
    >>> register(Shadow, "a module with NumPy's names")
    >>> namespace(np.zeros(3).view(Shadow))
    "a module with NumPy's names"
    >>> unregister(Shadow)
    """
    _namespaces[array_type] = module


def unregister(array_type: type) -> None:
    """Undo `register`; nothing happens when the type is not registered."""
    module = _namespaces.pop(array_type, None)
    for kind in [k for k, m in _namespaces.items() if issubclass(k, array_type) and m is module]:
        del _namespaces[kind]
