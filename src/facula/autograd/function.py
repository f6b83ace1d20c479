"""`Function`: the form in which users write operations with their own backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._tensor import Tensor, wrap
from .mode import enable_grad, grad_mode, no_grad
from .node import Node
from .op import _sequence, alias, check_inplace, rebase, refresh


class FunctionCtx:
    """What `forward` hands on to `backward`; any attribute may be set on it."""

    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _constant: tuple[Tensor, ...] = ()
    _materialize = True
    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `backward`, where they are `ctx.saved_tensors`. TypeError for other objects."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._to_save = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs `forward` changed in place and returns."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs carry no gradient."""
        self._constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for outputs without a gradient."""
        self._materialize = value


class FunctionNode(Node, FunctionCtx):
    """The node of one call of a Function; it is also the `ctx` of that call."""

    function: type[Function]

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept. RuntimeError after it has been freed or changed in place."""
        self.check_saved()
        return tuple(self._restore(t) for t in self.saved)

    def _restore(self, kept: Any) -> Any:
        if not isinstance(kept, tuple):
            return kept
        # An output of this very call: its history is this node, which it must not keep alive.
        array, nr = kept
        t = wrap(array)
        t._requires_grad, t._grad_fn, t._nr = True, self, nr
        return t

    def gradients(self, g: Any, wanted: Sequence[bool] | None, graph: bool) -> list[Any]:
        grads = list(g) if self.n_outputs > 1 else [g]
        tensors: list[Any] = []
        for x, (shape, dtype) in zip(grads, self.meta if self.n_outputs > 1 else [self.meta], strict=True):
            if x is None:
                tensors.append(_zeros(shape, dtype) if self._materialize else None)
            else:
                tensors.append(x if isinstance(x, Tensor) else wrap(x))
        self.needs_input_grad = tuple(e is not None for e in self.edges) if wanted is None else tuple(wanted)
        with enable_grad() if graph else no_grad():
            result = self.function.backward(self, *tensors)
        result = result if isinstance(result, tuple) else (result,)
        n = len(self.edges)
        if len(result) > n and all(r is None for r in result[n:]):
            result = result[:n]
        if len(result) != n:
            raise RuntimeError(
                f"function {type(self).__name__} returned an incorrect number of gradients "
                f"(expected {n}, got {len(result)})"
            )
        for i, r in enumerate(result):
            if r is not None and not isinstance(r, Tensor):
                raise RuntimeError(
                    f"function {type(self).__name__} returned a gradient at position {i} that is no Tensor: got "
                    f"{type(r).__name__}"
                )
        return [r if r is None or graph else r._array for r in result]


def _zeros(shape: Any, dtype: Any) -> Tensor:
    from ..kernels.namespace import namespace

    return wrap(namespace(0).zeros(shape, dtype))


class Function:
    """Base of operations with a hand-written gradient: static `forward` and `backward`, called through `apply`.

    `forward(ctx, *args)` computes with recording switched off; or `forward(*args)` together with
    `setup_context(ctx, inputs, output)`. `backward(ctx, *grads)` returns one gradient (or None) for each argument.

    >>> import facula
    >>> class Double(facula.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = facula.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    _node_type: type[FunctionNode] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """RuntimeError: a Function is used through `apply`."""
        raise RuntimeError(
            f"[{type(self).__name__}] a Function with a non-static forward method is not supported: make forward and "
            "backward static methods and call apply() on the class"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; to be written by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep what `backward` needs, if `forward` takes no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the inputs' gradients; to be written by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run the operation and record it."""
        if "_node_type" not in cls.__dict__:
            cls._node_type = type(cls.__name__ + "Backward", (FunctionNode,), {"__module__": cls.__module__})
        assert cls._node_type is not None
        node = cls._node_type()
        node.function = cls
        recording = grad_mode.get()
        node.needs_input_grad = tuple(isinstance(a, Tensor) and a._requires_grad and recording for a in args)
        live = any(node.needs_input_grad)
        before = [
            alias(a) if isinstance(a, Tensor) and a._requires_grad and a._grad_fn is not None else a
            for a in args
        ]
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args)
                cls.setup_context(node, args, result)
            else:
                result = cls.forward(node, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        for t in node._dirty:
            t._vc[0] += 1
        if not live:
            return result
        for t in node._dirty:
            check_inplace(t)
        node.edges = [
            _edge(a) if needed else None for a, needed in zip(before, node.needs_input_grad, strict=True)
        ]
        if any(isinstance(a, Tensor) and a._nr for a in before):
            node.slots = [a._nr if isinstance(a, Tensor) else 0 for a in before]
        node.seq = _sequence()
        finished = []
        for i, t in enumerate(outputs):
            if isinstance(t, Tensor) and any(t is a for a in args) and not any(t is d for d in node._dirty):
                t = t.detach()  # an input that is returned unchanged
            if (
                isinstance(t, Tensor)
                and t._array.dtype.kind in "fcV"
                and not any(t is c for c in node._constant)
            ):
                if any(t is d for d in node._dirty):
                    rebase(t, node)
                else:
                    t._requires_grad, t._grad_fn = True, node
                t._nr = i
            finished.append(t)
        node.n_outputs = len(outputs)
        meta = [(t._array.shape, t._array.dtype) if isinstance(t, Tensor) else ((), None) for t in finished]
        node.meta = meta if len(meta) > 1 else meta[0]
        node.saved, node.versions = _keep(node, finished)
        node._to_save = node._dirty = node._constant = ()  # an output among them would keep itself alive
        return tuple(finished) if isinstance(result, tuple) else finished[0]


def _keep(node: FunctionNode, outputs: list[Any]) -> tuple[list[Any], list[Any]]:
    saved: list[Any] = []
    for t in node._to_save:
        own = next(
            (i for i, o in enumerate(outputs) if o is t and isinstance(o, Tensor) and o._grad_fn is node),
            None,
        )
        saved.append(t if own is None else (t._array, own))
    return saved, [(t._vc, t._vc[0]) for t in node._to_save if t is not None]


def _edge(a: Tensor) -> Any:
    if a._grad_fn is None:
        return a
    return refresh(a) if a._base is not None else a._grad_fn


def once_differentiable(function: Any) -> Any:
    """Decorator for `backward`: it runs without recording, so that its result cannot be differentiated again."""

    def run(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            return function(ctx, *grads)

    return run
