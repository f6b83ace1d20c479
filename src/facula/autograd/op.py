"""The op layer: every operation is defined once, and every call of one passes through `apply`.

An op is a function over arrays plus one gradient rule for each of its inputs:

    @op("torch", "Tensor", promote="float")
    def tanh(input, /):
        return namespace(input).tanh(input)

    tanh.vjp(input=lambda g, out: g * (1 - out * out))

Parameters before "/" are arrays, those after it are attributes. The names in a rule's signature are what is kept
for the backward pass: an input, `out`, an attribute, `<input>_shape` or `<input>_dtype`. Rules use operators and
other ops only, so that they run on raw arrays (the usual, fast backward) and on Tensors (`create_graph=True`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import count, pairwise
from typing import Any, Protocol

import numpy as np
from numpy._core import umath

from .. import _dtype
from .._core import OpBase, PlanBase, native
from .._tensor import Tensor
from ..kernels.namespace import namespace
from .mode import enable_grad, grad_mode
from .node import Node

# What np.errstate itself does, at a tenth of its price; None with a NumPy that does it otherwise.
_extobj_contextvar: Any = getattr(umath, "_extobj_contextvar", None)
_QUIET: Any = None if _extobj_contextvar is None else umath._make_extobj(all="ignore")

_new = object.__new__
_sequence: Callable[[], int] = count(1).__next__ if native is None else native.next_sequence
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}

PUBLIC: dict[str, dict[str, Callable[..., Any]]] = {}
"""Every published function, by place ("torch", "Tensor", "F", ...) and name."""

OPS: dict[str, Op] = {}
"""Every op by name."""

observers: list[Callable[[Op, tuple[Any, ...], Any], None]] = []
"""Called with (op, arguments, result) after each call with Tensors: the hook for tracing and profiling."""


class OpFunction(Protocol):
    """What the `op` decorator returns: a plain function that also carries its `Op`."""

    op: Op
    __name__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def vjp(self, **rules: Callable[..., Any]) -> None: ...
    def joint_vjp(self, rule: Callable[..., Any]) -> None: ...
    def kernel(self, array_type: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...


class Plan(PlanBase):
    """What to keep and which rules to run, for one set of inputs that need gradients."""

    __slots__ = ("fetch", "joint", "keeps_arrays", "live", "names", "node_type", "out_at", "rules")

    def __init__(self, op: Op, mask: int) -> None:
        self.live = tuple(i for i in range(op.n_arrays) if mask >> i & 1)
        self.node_type = op.node_type(()) if isinstance(op.grad_name, str) else None
        names: list[str] = []
        found = []
        self.joint = op.joint
        for i in self.live[:1] if op.joint else self.live:
            rule, wanted = op.rules.get(op.names[i]) or _missing_rule(op, op.names[i])
            names.extend(w for w in wanted if w not in names)
            found.append((-1 if op.joint else i, rule, wanted))
        # The input (-1: all); the rule; where it finds what it asks for (None: all that is kept, in order).
        self.rules: list[tuple[int, Callable[..., Any], tuple[int, ...] | None]] = [
            (i, rule, None if list(wanted) == names else tuple(names.index(w) for w in wanted))
            for i, rule, wanted in found
        ]
        self.names = tuple(names)
        self.fetch = tuple(op.source_of(name) for name in names)
        self.out_at = self.fetch.index(("out", 0)) if ("out", 0) in self.fetch else -1
        self.keeps_arrays = any(
            kind == "out" or (kind == "arg" and i < op.n_arrays) for kind, i in self.fetch
        )


def _missing_rule(op: Op, name: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    def refuse(g: Any) -> Any:
        raise NotImplementedError(f"[{op.name}] the derivative for '{name}' is not implemented")

    return refuse, ()


class Op(OpBase):
    """One operation: its definition on arrays, its gradient rules and its kernels."""

    def __init__(
        self,
        forward: Callable[..., Any],
        promote: str | None,
        view: bool,
        sequence: bool,
        differentiable: bool,
        grad_name: str | Callable[..., str] | None,
    ) -> None:
        # From the code object: `inspect` would cost more than all the rest of an import of this package.
        code = forward.__code__
        defaults = forward.__defaults__ or ()
        self.name = forward.__name__
        self.forward = forward
        self.arity = code.co_argcount
        self.names = list(code.co_varnames[: self.arity])
        self.n_arrays = code.co_posonlyargcount
        self.arrays = range(self.n_arrays)
        self.defaults = dict(zip(self.names[self.arity - len(defaults) :], defaults, strict=True))
        self.promote = promote
        self.view = view
        self.sequence = sequence
        self.differentiable = differentiable
        self.rules: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {}
        self.joint = False  # one rule gives the gradients of all inputs together
        self.kept_outputs: tuple[int, ...] | None = (
            None  # of several outputs those that rules read; None: all
        )
        self.plans: dict[int, Plan] = {}
        self.kernels: dict[type, Callable[..., Any]] = {}
        self.grad_name = grad_name or "".join(w.capitalize() for w in self.name.split("_")) + "Backward0"
        self.node_types: dict[str, type[Node]] = {}
        self.wide_numbers = False  # a Python number is not rounded to half precision before it is used
        self.check: Callable[[list[Any]], None] | None = (
            None  # looks at arrays of different dtypes before promotion
        )

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def vjp(self, **rules: Callable[..., Any]) -> None:
        """Set the gradient rule of each named input: `rule(g, *names of what to keep)`."""
        for name, rule in rules.items():
            if name not in self.names[: self.n_arrays]:
                raise TypeError(f"[{self.name}] gradient rule for an unknown input: got {name!r}")
            wanted = rule.__code__.co_varnames[1 : rule.__code__.co_argcount]
            for w in wanted:
                self.source_of(w)
            self.rules[name] = (rule, wanted)
        self.plans.clear()

    def joint_vjp(self, rule: Callable[..., Any]) -> None:
        """Set one rule for all inputs: `rule(g, *names)` returns a tuple with a gradient, or None, for each.

        It runs if any of them is needed: for kernels that get them all from one pass over memory.
        """
        self.vjp(**dict.fromkeys(self.names[: self.n_arrays], rule))
        self.joint = True

    def kernel(self, array_type: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: override the definition for arrays of `array_type`; returning NotImplemented declines."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.kernels[array_type] = function
            return function

        return register

    def source_of(self, name: str) -> tuple[str, int]:
        """Where a name in a rule's signature comes from: ("arg", i), ("shape", i), ("dtype", i) or ("out", 0)."""
        if name in self.names:
            return "arg", self.names.index(name)
        if name == "out":
            return "out", 0
        for kind in ("shape", "dtype"):
            if name.endswith("_" + kind) and name[: -len(kind) - 1] in self.names[: self.n_arrays]:
                return kind, self.names.index(name[: -len(kind) - 1])
        raise TypeError(f"[{self.name}] a gradient rule asks for an unknown name: got {name!r}")

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
        """All parameters in order, defaults filled in, and what was passed as `out=`."""
        names = self.names
        if len(args) > self.arity:
            raise TypeError(
                f"{self.name}() takes {self.arity} positional arguments but {len(args)} were given"
            )
        out = None
        values = list(args)
        if kwargs:
            kwargs = {k if k in names else _ALIASES.get(k, k): v for k, v in kwargs.items()}
            if "out" not in names:
                out = kwargs.pop("out", None)
        for name in names[len(args) :]:
            if name in kwargs:
                values.append(kwargs.pop(name))
            elif name in self.defaults:
                values.append(self.defaults[name])
            else:
                raise TypeError(f'{self.name}() missing 1 required positional arguments: "{name}"')
        if kwargs:
            name = next(iter(kwargs))
            problem = "multiple values for argument" if name in names else "an unexpected keyword argument"
            raise TypeError(f"{self.name}() got {problem} '{name}'")
        return tuple(values), out

    def run(self, raw: Sequence[Any]) -> Any:
        """The op on raw arrays: the kernel if there is one that takes the case, else the definition."""
        if self.kernels:
            first = raw[0][0] if self.sequence else raw[0]
            kernel = self.kernels.get(type(first))
            if kernel is not None:
                result = kernel(*raw)
                if result is not NotImplemented:
                    return result
        return self.forward(*raw)

    def node_type(self, args: tuple[Any, ...]) -> type[Node]:
        """The class of this call's `grad_fn`, named as PyTorch names it."""
        return self.named(self.grad_name if isinstance(self.grad_name, str) else self.grad_name(*args))

    def named(self, name: str) -> type[Node]:
        """The class of nodes of that name."""
        found = self.node_types.get(name)
        if found is None:
            found = self.node_types[name] = type(name, (Node,), {"__module__": __name__})
        return found


