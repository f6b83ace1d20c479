"""Helpers around training: `data` (data sets and loaders) and `hooks`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import data as data
    from . import hooks as hooks

__all__ = ["data", "hooks"]


def __getattr__(name: str) -> Any:
    # Loaded when first used: `import facula` stays quick.
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
