"""The meta-path finder under which PyTorch's module names are Facula's modules."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .._version import __version__
from .aliases import PATHS, RELEASES, ROOTS, facula_name

_MISSING = object()


def is_ours(module: ModuleType) -> bool:
    """Whether a module belongs to Facula, whatever name it is listed under in `sys.modules`."""
    return getattr(module, "__name__", "").partition(".")[0] == "facula"


class TorchFinder(MetaPathFinder):
    """Finds `torch...` and `torchvision...`; remembers what it changed, so that `forget` can undo it."""

    def __init__(self) -> None:
        self._bound: list[tuple[ModuleType, str, Any]] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of an alias; None for a name that is not PyTorch's or that is only being looked for.

        Raises:
            ModuleNotFoundError: the name is being imported and Facula has no such module.
        """
        name = facula_name(fullname)
        if name is None:
            return None
        found = _find(name)
        if found is None:
            # importlib.util.find_spec asks through the same method and expects None; only an import is told
            # what is missing. Were the frame's name to change one day, Python's own message would come.
            if sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
                raise ModuleNotFoundError(
                    f"No module named {fullname!r}: facula {__version__} does not have it", name=fullname
                )
            return None
        spec = ModuleSpec(
            fullname, _AliasLoader(self, name), origin=found.origin, is_package=_is_package(found)
        )
        if found.submodule_search_locations is not None:
            spec.submodule_search_locations = list(found.submodule_search_locations)
        return spec

    def publish(self, alias: str, target: ModuleType) -> None:
        """List a module, and what is already loaded below it, under PyTorch's names."""
        sys.modules[alias] = target
        if alias in ROOTS:
            self._bind(target, "__version__", f"{RELEASES[alias]}+facula{__version__}")
        # A module listed now is never loaded under its alias: then the import system cannot set it as an
        # attribute of its package, over whatever the package itself has given that name to.
        below = target.__name__ + "."
        for name, module in list(sys.modules.items()):
            if name.startswith(below) and module is not None:
                sys.modules.setdefault(f"{alias}.{name[len(below) :]}", module)
        for path, name in PATHS.items():
            if path.startswith(alias + ".") and name in sys.modules:
                module = sys.modules.setdefault(path, sys.modules[name])
                parent, _, child = path.rpartition(".")
                if parent in sys.modules and not hasattr(sys.modules[parent], child):
                    self._bind(sys.modules[parent], child, module)

    def forget(self) -> None:
        """Undo everything that `publish` did."""
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ROOTS and module is not None and is_ours(module):
                del sys.modules[name]
        for owner, attribute, before in reversed(self._bound):
            if before is _MISSING:
                owner.__dict__.pop(attribute, None)
            else:
                setattr(owner, attribute, before)
        self._bound.clear()

    def _bind(self, owner: ModuleType, attribute: str, value: Any) -> None:
        self._bound.append((owner, attribute, owner.__dict__.get(attribute, _MISSING)))
        setattr(owner, attribute, value)


class _AliasLoader(Loader):
    """Puts the Facula module itself where the import system expects the module it asked for.

    The system makes an empty module and, after `exec_module`, takes what stands in `sys.modules` under the
    name: a documented way to replace it, which leaves `__spec__`, `__name__` and `__loader__` of the Facula
    module alone.
    """

    def __init__(self, finder: TorchFinder, name: str) -> None:
        self._finder = finder
        self._name = name

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        target = importlib.import_module(self._name)
        # Who called module_from_spec by hand holds the empty module: let it answer like the real one.
        module.__dict__["__getattr__"] = lambda attribute: getattr(target, attribute)
        self._finder.publish(module.__name__, target)


def _find(name: str) -> ModuleSpec | None:
    """The spec of a Facula module, or None when there is none of that name."""
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "facula":
            return None
        raise


def _is_package(spec: ModuleSpec) -> bool:
    return spec.submodule_search_locations is not None