def op(
    *places: str,
    promote: str | None = None,
    view: bool = False,
    inplace: bool = False,
    sequence: bool = False,
    differentiable: bool = True,
    grad_name: str | Callable[..., str] | None = None,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], OpFunction]:
    """Decorator: make an op of a function over arrays and publish it.

    Args:
        places: where users find it: "torch", "Tensor", "F", "special", "linalg". None: internal.
        promote: "common" brings the arrays to one dtype by PyTorch's rules, "float" also makes integers floating.
        view: the result shares the first array's memory (unless the definition had to copy).
        inplace: also publish `<name>_` which writes the result into its first array.
        sequence: the first parameter is a sequence of arrays; its rule returns one gradient for each.
        differentiable: False for results that carry no gradient.
        grad_name: class name of `grad_fn`, or a function of the arguments that gives it.
        name: the published name, if not the function's own.
    """

    def decorate(forward: Callable[..., Any]) -> OpFunction:
        this = Op(forward, promote, view, sequence, differentiable, grad_name)
        OPS[this.name] = this

        call = calling(this)
        _dress(call, forward, this)
        publish(call, name or this.name, *places)
        if inplace:

            def call_(*args: Any, **kwargs: Any) -> Any:
                return apply_inplace(this, args, kwargs)

            _dress(call_, forward, this)
            call_.__name__ = call_.__qualname__ = (name or this.name) + "_"
            call_.__doc__ = (
                f"In-place form of `{name or this.name}`: the result replaces the tensor's elements."
            )
            publish(call_, call_.__name__, "Tensor")
        return call  # type: ignore[return-value]

    return decorate


