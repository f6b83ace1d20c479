"""The base classes of Tensor, Node, Op and Plan: the fields that every op call reads and writes.

The compiled extension has them as C structures, and with them the ordinary way of a call and of a backward
pass (`csrc/core*.cpp`). Without it they are the Python classes here, and everything runs in Python.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._tensor import Tensor
    from .autograd.node import Node


class TensorBase:
    """Fields of Tensor; defaults stand on the class, so that making a tensor sets only what differs."""

    _array: np.ndarray[Any, Any]
    _vc: list[int]  # the version counter, shared by all tensors over the same memory
    _requires_grad = False
    _grad: Tensor | None = None
    _grad_fn: Node | None = None
    _nr = 0  # which output of `_grad_fn` this is
    _base: Tensor | None = None  # the tensor that this one is a view of
    _view: tuple[Any, ...] | None = None  # the calls that lead from `_base` to this tensor
    _view_version = 0  # the version at which `_grad_fn` of a view was right
    _hooks: OrderedDict[int, Callable[..., Any]] | None = None
    _post_accumulate_hooks: OrderedDict[int, Callable[..., Any]] | None = None


class NodeBase:
    """Fields of Node."""

    op: Any = None
    edges: list[Any]
    slots: list[int] | None = None
    plan: Any = None
    saved: Any = ()
    versions: Any = ()
    seq: int
    meta: Any = None  # (shape, dtype) of the output, or a list of them if there are several
    n_outputs = 1
    hooked = False  # whether any of the following four is set
    hooks: OrderedDict[int, Callable[..., Any]] | None = None
    pre_hooks: OrderedDict[int, Callable[..., Any]] | None = None
    tensor_hooks: dict[int, OrderedDict[int, Callable[..., Any]]] | None = None  # by number of output
    retained: dict[int, Any] | None = None  # weak references to outputs whose grad is kept, by number
    _metadata: dict[Any, Any] | None = None


class OpBase:
    """Room for what native code knows of an Op; nothing here."""

    __slots__ = ("__dict__", "__weakref__")


class PlanBase:
    """Room for what native code knows of a Plan; nothing here."""

    __slots__ = ()


native: Any = None
FUNCTIONS: tuple[type, ...] = (FunctionType,)
"""The types of what is published under a function's name."""

if not TYPE_CHECKING:
    try:
        from . import _C as native

        TensorBase, NodeBase = native.TensorBase, native.NodeBase
        OpBase, PlanBase = native.OpBase, native.PlanBase
        FUNCTIONS = (FunctionType, native.OpCall)
    except ImportError:  # installed without a compiler, or on a platform that has none
        native = None

TENSOR_FIELDS = (
    "_array", "_vc", "_requires_grad", "_grad", "_grad_fn", "_nr", "_base", "_view", "_view_version",
    "_hooks", "_post_accumulate_hooks",
)  # fmt: skip


def copy_fields(source: Tensor, target: Tensor) -> None:
    """Make a new object of a Tensor class the same tensor: memory, history, and what the user has set."""
    for name in TENSOR_FIELDS:
        setattr(target, name, getattr(source, name))
    target.__dict__.update(source.__dict__)
