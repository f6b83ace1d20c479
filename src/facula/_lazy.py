"""Submodules and names that are imported when they are first asked for, so that `import facula` stays quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazily(
    package: str, modules: Sequence[str] = (), names: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """A `__getattr__` for a package.

    Args:
        package: its name.
        modules: submodules to import on demand.
        names: for each name the submodule it comes from, such as {"load": "serialization"}.
    """
    sources = names or {}

    def __getattr__(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name in sources:
            value = getattr(import_module(f"{package}.{sources[name]}"), name)
            setattr(sys.modules[package], name, value)
            return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__
