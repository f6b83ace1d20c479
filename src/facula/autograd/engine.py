"""Reverse-mode differentiation over the recorded graph.

Nodes run in the order of their sequence numbers, the youngest first: whatever used a node's result was recorded
after it, so its gradient is complete when its turn comes. There is no recursion, so depth has no limit.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from operator import attrgetter
from typing import Any

import numpy as np

from .._core import native
from .._tensor import Tensor, wrap
from .mode import grad_mode
from .node import AccumulateGrad, Node
from .op import _QUIET, _extobj_contextvar, refresh

_by_sequence = attrgetter("seq")

anomaly_check: Callable[[Node, list[Any]], None] | None = None
"""Looks at the gradients that each node gave; set by `anomaly` while that is on."""


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves they depend on.

    Args:
        tensors: one Tensor or a sequence of them; without `grad_tensors` each must have one element.
        grad_tensors: the vectors to multiply the Jacobians by, one for each tensor, of its shape.
        retain_graph: keep what the graph saved, so that it can be used again. Default: `create_graph`.
        create_graph: record the backward pass itself, for higher derivatives.
        inputs: accumulate into these tensors only.

    Raises:
        RuntimeError: a tensor is not a scalar and has no grad; it does not require grad; the graph was freed.
    """
    usual = grad_tensors is None and grad_variables is None and not create_graph and inputs is None
    if (
        native is not None
        and usual
        and anomaly_check is None
        and native.backward(tensors, bool(retain_graph))
    ):
        return
    roots = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    if grad_variables is not None:
        grad_tensors = grad_variables
    if not isinstance(grad_tensors, (tuple, list)):
        grad_tensors = (grad_tensors,) * (1 if grad_tensors is not None else len(roots))
    grads = _root_gradients(roots, tuple(grad_tensors), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warnings.warn(
            "backward() with create_graph=True makes every .grad refer to its leaf through the graph, a cycle that "
            "keeps memory alive: use autograd.grad() instead, or set the .grad attributes to None afterwards.",
            stacklevel=3,  # the caller of Tensor.backward
        )
    targets = None
    if inputs is not None:
        targets = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        if not targets:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        _check_targets(targets)
        found = _run(roots, grads, keep, create_graph, targets)
        for t in targets:
            g = found.get(_key(t))
            if g is not None:
                _accumulate(t, g, create_graph)
        return
    _run(roots, grads, keep, create_graph, None)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of `outputs` (weighted by `grad_outputs`) with respect to each of `inputs`.

    `.grad` attributes stay as they are. With `create_graph=True` the result can be differentiated again.

    Args:
        allow_unused: give None for an input that the outputs do not depend on, instead of RuntimeError.
        materialize_grads: give zeros for such an input.

    >>> import facula
    >>> x = facula.tensor(3.0, requires_grad=True)
    >>> (dx,) = facula.autograd.grad(x ** 3, x, create_graph=True)
    >>> facula.autograd.grad(dx, x)
    (tensor(18.),)
    """
    if not only_inputs:
        raise NotImplementedError("[grad] only_inputs=False is not supported: use backward()")
    if is_grads_batched:
        raise NotImplementedError("[grad] is_grads_batched=True is not supported")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    targets = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not targets:
        raise RuntimeError("grad requires non-empty inputs.")
    if not isinstance(grad_outputs, (tuple, list)):
        grad_outputs = (grad_outputs,) * (1 if grad_outputs is not None else len(roots))
    _check_targets(targets)
    grads = _root_gradients(roots, tuple(grad_outputs), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = _run(roots, grads, keep, create_graph, targets)
    result: list[Any] = []
    for t in targets:
        g = found.get(_key(t))
        if g is None and materialize_grads:
            g = np.zeros_like(t._array)
        if g is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
        result.append(g if g is None or isinstance(g, Tensor) else wrap(g))
    return tuple(result)


def _check_targets(targets: tuple[Any, ...]) -> None:
    for i, t in enumerate(targets):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} of inputs, but got {type(t).__name__}")
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")


def _root_gradients(roots: tuple[Tensor, ...], given: tuple[Any, ...], graph: bool) -> list[Any]:
    for g in given:
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if len(given) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(given)} gradients")
    grads: list[Any] = []
    for i, (t, g) in enumerate(zip(roots, given, strict=True)):
        if not t.requires_grad:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        if g is None:
            if t._array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if t._array.dtype.kind == "c":
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {t.dtype}"
                )
            ones = np.ones_like(t._array)
            grads.append(wrap(ones) if graph else ones)
            continue
        if g._array.shape != t._array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of "
                f"{t.shape}."
            )
        grads.append(g if graph else g._array)
    return grads


def _key(t: Tensor) -> Any:
    """What identifies a tensor in the graph: itself if it is a leaf, else its node and output number."""
    node = refresh(t) if t._base is not None and t._grad_fn is not None else t._grad_fn
    return (node, t._nr) if node is not None else t


def _collect(roots: Sequence[Any]) -> tuple[list[Node], dict[Any, int]]:
    """All nodes that can be reached, oldest first, and how many edges lead to each leaf."""
    seen: set[Any] = set()
    leaves: dict[Any, int] = {}
    stack: list[Node] = []
    for root in roots:
        if root.__class__ is tuple:
            if root[0] not in seen:
                seen.add(root[0])
                stack.append(root[0])
        else:
            leaves[root] = leaves.get(root, 0) + 1
    nodes: list[Node] = []
    while stack:
        node = stack.pop()
        nodes.append(node)
        for edge in node.edges:
            if edge is None:
                continue
            if isinstance(edge, Tensor):
                leaves[edge] = leaves.get(edge, 0) + 1
            elif edge not in seen:
                seen.add(edge)
                stack.append(edge)
    nodes.sort(key=_by_sequence)
    return nodes, leaves


def _wanted_nodes(nodes: list[Node], targets: set[Any]) -> set[Any]:
    """The nodes and leaves on a way to the targets; `nodes` oldest first."""
    wanted: set[Any] = {t[0] if type(t) is tuple else t for t in targets}
    for node in nodes:
        if any(edge is not None and edge in wanted for edge in node.edges):
            wanted.add(node)
    return wanted


def _run(
    roots: Sequence[Tensor],
    root_grads: list[Any],
    keep: bool,
    graph: bool,
    targets: tuple[Tensor, ...] | None,
) -> dict[Any, Any]:
    """Run the graph; without `targets` gradients go into the leaves, with them they are returned by `_key`."""
    token = grad_mode.set(graph)
    quiet = _extobj_contextvar.set(_QUIET) if _QUIET is not None else None
    try:
        with nullcontext() if _QUIET is not None else np.errstate(all="ignore"):
            return _walk([_key(t) for t in roots], root_grads, keep, graph, targets)
    finally:
        if quiet is not None:
            _extobj_contextvar.reset(quiet)
        grad_mode.reset(token)


def _walk(
    keys: list[Any], root_grads: list[Any], keep: bool, graph: bool, targets: tuple[Tensor, ...] | None
) -> dict[Any, Any]:
    plain = targets is None and not graph and anomaly_check is None
    if native is not None and plain and native.core_enabled():
        native.walk(keys, root_grads, keep)
        return {}
    nodes, waiting = _collect(keys)
    found: dict[Any, Any] = {}
    goal: set[Any] = set()
    wanted: set[Any] | None = None
    if targets is not None:
        goal = {_key(t) for t in targets}
        wanted = _wanted_nodes(nodes, goal)
    pending: dict[Any, Any] = {}  # by node: its output's gradient, or a list of them; by leaf: its gradient

    def arrived(leaf: Tensor) -> None:
        """One edge to a leaf is done; with the last one its gradient is complete."""
        waiting[leaf] -= 1
        if waiting[leaf] == 0:
            g = pending.pop(leaf, None)
            if g is not None:
                if leaf._hooks:
                    g = _tensor_hooks(leaf._hooks, g, graph)
                if targets is None:
                    if leaf._requires_grad:  # it may have been switched off since
                        _accumulate(leaf, g, graph)
                elif leaf in goal:
                    found[leaf] = g

    for key, g in zip(keys, root_grads, strict=True):
        target, nr = key if key.__class__ is tuple else (key, 0)
        _give(pending, target, nr, g)
        if target is key:
            g = None
            arrived(key)
    root_grads.clear()
    for node in reversed(nodes):
        g = pending.pop(node, None)
        edges = node.edges
        if g is not None and node.hooked:
            g = _before(node, g, graph)
        if goal and g is not None:
            for nr in range(node.n_outputs):
                if (node, nr) in goal:
                    found[(node, nr)] = g if node.n_outputs == 1 else g[nr]
        plan = node.plan
        if (
            plain
            and g is not None
            and plan is not None
            and not (node.hooks or node.op.sequence or plan.joint)
        ):
            _step(node, g, pending, arrived)
            if not keep:
                node.release()
            continue
        if g is None or (wanted is not None and node not in wanted):
            for edge in edges:
                if isinstance(edge, Tensor):
                    arrived(edge)
            continue
        needs = None if wanted is None else [edge is not None and edge in wanted for edge in edges]
        grads = node.gradients(g, needs, graph)
        if anomaly_check is not None:
            anomaly_check(node, grads)
        if node.hooks:
            grads = _after(node, grads, g, graph)
        g = None
        for i, edge in enumerate(edges):
            if edge is None:
                continue
            gi = grads[i]
            leaf = isinstance(edge, Tensor)
            if gi is not None and (needs is None or needs[i]):
                grads[i] = None  # so that a leaf can take over the array
                nr = node.slots[i] if node.slots else 0
                single = leaf or edge.n_outputs == 1
                if leaf:
                    array = edge._array
                    shape, dtype = array.shape, array.dtype
                else:
                    shape, dtype = edge.meta if single else edge.meta[nr]
                array = gi._array if graph else gi
                if array.shape != shape:
                    gi = _unbroadcast(node, gi, shape)
                if array.dtype is not dtype and array.dtype != dtype:
                    gi = _cast(gi, dtype)
                array = None
                if edge in pending or not single:
                    _give(pending, edge, nr, gi)
                else:
                    pending[edge] = gi
                gi = None
            if leaf:
                arrived(edge)
        if not keep:
            node.release()
    return found


def _step(node: Node, g: Any, pending: dict[Any, Any], arrived: Callable[[Tensor], None]) -> None:
    """One op's rules on raw arrays, each gradient passed on at once: what an ordinary backward pass mostly does."""
    saved = node.saved
    if saved is None:
        node.check_saved()
    for counter, version in node.versions:
        if counter[0] != version:
            node.check_saved()
    kept = [v._array if isinstance(v, Tensor) else v for v in saved] if saved else ()
    edges = node.edges
    for i, rule, at in node.plan.rules:
        gi = rule(g, *kept) if at is None else rule(g, *[kept[k] for k in at])
        edge = edges[i]
        if isinstance(edge, Tensor):
            if gi is not None:
                array = edge._array
                if gi.shape != array.shape:
                    gi = _unbroadcast(node, gi, array.shape)
                if gi.dtype is not array.dtype and gi.dtype != array.dtype:
                    gi = _cast(gi, array.dtype)
                before = pending.get(edge)
                pending[edge] = gi if before is None else before + gi
                gi = before = None  # so that the leaf can take over the array
            arrived(edge)
        elif gi is not None:
            if edge.n_outputs == 1:
                shape, dtype = edge.meta
                nr = 0
            else:
                nr = node.slots[i] if node.slots else 0
                shape, dtype = edge.meta[nr]
            if gi.shape != shape:
                gi = _unbroadcast(node, gi, shape)
            if gi.dtype is not dtype and gi.dtype != dtype:
                gi = _cast(gi, dtype)
            if edge in pending or edge.n_outputs > 1:
                _give(pending, edge, nr, gi)
            else:
                pending[edge] = gi


def _give(pending: dict[Any, Any], target: Any, nr: int, g: Any) -> None:
    """Add a gradient to what a leaf or a node's output has received."""
    if isinstance(target, Tensor) or target.n_outputs == 1:
        before = pending.get(target)
        pending[target] = g if before is None else before + g
    else:
        buffer = pending.setdefault(target, [None] * target.n_outputs)
        buffer[nr] = g if buffer[nr] is None else buffer[nr] + g


def _unbroadcast(node: Node, g: Any, shape: tuple[int, ...]) -> Any:
    from ..ops.reduce import sum_to

    lead = len(g.shape) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, tuple(g.shape)[lead:], strict=True)):
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient - got {list(g.shape)} but expected shape "
            f"compatible with {list(shape)}"
        )
    return sum_to(g, shape)


