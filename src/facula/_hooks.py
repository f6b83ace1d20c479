"""Handles that remove hooks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

_ids = itertools.count()


class RemovableHandle:
    """Removes its hook when `remove()` is called or when a `with` block over it ends."""

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any] | None = None, *, prepend: bool = False) -> None:
        self.id = next(_ids)
        self._hooks = hooks
        if hook is not None:
            hooks[self.id] = hook
            if prepend:
                for key in [k for k in hooks if k != self.id]:
                    hooks[key] = hooks.pop(key)

    def remove(self) -> None:
        """Take the hook out; calling it again does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
