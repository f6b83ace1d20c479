"""Rebuilding whole modules from their attributes, without running any code of their classes."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from .._core import FUNCTIONS
from .._tensor import Tensor
from .values import Damaged, Refused


def new_module(cls: type) -> Any:
    """A module of this class without attributes; neither `__new__` nor `__init__` of the class runs."""
    return object.__new__(cls)


def set_module_state(module: Any, state: Any) -> None:
    """Give a new module its attributes, checked to be ones that `nn.Module` can work with.

    Attributes that newer versions of `nn.Module` have and the file does not are filled in.
    """
    from ..nn import Module, Parameter

    if type(state) is not dict:
        raise Damaged(f"the attributes of a module are a {type(state).__name__}")
    cls = type(module)
    for key in state:
        if type(key) is not str or key.startswith("__") or _is_method(cls, key):
            raise Refused(f"a {cls.__name__} is given the attribute {key!r}")
    _check_members(state, "_parameters", Parameter)
    _check_members(state, "_buffers", Tensor)
    _check_members(state, "_modules", Module)
    fresh = vars(Module())
    for key, value in fresh.items():
        if isinstance(value, OrderedDict) and state.get(key):  # only hooks are kept in OrderedDicts
            raise Refused(f"a {cls.__name__} has hooks ({key}), which are code")
        if key in state and isinstance(value, dict) and not isinstance(state[key], dict):
            raise Damaged(f"a module's {key} is a {type(state[key]).__name__}")
    if type(state.get("training", True)) is not bool:
        raise Damaged("a module's 'training' is not a bool")
    if type(state.get("_is_full_backward_hook")) not in (bool, type(None)):
        raise Damaged("a module's '_is_full_backward_hook' is not a bool")
    names = state.get("_non_persistent_buffers_set", set())
    if type(names) is not set or any(type(name) is not str for name in names):
        raise Damaged("a module's '_non_persistent_buffers_set' is not a set of texts")
    own = object.__getattribute__(module, "__dict__")
    own.update(state)
    for key, value in fresh.items():
        own.setdefault(key, value)
    author = _who_restores(cls)
    if author is not None:
        warnings.warn(
            f"{author} defines __setstate__, which is not called: the attributes are restored as saved",
            UserWarning,
            stacklevel=2,
        )


def _check_members(state: dict[str, Any], key: str, kind: type) -> None:
    members = state.get(key)
    if not isinstance(members, dict):
        raise Damaged(f"a module has no {key}")
    for name, member in members.items():
        if type(name) is not str or not (member is None or isinstance(member, kind)):
            raise Damaged(f"a module's {key} has the entry {name!r} of type {type(member).__name__}")


def _mro(cls: type) -> tuple[type, ...]:
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def _is_method(cls: type, name: str) -> bool:
    return any(
        isinstance(vars(c).get(name), (*FUNCTIONS, property, staticmethod, classmethod)) for c in _mro(cls)
    )


def _who_restores(cls: type) -> str | None:
    """The name of the program's own class that defines `__setstate__`, if there is one."""
    for c in _mro(cls):
        if str(c.__module__).partition(".")[0] == "facula":
            return None
        if "__setstate__" in vars(c):
            return f"{c.__module__}.{c.__qualname__}"
    return None