def calling(this: Op, swapped: bool = False) -> Callable[..., Any]:
    """The op as a function, which serves as a method, too; `swapped`: it turns its two arguments round."""
    if native is not None:
        found: Callable[..., Any] = native.OpCall(this, swapped)
        return found

    def call(*args: Any, **kwargs: Any) -> Any:
        return apply(this, args[::-1] if swapped and len(args) == 2 else args, kwargs)

    return call


def _dress(call: Any, forward: Callable[..., Any], this: Op) -> None:
    call.__name__ = call.__qualname__ = forward.__name__
    call.__doc__ = forward.__doc__
    call.__module__ = forward.__module__
    call.__wrapped__ = forward  # where `help` and `inspect.signature` look
    call.op = this
    call.vjp = this.vjp
    call.joint_vjp = this.joint_vjp
    call.kernel = this.kernel


def publish(function: Callable[..., Any], name: str, *places: str) -> None:
    """Enter a function in the registry of public names; "Tensor" makes it a method at once."""
    for place in places:
        PUBLIC.setdefault(place, {})[name] = function
        if place == "Tensor":
            setattr(Tensor, name, function)


def public(*places: str, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator for the thin wrappers that give ops PyTorch's call shapes."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        publish(function, name or function.__name__, *places)
        return function

    return decorate


# ---- the one place that every call passes through ----------------------------------------------------------


def apply(this: Op, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
    """Run an op; with Tensors among its arrays, wrap the result and record it for autograd."""
    if kwargs or len(args) != this.arity:
        args, out = this.bind(args, kwargs or {})
        if out is not None:
            return _into(this, args, out)
    if this.sequence:
        return _apply_sequence(this, args)
    raw = list(args)
    mask = 0  # the inputs that need gradients
    tensors = False
    for i in this.arrays:
        x = raw[i]
        if isinstance(x, Tensor):
            tensors = True
            raw[i] = x._array
            if x._requires_grad:
                mask |= 1 << i
            elif x._base is not None and x._base._requires_grad and refresh(x) is not None:
                mask |= 1 << i  # a view whose base has got a history since
    if not tensors:
        return this.run(raw)
    result = NotImplemented
    if this.kernels:
        kernel = this.kernels.get(type(raw[0]))
        if kernel is not None:
            result = kernel(*raw)
    if result is NotImplemented:
        result = _define(this, raw)
    out = _wrap(result) if type(result) is not tuple else tuple([_wrap(r) for r in result])
    if this.view:
        _mark_views(this, args, out)
    if mask and grad_mode.get() and this.differentiable:
        _record(this, args, raw, out, mask)
    if observers:
        for observer in observers:
            observer(this, args, out)
    return out


def _apply_sequence(this: Op, args: tuple[Any, ...]) -> Any:
    """`apply` for an op whose first parameter is a sequence of arrays."""
    inputs = tuple(args[0])
    raw = [[x._array if isinstance(x, Tensor) else x for x in inputs], *args[1:]]
    if not any(isinstance(x, Tensor) for x in inputs):
        return this.run(raw)
    out = _wrap(_define(this, raw))
    if (
        any(isinstance(x, Tensor) and x._requires_grad for x in inputs)
        and grad_mode.get()
        and this.differentiable
    ):
        _record(this, args, raw, out, 1)
    for observer in observers:
        observer(this, args, out)
    return out


def _define(this: Op, raw: list[Any]) -> Any:
    """The op's definition on promoted arrays, without NumPy's warnings: overflow and NaN are results, not news."""
    if _QUIET is None:
        with np.errstate(all="ignore"):
            return _promoted(this, raw)
    token = _extobj_contextvar.set(_QUIET)
    try:
        return _promoted(this, raw)
    finally:
        _extobj_contextvar.reset(token)


def _promoted(this: Op, raw: list[Any]) -> Any:
    half = _promote(this, raw) if this.promote is not None else None
    try:
        result = this.forward(*raw)
    except ValueError as error:
        raise _clearer(raw, error) from None
    return result if half is None else result.astype(half)


def _clearer(raw: list[Any], error: ValueError) -> Exception:
    """PyTorch's error for shapes that do not broadcast in the place of NumPy's."""
    if "broadcast" not in str(error):
        return error
    shapes = [a.shape for a in raw if isinstance(a, np.ndarray)]
    for a, b in pairwise(shapes):
        for i in range(-1, -min(len(a), len(b)) - 1, -1):
            if a[i] != b[i] and 1 not in (a[i], b[i]):
                return RuntimeError(
                    f"The size of tensor a ({a[i]}) must match the size of tensor b ({b[i]}) at non-singleton "
                    f"dimension {max(len(a), len(b)) + i}"
                )
    return RuntimeError(str(error))


def _wrap(array: Any) -> Tensor:
    t: Tensor = _new(Tensor)
    t._array = array if isinstance(array, np.ndarray) else np.asarray(array)
    t._vc = [0]
    return t


def _record(this: Op, args: tuple[Any, ...], raw: list[Any], out: Any, mask: int) -> None:
    """Attach a node to the result: edges to the inputs' nodes, and what the rules of those inputs ask for."""
    plan = this.plans.get(mask)
    if plan is None:
        plan = this.plans[mask] = Plan(this, mask)
    if this.sequence:
        inputs: Any = args[0]
        live: Any = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x._requires_grad]
        edges: list[Any] = [None] * len(inputs)
    else:
        inputs, live, edges = args, plan.live, [None] * this.n_arrays
    node: Any = _new(plan.node_type or this.node_type(args))
    for i in live:
        x = inputs[i]
        edge = x._grad_fn
        if edge is None:
            edges[i] = x
            continue
        if x._base is not None:
            edge = refresh(x)
        if x._nr:
            node.slots = node.slots or [0] * len(edges)
            node.slots[i] = x._nr
        edges[i] = edge
    node.op = this
    node.edges = edges
    node.plan = plan
    node.seq = _sequence()
    if plan.fetch:
        _keep(node, args, raw, out)
    if type(out) is tuple:
        node.n_outputs = len(out)
        metas = [(t._array.shape, t._array.dtype) for t in out]
        node.meta = metas if len(out) > 1 else metas[0]
        for nr, t in enumerate(out):
            if t._array.dtype.kind in "fcV":
                t._requires_grad = True
                t._grad_fn = node
                t._nr = nr
        return
    array = out._array
    dtype = array.dtype
    if dtype.kind in "fcV":
        node.meta = (array.shape, dtype)
        out._requires_grad = True
        out._grad_fn = node


def _keep(node: Node, args: tuple[Any, ...], raw: list[Any], out: Any) -> None:
    """Save what the node's rules ask for, with the versions that tensors have now."""
    saved: list[Any] = []
    versions: list[Any] = []
    sequence = node.op.sequence
    for kind, i in node.plan.fetch:
        if kind == "arg":
            value = args[i]
            if isinstance(value, Tensor):
                if raw[i] is not value._array and not value._requires_grad:
                    value = _wrap(raw[i])  # in the dtype that the op computed with
                versions.append((value._vc, value._vc[0]))
            elif sequence and i == 0:
                versions.extend((v._vc, v._vc[0]) for v in value if isinstance(v, Tensor))
        elif kind == "out":
            if type(out) is tuple:
                wanted = node.op.kept_outputs or range(len(out))
                value = tuple([t._array if nr in wanted else None for nr, t in enumerate(out)])
                versions.extend([(out[nr]._vc, out[nr]._vc[0]) for nr in wanted])
            else:
                value = out._array
                versions.append((out._vc, out._vc[0]))
        elif kind == "shape":
            value = [a.shape for a in raw[0]] if sequence else np.shape(raw[i])
        else:
            value = [a.dtype for a in raw[0]] if sequence else args[i].dtype
        saved.append(value)
    node.saved = saved
    node.versions = versions


# ---- dtype promotion ---------------------------------------------------------------------------------------

_HALVES = "eV"


def _promote(this: Op, raw: list[Any]) -> Any:
    """Bring the arrays to the dtype that PyTorch computes in; Python numbers stay as they are where NumPy agrees.

    Returns the dtype that the result must be rounded to if that is a shorter one, else None: halves with a Python
    number are computed in float32.
    """
    n = this.n_arrays
    if n == 1:
        a = raw[0]
        if this.promote == "float" and isinstance(a, np.ndarray) and a.dtype.kind in "iub":
            raw[0] = a.astype(_dtype.get_default_dtype().numpy)
        return
    a, b = raw[0], raw[1]
    if n == 2:
        if type(a) is np.ndarray:
            if type(b) is np.ndarray:
                if a.dtype is b.dtype and (this.promote == "common" or a.dtype.kind in "fcV"):
                    return
            elif a.dtype.char in "fd" and type(b) in (float, int):
                return
        elif type(a) in (float, int) and type(b) is np.ndarray and b.dtype.char in "fd":
            return
    values = [v.item() if isinstance(v, np.generic) else v for v in raw[:n]]
    for i, v in enumerate(values):
        if v is not None and not isinstance(v, (np.ndarray, bool, int, float, complex)):
            raise TypeError(
                f"{this.name}(): argument '{this.names[i]}' (position {i + 1}) must be Tensor, not {type(v).__name__}"
            )
    if this.check is not None:
        this.check(values)
    target = _dtype.result_dtype(values)
    if this.promote == "float" and target.category < 2:
        target = _dtype.get_default_dtype()
    half = None
    numbers = any(isinstance(v, (int, float)) for v in values)
    if this.wide_numbers and numbers and target.itemsize == 2 and target.is_floating_point:
        half, target = target.numpy, _dtype.float32
    for i, v in enumerate(values):
        if isinstance(v, np.ndarray):
            raw[i] = v if v.dtype == target.numpy else v.astype(target.numpy)
        elif v is not None:
            raw[i] = np.asarray(v).astype(target.numpy)
    return half


# ---- out= and in-place -------------------------------------------------------------------------------------


def _into(this: Op, args: tuple[Any, ...], out: Any) -> Any:
    """Run an op and write its result into `out` (a Tensor, or a tuple of them), resizing it if need be."""
    inputs = args[0] if this.sequence else args[: this.n_arrays]
    if grad_mode.get():
        for t in (*inputs, *(out if isinstance(out, (tuple, list)) else (out,))):
            if isinstance(t, Tensor) and t._requires_grad:
                raise RuntimeError(
                    f"{this.name}(): functions with out=... arguments don't support automatic differentiation, "
                    "but one of the arguments requires grad."
                )
    return write_out(this.name, apply(this, args), out)


def write_out(name: str, result: Any, out: Any) -> Any:
    """Copy a result into the caller's `out=`; RuntimeError if the dtype does not fit."""
    if isinstance(result, tuple):
        if len(result) != len(out):
            raise TypeError(f"[{name}] out= needs {len(result)} tensors: got {len(out)}")
        for r, o in zip(result, out, strict=True):
            write_out(name, r, o)
        return out
    if out is None:
        return result
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    _check_cast(result._array.dtype, out._array.dtype)
    if out._array.shape != result._array.shape:
        out.resize_(result._array.shape)
    out._array[...] = result._array
    out._vc[0] += 1
    return out


def _check_cast(source: Any, target: Any) -> None:
    if source is not target:
        a, b = _dtype.from_numpy(source), _dtype.from_numpy(target)
        if not _dtype.can_cast(a, b):
            raise RuntimeError(
                f"result type {_scalar_name(a)} can't be cast to the desired output type {_scalar_name(b)}"
            )


_SCALAR_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long", "int32": "Int",
    "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip


def _scalar_name(d: _dtype.dtype) -> str:
    return _SCALAR_NAMES.get(d.name, d.name)


def check_inplace(t: Tensor) -> bool:
    """Whether an in-place change of `t` must be recorded; RuntimeError where PyTorch forbids the change."""
    if not grad_mode.get():
        return False
    if t._requires_grad and t._grad_fn is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    base = t._base
    if base is not None and base._requires_grad and base._grad_fn is None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )
    if t._view is not None and (t._requires_grad or t.requires_grad) and _is_one_of_many(t._view):
        raise RuntimeError(_one_of_many(t) + _IS_MODIFIED)
    return True


