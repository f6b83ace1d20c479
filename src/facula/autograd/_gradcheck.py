"""Comparing gradients with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._tensor import Tensor, wrap
from ..random import default_generator, uniform
from .engine import grad
from .mode import no_grad


class GradcheckError(RuntimeError):
    """A gradient does not agree with finite differences."""


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else tuple(x) if isinstance(x, list) else (x,)


def _floating(outputs: Any) -> list[Tensor]:
    return [t for t in _tuple(outputs) if isinstance(t, Tensor) and t._array.dtype.kind in "fcV"]


def _numerical(function: Callable[..., Any], inputs: tuple[Any, ...], x: Tensor, eps: float) -> list[Any]:
    """For each real part of an output the Jacobian by central differences: (x.numel(), output.numel())."""
    columns: list[list[Any]] = []
    directions = (eps, eps * 1j) if x.is_complex() else (eps,)
    for i in range(x._array.size):
        place = np.unravel_index(i, x._array.shape)
        before = x._array[place]
        row: list[Any] | None = None
        for step in directions:
            values = []
            for sign in (1, -1):
                x._array[place] = before + sign * step
                with no_grad():
                    values.append([p for t in _floating(function(*inputs)) for p, _ in _real_parts(t._array)])
            x._array[place] = before
            slopes = [((a - b) / (2 * eps)).reshape(-1) for a, b in zip(*values, strict=True)]
            # For complex inputs PyTorch's convention: d/dRe + i d/dIm of a real function's conjugate gradient.
            row = slopes if row is None else [r + 1j * s for r, s in zip(row, slopes, strict=True)]
        assert row is not None
        columns.append(row)
    sizes = [p.size for t in _floating(function(*inputs)) for p, _ in _real_parts(t._array)]
    return [np.array([c[k] for c in columns]).reshape(x._array.size, n) for k, n in enumerate(sizes)]


def _real_parts(array: Any) -> list[tuple[Any, complex]]:
    """A result as real functions in float64, and the seed of the backward pass that belongs to each of them."""
    if array.dtype.kind == "c":
        return [(array.real.astype(np.float64), 1), (array.imag.astype(np.float64), 1j)]
    return [(array.astype(np.float64), 1)]


def _analytical(output: Tensor, x: Tensor, one: complex) -> Any:
    """The Jacobian of one output (or of its imaginary part) with respect to `x`, a backward pass for each element."""
    n, m = x._array.size, output._array.size
    jacobian = np.zeros((n, m), x._array.dtype)
    for j in range(m):
        seed = np.zeros(output._array.shape, output._array.dtype)
        seed.reshape(-1)[j] = one
        (g,) = grad(output, x, wrap(seed), retain_graph=True, allow_unused=True)
        if g is not None:
            jacobian[:, j] = g._array.reshape(-1)
    return jacobian


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` agree with central finite differences at `inputs`.

    The inputs that require grad should be float64 or complex128. Of complex results the real and the imaginary part
    are checked each by itself.

    Raises:
        GradcheckError (a RuntimeError): they do not agree, unless `raise_exception=False`.
        ValueError: no input requires grad.
        NotImplementedError: forward mode, batched or fast checks were asked for.

    >>> import facula
    >>> x = facula.tensor([0.5, 2.0], dtype=facula.float64, requires_grad=True)
    >>> gradcheck(lambda t: t.exp() * t, (x,))
    True
    """
    for name, asked in (
        ("check_batched_grad", check_batched_grad), ("check_batched_forward_grad", check_batched_forward_grad),
        ("check_forward_ad", check_forward_ad), ("fast_mode", fast_mode), ("masked", bool(masked)),
    ):  # fmt: skip
        if asked:
            raise NotImplementedError(f"[gradcheck] {name}=True is not supported")
    inputs = _tuple(inputs)
    checked = [(i, x) for i, x in enumerate(inputs) if isinstance(x, Tensor) and x._requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )

    def fail(text: str) -> bool:
        if raise_exception:
            raise GradcheckError(text)
        return False

    if not check_backward_ad:
        return True
    for i, x in checked:
        numerical = _numerical(func, inputs, x, eps)
        outputs = _floating(func(*inputs))
        parts = [
            (k, output, one) for k, output in enumerate(outputs) for _, one in _real_parts(output._array)
        ]
        for (k, output, one), expected in zip(parts, numerical, strict=True):
            if not output._requires_grad:
                if expected.any() and not any(o._requires_grad for o in outputs):
                    return fail(
                        f"output {k} depends on input {i} but does not require grad,\nnumerical:{expected}\n"
                    )
                continue
            analytical = _analytical(output, x, one)
            if not np.allclose(analytical, expected, rtol, atol, equal_nan=True):
                return fail(
                    f"Jacobian mismatch for output {k} with respect to input {i},\nnumerical:{expected}\n"
                    f"analytical:{analytical}\n"
                )
            again = _analytical(output, x, one)
            if not np.allclose(analytical, again, 0, nondet_tol, equal_nan=True):
                return fail(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    f"gives different values for output {k}, although analytical gradient matches numerical gradient."
                )
            if check_grad_dtypes:
                (g,) = grad(output, x, output.detach(), retain_graph=True, allow_unused=True)
                if g is not None and g.dtype is not x.dtype:
                    return fail(f"gradient of input {i} has dtype {g.dtype}: expected {x.dtype}")
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivatives of `func` agree with finite differences of the first; arguments as `gradcheck`.

    `grad_outputs` are the vectors that the first backward pass starts from (default: random numbers).
    """
    if check_fwd_over_rev or gen_non_contig_grad_outputs:
        raise NotImplementedError(
            "[gradgradcheck] forward mode and non-contiguous grad_outputs are not supported"
        )
    inputs = _tuple(inputs)
    outputs = [t for t in _floating(func(*inputs)) if t._requires_grad]
    if grad_outputs is None:
        draw = default_generator.clone_state()
        seeds = [wrap(uniform(t._array.shape, t._array.dtype, -1.0, 1.0, draw), True) for t in outputs]
    else:
        seeds = list(_tuple(grad_outputs))
    differentiated = [x for x in inputs if isinstance(x, Tensor) and x._requires_grad]

    def first(*args: Any) -> Any:
        given, vectors = args[: len(inputs)], args[len(inputs) :]
        results = [t for t in _floating(func(*given)) if t._requires_grad]
        targets = [x for x in given if isinstance(x, Tensor) and x._requires_grad]
        found = grad(results, targets, list(vectors), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g._requires_grad)

    def outer(*args: Any) -> Any:
        from .mode import enable_grad

        with enable_grad():
            return first(*args)

    if not differentiated:
        raise ValueError("gradgradcheck expects at least one input tensor to require gradient")
    if not outer(*inputs, *seeds):
        return True
    return gradcheck(
        outer, (*inputs, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad, fast_mode=fast_mode, masked=masked,
    )  # fmt: skip