def _cast(g: Any, dtype: Any) -> Any:
    from ..ops.pointwise import cast, real

    array = g._array if isinstance(g, Tensor) else g
    if array.dtype.kind == "c" and dtype.kind != "c":
        g = real(g)
    return cast(g, dtype)


def _as_tensor(g: Any) -> Any:
    return (
        g if g is None or isinstance(g, Tensor) else wrap(g if isinstance(g, np.ndarray) else np.asarray(g))
    )


def _as_given(g: Any, graph: bool) -> Any:
    return g if graph or not isinstance(g, Tensor) else g._array


def _tensor_hooks(hooks: dict[int, Callable[..., Any]], g: Any, graph: bool) -> Any:
    """Run a tensor's hooks over its gradient; what a hook returns replaces it."""
    t = _as_tensor(g)
    for hook in list(hooks.values()):
        replaced = hook(t)
        if replaced is not None:
            if not isinstance(replaced, Tensor):
                raise TypeError(f"hook {hook} should return a Tensor or None: got {type(replaced).__name__}")
            if replaced._array.shape != t._array.shape:
                raise RuntimeError(
                    f"hook {hook} has changed the size of value: got {list(replaced.shape)} for {list(t.shape)}"
                )
            if replaced._array.dtype != t._array.dtype:
                raise RuntimeError(
                    f"hook {hook} has changed the type of value: got {replaced.dtype} for {t.dtype}"
                )
            t = replaced
    return _as_given(t, graph)


