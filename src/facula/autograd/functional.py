"""Jacobians, Hessians and their products with vectors, of functions from tensors to tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..factory import zeros_like
from ..ops.reshaping import stack
from .engine import grad
from .mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tensors(name: str, what: str, value: Any) -> tuple[tuple[Tensor, ...], bool]:
    """The tensors as a tuple, and whether they came as one."""
    several = isinstance(value, (tuple, list))
    found = tuple(value) if several else (value,)
    for i, t in enumerate(found):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the value at index {i} "
                f"has type {type(t)}."
            )
    return found, several


def _leaves(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """Copies to differentiate with respect to; with `create_graph` they stay connected to the caller's tensors."""
    return tuple(
        t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_() for t in inputs
    )


def _finished(values: tuple[Any, ...], several: bool, keep: bool) -> Any:
    done = values if keep else tuple(v.detach() for v in values)
    return done if several else done[0]


def _check_strategy(name: str, strategy: str, vectorize: bool = False) -> None:
    if strategy != "reverse-mode":
        raise NotImplementedError(f"[{name}] only strategy='reverse-mode' is supported: got {strategy!r}")
    if vectorize:
        raise NotImplementedError(f"[{name}] vectorize=True is not supported")


def _gradients(
    outputs: Any, inputs: Any, vectors: Any, create_graph: bool, strict: bool, name: str
) -> tuple[Tensor, ...]:
    """`grad` with zeros for what does not depend; with `strict` that is a RuntimeError."""
    live = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o.requires_grad]
    if strict and len(live) < len(outputs):
        raise RuntimeError(
            f"The output of the user-provided function is independent of all inputs given to {name}."
        )
    found: Any = (None,) * len(inputs)
    if live:
        outs, vs = zip(*live, strict=True)
        found = grad(outs, inputs, list(vs), retain_graph=True, create_graph=create_graph, allow_unused=True)
    if strict and any(g is None for g in found):
        raise RuntimeError(
            f"The output of the user-provided function is independent of input {list(found).index(None)} in {name}."
        )
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All derivatives of `func` at `inputs`: for each output and input a tensor of shape (*output, *input).

    One tensor, a tuple (one output, several inputs), or a tuple of tuples, as the arguments and results are.

    >>> import facula
    >>> jacobian(lambda x: x * x, facula.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_strategy("jacobian", strategy, vectorize)
    given, several_in = _tensors("jacobian", "inputs", inputs)
    with enable_grad():
        points = _leaves(given, create_graph)
        outputs, several_out = _tensors("jacobian", "outputs of the user-provided function", func(*points))
        rows: list[Any] = []
        for out in outputs:
            by_input: list[list[Tensor]] = [[] for _ in points]
            for i in range(out.numel()):
                one = zeros_like(out).reshape(-1)
                one[i] = 1
                found = _gradients(
                    (out,), points, (one.reshape(out.shape),), create_graph, strict, "jacobian"
                )
                for column, g in zip(by_input, found, strict=True):
                    column.append(g)
            parts = [
                stack(column).reshape(tuple(out.shape) + tuple(x.shape))
                if column
                else x.new_zeros((*out.shape, *x.shape))
                for column, x in zip(by_input, points, strict=True)
            ]
            rows.append(_finished(tuple(parts), several_in, create_graph))
    return tuple(rows) if several_out else rows[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function with one number as its result.

    >>> import facula
    >>> hessian(lambda x: (x ** 3).sum(), facula.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy, vectorize)
    _, several = _tensors("hessian", "inputs", inputs)

    def slope(*points: Tensor) -> Any:
        out = func(*points)
        if not isinstance(out, Tensor) or out.numel() != 1:
            raise RuntimeError(
                "The Tensor returned by the function given to hessian should contain a single element"
            )
        found = _gradients(
            (out.reshape(()),), points, (zeros_like(out.reshape(())) + 1,), True, strict, "hessian"
        )
        return found if several else found[0]

    return jacobian(slope, inputs, create_graph=create_graph, strict=strict)


def _vectors(name: str, v: Any, like: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                f"element ({name})."
            )
        return (zeros_like(like[0]) + 1,)
    found, _ = _tensors(name, "v", v)
    for a, b in zip(found, like, strict=True):
        if a.shape != b.shape:
            raise RuntimeError(
                f"[{name}] v must have the shape of what it multiplies: got {tuple(a.shape)} and {tuple(b.shape)}"
            )
    return found


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The function's result, and the product of the vector `v` with its Jacobian."""
    given, several_in = _tensors("vjp", "inputs", inputs)
    with enable_grad():
        points = _leaves(given, create_graph)
        outputs, several_out = _tensors("vjp", "outputs of the user-provided function", func(*points))
        found = _gradients(outputs, points, _vectors("vjp", v, outputs), create_graph, strict, "vjp")
    return _finished(outputs, several_out, create_graph), _finished(found, several_in, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The function's result, and the product of its Jacobian with the vector `v` (by differentiating twice)."""
    given, _ = _tensors("jvp", "inputs", inputs)
    with enable_grad():
        points = _leaves(given, create_graph)
        outputs, several_out = _tensors("jvp", "outputs of the user-provided function", func(*points))
        seeds = tuple(zeros_like(o).requires_grad_() for o in outputs)
        pulled = _gradients(outputs, points, seeds, True, strict, "jvp")
        found = _gradients(pulled, seeds, _vectors("jvp", v, points), create_graph, False, "jvp")
    return _finished(outputs, several_out, create_graph), _finished(found, several_out, create_graph)


def _second(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> Any:
    given, several = _tensors(name, "inputs", inputs)
    with enable_grad():
        points = _leaves(given, create_graph)
        out = func(*points)
        if not isinstance(out, Tensor) or out.numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {name} should contain a single element"
            )
        slopes = _gradients((out,), points, (zeros_like(out) + 1,), True, strict, name)
        found = _gradients(slopes, points, _vectors(name, v, points), create_graph, strict, name)
    return _finished((out,), False, create_graph), _finished(found, several, create_graph)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The function's result (one number), and the product of the vector `v` with its Hessian."""
    return _second("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The function's result (one number), and the product of its Hessian with the vector `v`: as `vhp`, by symmetry."""
    return _second("hvp", func, inputs, v, create_graph, strict)
