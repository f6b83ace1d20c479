"""The handle that every `register_..._hook` returns."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

_ids = itertools.count()


class RemovableHandle:
    """Takes a hook out again: by `remove()`, or at the end of a `with` block.

    Args:
        hooks_dict: the `OrderedDict` that holds the hook under this handle's `id`.
        extra_dict: more dicts to remove that id from (flags kept beside the hooks).

    >>> import facula
    >>> layer = facula.nn.ReLU()
    >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
    >>> layer(facula.zeros(2))
    tensor([1., 1.])
    >>> handle.remove()
    >>> layer(facula.zeros(2))
    tensor([0., 0.])
    """

    id: int

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.id = next(_ids)
        # Weak: a handle that is kept must not keep the module's hooks (and so the module) alive.
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        extra: Iterable[Any] = (
            () if extra_dict is None else extra_dict if isinstance(extra_dict, list) else [extra_dict]
        )
        self.extra_dict_ref = tuple(weakref.ref(each) for each in extra)

    def remove(self) -> None:
        """Remove the hook; a second call does nothing."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.remove()

    def __getstate__(self) -> Any:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: Any) -> None:
        hooks, self.id, extra = state
        # A hook dict that is gone is replaced by an empty one, so that `remove` still works.
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if each is None else each) for each in extra)


def add_hook(hooks: OrderedDict[int, Any], hook: Any) -> RemovableHandle:
    """Enter a hook as the last one; the handle takes it out again."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