def _before(node: Node, g: Any, graph: bool) -> Any:
    """A node's pre-hooks, the hooks of its output tensors, and `retain_grad`."""
    several = node.n_outputs > 1
    grads = list(g) if several else [g]
    for nr, hooks in (node.tensor_hooks or {}).items():
        if grads[nr] is not None:
            grads[nr] = _tensor_hooks(hooks, grads[nr], graph)
    for hook in list((node.pre_hooks or {}).values()):
        replaced = hook(tuple(_as_tensor(x) for x in grads))
        if replaced is not None:
            replaced = replaced if isinstance(replaced, tuple) else (replaced,)
            grads = [_as_given(x, graph) for x in replaced]
    for nr, reference in (node.retained or {}).items():
        t = reference()
        if t is not None and grads[nr] is not None:
            _accumulate(t, grads[nr], graph)
    return grads if several else grads[0]


def _after(node: Node, grads: list[Any], g: Any, graph: bool) -> list[Any]:
    """A node's hooks: `hook(grad_inputs, grad_outputs)` may replace the gradients it passes on."""
    incoming = tuple(_as_tensor(x) for x in (g if node.n_outputs > 1 else (g,)))
    for hook in list((node.hooks or {}).values()):
        replaced = hook(tuple(_as_tensor(x) for x in grads), incoming)
        if replaced is not None:
            replaced = replaced if isinstance(replaced, tuple) else (replaced,)
            if len(replaced) != len(grads):
                raise RuntimeError(f"hook {hook} returned {len(replaced)} gradients: expected {len(grads)}")
            grads = [_as_given(x, graph) for x in replaced]
    return grads


