"""Limiting the size of gradients."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from ..._tensor import Tensor
from ...autograd.mode import no_grad
from ...factory import tensor


def _list(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _norm(t: Tensor, p: float) -> Tensor:
    """The p-norm of all elements, a 0-d tensor."""
    if p == 2.0:
        return (t * t).sum().sqrt()
    magnitude = t.abs()
    if p == float("inf"):
        return magnitude.max()
    if p == float("-inf"):
        return magnitude.min()
    if p == 0.0:
        return (t != 0).to(t.dtype).sum()
    if p == 1.0:
        return magnitude.sum()
    return magnitude.pow(p).sum().pow(1.0 / p)


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of several tensors as if they were one vector.

    Args:
        tensors: one tensor or several, of any shapes.
        norm_type: the p of the norm; `inf` for the largest magnitude.
        error_if_nonfinite: raise RuntimeError when the result is NaN or infinite.
        foreach: accepted; there is one way to compute it.

    Returns:
        A 0-d tensor; 0 without tensors.

    >>> import facula
    >>> get_total_norm([facula.tensor([3.0]), facula.tensor([4.0])])
    tensor(5.)
    """
    tensors = _list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return tensor(0.0)
    norms = [_norm(t, norm_type) for t in tensors]
    from ... import stack

    total = _norm(stack([n.to(norms[0].dtype) for n in norms]), norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
            "cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients by `max_norm / (total_norm + 1e-6)` where that is below 1.

    Args:
        parameters: whose `.grad` is changed in place.
        max_norm: the largest norm that is let through.
        total_norm: their norm, as `get_total_norm` gives it.
        foreach: accepted; there is one way to compute it.
    """
    grads = [p.grad for p in _list(parameters) if p.grad is not None]
    if not grads:
        return
    # Multiplying by 1, too, spares a look at the value, which a device would have to wait for.
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor)


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of all parameters together so that their norm is at most `max_norm`.

    Args:
        parameters: one tensor or several; those without a gradient are passed over.
        max_norm: the largest norm that is let through.
        norm_type: the p of the norm; `inf` for the largest magnitude.
        error_if_nonfinite: raise RuntimeError when the norm is NaN or infinite.
        foreach: accepted; there is one way to compute it.

    Returns:
        The norm before scaling, a 0-d tensor.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> p.grad = facula.tensor([3.0, 4.0])
    >>> facula.nn.utils.clip_grad_norm_(p, 1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    parameters = _list(parameters)
    grads = [p.grad for p in parameters if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


@no_grad()
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every gradient element to [-clip_value, clip_value].

    Args:
        parameters: one tensor or several; those without a gradient are passed over.
        clip_value: the largest magnitude that is let through.
        foreach: accepted; there is one way to compute it.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> p.grad = facula.tensor([3.0, -0.5])
    >>> facula.nn.utils.clip_grad_value_(p, 1.0)
    >>> p.grad
    tensor([ 1.0000, -0.5000])
    """
    limit = float(clip_value)
    for parameter in _list(parameters):
        if parameter.grad is not None:
            parameter.grad.clamp_(min=-limit, max=limit)


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """Deprecated name of `clip_grad_norm_`."""
    warnings.warn(
        "`clip_grad_norm` is deprecated in favor of `clip_grad_norm_`.", FutureWarning, stacklevel=2
    )
    return clip_grad_norm_(*args, **kwargs)