def check_overlap(t: Tensor) -> None:
    """RuntimeError if several elements lie in one place, as in what `expand` makes."""
    a = t._array
    if a.size and any(stride == 0 and n > 1 for stride, n in zip(a.strides, a.shape, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


_IS_MODIFIED = " is being modified inplace: such views may not be. Clone it first."
_MANY_VIEWS = ("split_sizes", "split_equal", "unbind")


def _is_one_of_many(calls: tuple[Any, ...]) -> bool:
    """Whether a view, or a view that it was made from, is one of several that a function returned."""
    return any(call[0].name in _MANY_VIEWS for call in calls)


def _one_of_many(t: Tensor) -> str:
    assert t._view is not None
    call = next(c for c in t._view if c[0].name in _MANY_VIEWS)
    return f"Output {call[2]} of {call[0].name}, a view made by a function that returns several views,"


def apply_inplace(
    this: Op, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, grad_name: str | None = None
) -> Tensor:
    """Run an op and let its result replace the elements of its first array, with PyTorch's rules for history.

    `grad_name` is the class name of the node, if it is not that of the ordinary op.
    """
    args, _ = this.bind(args, kwargs or {})
    target = args[0]
    recording = check_inplace(target)
    if 0 in target._array.strides and this.name != "fill":  # the same number everywhere harms nobody
        check_overlap(target)
    old = alias(target) if recording else target
    with nullcontext() if recording else _no_recording():
        result = apply(this, (old, *args[1:]))
    if result._array.shape != target._array.shape:
        raise RuntimeError(
            f"output with shape {list(target._array.shape)} doesn't match the broadcast shape "
            f"{list(result._array.shape)}"
        )
    _check_cast(result._array.dtype, target._array.dtype)
    if recording and old._requires_grad and not result._requires_grad:
        from ..ops.index import copy

        result = apply(copy.op, (old, result))  # the old elements are gone: no gradient reaches them
    if recording and result._requires_grad:
        if target._view is not None and _is_one_of_many(target._view):
            raise RuntimeError(_one_of_many(target) + _IS_MODIFIED)
        _keep_old_value(result._grad_fn, old)
    # A large array that nobody else can see gives its place to the result; a parameter's memory stays where it is.
    if native is None or type(target) is not Tensor or not native.exchange(target, old, result):
        target._array[...] = result._array
    target._vc[0] += 1
    if recording and result._requires_grad:
        node = result._grad_fn
        if grad_name is not None:
            node.__class__ = this.named(grad_name)
        array = target._array
        node.meta = (array.shape, array.dtype)
        if node.plan is not None and node.plan.out_at >= 0:
            # The result lives in the target from now on.
            node.saved[node.plan.out_at] = array
            node.versions = [v for v in node.versions if v[0] is not result._vc] + [
                (target._vc, target._vc[0])
            ]
        rebase(target, node)
    return target


def _keep_old_value(node: Any, old: Tensor) -> None:
    """A rule that asks for the input means its elements before the change: keep a copy of them."""
    if node.plan is None or ("arg", 0) not in node.plan.fetch:
        return
    kept = _wrap(old._array.copy())
    kept._requires_grad, kept._grad_fn, kept._nr = old._requires_grad, old._grad_fn, old._nr
    node.saved[node.plan.fetch.index(("arg", 0))] = kept
    for k, (counter, _) in enumerate(node.versions):
        if counter is old._vc:  # one entry only: another argument may lie in the same memory
            del node.versions[k]
            break


@contextmanager
def _no_recording() -> Iterator[None]:
    token = grad_mode.set(False)
    try:
        yield
    finally:
        grad_mode.reset(token)


def alias(t: Tensor) -> Tensor:
    """Another Tensor over the same memory with the history that `t` has now."""
    if t._base is not None and t._grad_fn is not None:
        refresh(t)
    other = _wrap(t._array)
    other._vc = t._vc
    other._requires_grad = t._requires_grad
    other._grad_fn = t._grad_fn
    other._nr = t._nr
    return other


# ---- views -------------------------------------------------------------------------------------------------


def _mark_views(this: Op, args: tuple[Any, ...], out: Any) -> None:
    """Note whose memory the results share: version counter, base, and the calls that lead from base to view."""
    source = args[0]
    if not isinstance(source, Tensor):
        return
    owner = source._array
    base = source if source._base is None else source._base
    for nr, t in enumerate(out if type(out) is tuple else (out,)):
        memory = t._array.base
        if memory is owner or (memory is not None and memory is owner.base):
            t._vc = source._vc
            t._base = base
            t._view = (source._view or ()) + ((this, args[1:], nr),)
            t._view_version = t._vc[0]
            if source._requires_grad and t._array.dtype.kind in "fcV":
                t._requires_grad = True  # also where nothing is recorded: it is then a leaf of its own


def refresh(view: Tensor) -> Node | None:
    """The up-to-date history of a view: replayed from its base if an in-place change came in between."""
    if view._view_version != view._vc[0]:
        base = view._base
        assert base is not None and view._view is not None
        if base._requires_grad:
            if _is_one_of_many(view._view):
                raise RuntimeError(
                    _one_of_many(view) + " has a base that was modified inplace: clone it before that."
                )
            if view._requires_grad and view._grad_fn is None:
                raise RuntimeError(
                    "A view was created in no_grad mode and its base or another view of its base has been modified "
                    "inplace since. Whether that is meant to be differentiated is open, so it is forbidden: make both "
                    "the view and the change inside no_grad, or both outside, or use detach()."
                )
            with enable_grad():
                t: Any = base
                for this, rest, nr in view._view:
                    t = apply(this, (t, *rest))
                    t = t[nr] if type(t) is tuple else t
            if not _same_place(t._array, view._array):
                raise NotImplementedError(
                    "[autograd] the base of a view changed its shape in place (as t_() or squeeze_() do): take the "
                    "view anew after that"
                )
            view._requires_grad = t._requires_grad
            view._grad_fn = t._grad_fn
            if t._grad_fn is not None:
                t._grad_fn.__class__ = this.named("AsStridedBackward0")  # the name of what PyTorch does here
            view._nr = t._nr
        view._view_version = view._vc[0]
    return view._grad_fn


def _same_place(a: Any, b: Any) -> bool:
    """Whether two arrays are the same elements of the same memory."""
    if a.shape != b.shape:
        return False
    here, there = a.__array_interface__["data"][0], b.__array_interface__["data"][0]
    steps = all(n <= 1 or s == t for n, s, t in zip(a.shape, a.strides, b.strides, strict=True))
    return a.size == 0 or (here == there and steps)


def rebase(target: Tensor, node: Node) -> None:
    """Make `node` the history of a tensor that was just changed in place; of its base too, if it is a view."""
    target._requires_grad = True
    old = target._grad_fn
    if old is not None and old.retained and target._nr in old.retained:  # `grad` is kept of what it is now
        node.hooked = True
        node.retained = {0: old.retained.pop(target._nr)}
    base = target._base
    if base is None:
        target._grad_fn = node
        target._nr = 0
        return
    assert target._view is not None
    change = _new(CopySlices)
    change.edges = [base if base._requires_grad and base._grad_fn is None else base._grad_fn, node]
    change.slots = [base._nr, 0] if base._nr else None
    change.saved = [target._view, base._array.shape]
    change.seq = _sequence()
    change.meta = (base._array.shape, base._array.dtype)
    base._requires_grad = True
    base._grad_fn = change
    base._nr = 0
    target._grad_fn = node
    target._view_version = -1
    refresh(target)


class CopySlices(Node):
    """History of a tensor of which a view was changed in place: the view's part of the gradient goes its own way."""

    def gradients(self, g: Any, wanted: Sequence[bool] | None, graph: bool) -> list[Any]:
        from ..ops.pointwise import where

        self.check_saved()
        chain, shape = self.saved
        part, mask = g, namespace(g._array if graph else g).zeros(shape, "bool")
        hole = mask
        for this, rest, nr in chain:
            part, hole = apply(this, (part, *rest)), apply(this, (hole, *rest))
            if type(part) is tuple:
                part, hole = part[nr], hole[nr]
        hole[...] = True
        return [where(mask, 0.0, g), part]


if native is not None:
    # The same way in native code for the ordinary case; for the rest it turns to the functions here.
    native.set_up(
        {
            "Tensor": Tensor,
            "apply": apply,
            "define": _define,
            "record": _record,
            "mark_views": _mark_views,
            "refresh": refresh,
            "node_type": Op.node_type,
            "observers": observers,
            "grad_mode": grad_mode,
            "numpy_mode": _extobj_contextvar,
            "quiet": _QUIET,
        }
    )
    apply = native.apply