def _references(array: Any) -> int:
    return sys.getrefcount(array)


def _calibrate() -> int:
    """What `_references` counts for an array that only a caller and `_accumulate` know."""

    def accumulate(g: Any) -> int:
        return _references(g)

    g = np.empty(0)
    return accumulate(g)


_ALONE = _calibrate()
_adding = threading.RLock()  # NumPy lets other threads run while it adds, maybe to the same gradient


def _accumulate(leaf: Tensor, g: Any, graph: bool) -> None:
    """Add a gradient to `leaf.grad`."""
    with _adding:
        before = leaf._grad
        if before is None:
            if graph:
                leaf._grad = g if isinstance(g, Tensor) else wrap(g)
            else:
                # Take the array over only if nobody else can see it and it lies in memory as the leaf does.
                if (
                    not isinstance(g, np.ndarray)
                    or g.base is not None
                    or _references(g) > _ALONE
                    or not g.flags.carray
                ):
                    own = np.empty_like(leaf._array)
                    own[...] = g
                    g = own
                leaf._grad = wrap(g)
        elif graph:
            leaf._grad = before + g
        else:
            before._array += g
            before._vc[0] += 1
    hooks = getattr(leaf, "_post_accumulate_hooks", None)
    if hooks:
        for hook in list(hooks.values()):
            hook(leaf)


if native is not None:
    # The walk in native code turns to these for what is out of the ordinary.
    native.set_up(
        {
            "before": _before,
            "after": _after,
            "accumulate": _accumulate,
            "leaf_hooks": _tensor_hooks,
            "unbroadcast": _unbroadcast,
            "cast": _cast,
        }
    )

__all__ = ["AccumulateGrad", "backward", "grad"]
