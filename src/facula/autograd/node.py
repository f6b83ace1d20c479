"""The nodes of the backward graph."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _branding
from .._core import NodeBase
from .._tensor import Tensor
from ..utils.hooks import RemovableHandle, add_hook


class Node(NodeBase):
    """One recorded call: edges to the nodes of its inputs and what its gradient rules asked for.

    An edge is another node, a leaf Tensor, or None where no gradient is needed; `slots` holds the number of the
    output that an edge leads to (None: always the first).
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    def name(self) -> str:
        """The node's name, such as "AddBackward0"."""
        return type(self).__name__

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for the user's own notes."""
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each input: the node that made it (AccumulateGrad for a leaf) and which of that node's outputs it is."""
        slots = self.slots or [0] * len(self.edges)
        return tuple(
            (accumulator(e) if isinstance(e, Tensor) else e, nr)
            for e, nr in zip(self.edges, slots, strict=False)
        )

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node ran; a returned tuple replaces `grad_inputs`."""
        self.hooked = True
        self.hooks = self.hooks if self.hooks is not None else OrderedDict()
        return add_hook(self.hooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node runs; a returned tuple replaces `grad_outputs`."""
        self.hooked = True
        self.pre_hooks = self.pre_hooks if self.pre_hooks is not None else OrderedDict()
        return add_hook(self.pre_hooks, hook)

    def check_saved(self) -> None:
        """RuntimeError if what was kept has been freed or has been changed in place since."""
        if self.saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors after they "
                "have already been freed). What a graph keeps is freed when .backward() or autograd.grad() runs: "
                "specify retain_graph=True there if you need it again."
            )
        for counter, version in self.versions:
            if counter[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace "
                    f"operation: a tensor kept for {self.name()} is at version {counter[0]}; expected version "
                    f"{version} instead. Clone it before changing it in place."
                )

    def gradients(self, g: Any, wanted: Sequence[bool] | None, graph: bool) -> list[Any]:
        """The gradients of the inputs that are wanted (None: of all that need one).

        Raw arrays go in and come out; Tensors if `graph`.
        """
        saved = self.saved
        if saved is None:
            self.check_saved()
        for counter, version in self.versions:
            if counter[0] != version:
                self.check_saved()
        plan = self.plan
        if graph:
            kept = list(saved)
            if plan.out_at >= 0:
                kept[plan.out_at] = self._result(kept[plan.out_at])
        else:
            kept = [v._array if isinstance(v, Tensor) else v for v in saved] if saved else saved
        if self.op.sequence:
            _, rule, at = plan.rules[0]
            if not graph:
                kept = [_unwrapped(v) for v in kept]
            return list(rule(g, *(kept if at is None else [kept[k] for k in at])))
        grads: list[Any] = [None] * len(self.edges)
        for i, rule, at in plan.rules:
            if i < 0:  # a joint rule
                if wanted is None or any(wanted):
                    grads = list(rule(g, *kept) if at is None else rule(g, *[kept[k] for k in at]))
            elif wanted is None or wanted[i]:
                grads[i] = rule(g, *kept) if at is None else rule(g, *[kept[k] for k in at])
        return grads

    def _result(self, value: Any) -> Any:
        """The call's own result as Tensors that hang on this node."""
        made: list[Any] = []
        for nr, array in enumerate(value if type(value) is tuple else (value,)):
            if array is None:
                made.append(None)
                continue
            t: Tensor = object.__new__(Tensor)
            t._array = array
            t._vc = [0]
            if array.dtype.kind in "fcV":
                t._requires_grad = True
                t._grad_fn = self
                t._nr = nr
            made.append(t)
        return tuple(made) if type(value) is tuple else made[0]

    def release(self) -> None:
        """Free the arrays that were kept for the backward pass; without any the node can run again."""
        saved = self.saved
        if saved and (self.plan is None or self.plan.keeps_arrays or _holds_arrays(saved)):
            self.saved = None


def _holds_arrays(value: Any) -> bool:
    if type(value) in (list, tuple):
        return any(_holds_arrays(v) for v in value)
    return isinstance(value, (Tensor, np.ndarray))


def _unwrapped(value: Any) -> Any:
    """A kept sequence of inputs as raw arrays."""
    if type(value) not in (list, tuple):
        return value
    return [x._array if isinstance(x, Tensor) else x for x in value]


class AccumulateGrad(Node):
    """Stands for a leaf tensor at the end of the graph; made on demand."""

    variable: Tensor

    def name(self) -> str:
        """The node's name with its namespace, as PyTorch gives it."""
        return f"{_branding.name()}::autograd::AccumulateGrad"

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook((grad,))` before the leaf's gradient is accumulated; a returned tuple replaces it."""

        def on_gradient(g: Tensor) -> Any:
            replaced = hook((g,))
            return replaced[0] if isinstance(replaced, tuple) else replaced

        return self.variable.register_hook(on_gradient)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook((), (grad,))` after the leaf's gradient was accumulated."""
        arrived: list[Tensor] = []

        def before(g: Tensor) -> None:
            arrived[:] = [g]

        handle = self.variable.register_post_accumulate_grad_hook(lambda leaf: hook((), tuple(arrived)))
        hooks = self.variable._hooks = OrderedDict() if self.variable._hooks is None else self.variable._hooks
        hooks[handle.id] = before
        handle.extra_dict_ref = (weakref.ref(hooks),)
        return handle


def accumulator(leaf: Tensor) -> AccumulateGrad:
    """The AccumulateGrad node of a leaf."""
    node = AccumulateGrad.__new__(AccumulateGrad)
    node.variable = leaf
    node.edges = []
    return node
