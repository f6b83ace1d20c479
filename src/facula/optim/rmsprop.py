"""RMSprop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..factory import tensor, zeros_like
from ..kernels import optim as kernels
from ..kernels.namespace import namespace
from .optimizer import (
    Optimizer,
    changed,
    check_options,
    new_step_count,
    number,
    raw,
    run_closure,
    update,
    with_grads,
)


class RMSprop(Optimizer):
    """RMSprop: steps scaled by a running mean of the gradient's square.

    For a parameter p with gradient g (-g with `maximize`):
    `g += weight_decay * p`; `v = alpha v + (1 - alpha) g^2`; with `centered` also
    `a = alpha a + (1 - alpha) g` and v is replaced by `v - a^2`; `d = g / (sqrt(v) + eps)`; with momentum
    `b = momentum b + d` and d becomes b; `p -= lr * d`.

    Args:
        params: parameters, groups of them, or (name, parameter) pairs.
        lr: learning rate; a number or a one-element tensor.
        alpha, eps, weight_decay, momentum, centered: as in the formula.
        maximize: go up, not down.
        foreach, capturable: accepted; there is one way to compute it.
        differentiable: not supported.

    Raises:
        ValueError: a negative value.
        NotImplementedError: `differentiable`, or complex parameters.

    State: `step`, `square_avg` and, as needed, `momentum_buffer`, `grad_avg`, for each parameter.
    Source: Hinton's lecture 6e of 2012; centered: Graves, 2013 (arXiv:1308.0850).

    >>> import facula
    >>> w = facula.tensor([1.0], requires_grad=True)
    >>> optimizer = facula.optim.RMSprop([w], lr=0.05)
    >>> (w * 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options("RMSprop", lr=lr, foreach=foreach, differentiable=differentiable, capturable=capturable)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not momentum >= 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not alpha >= 0.0:
            raise ValueError(f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in _LATER_OPTIONS.items():
                group.setdefault(name, default)
            for p in group["params"]:
                known = self.state.get(p)
                if known and not isinstance(known["step"], Tensor):
                    known["step"] = tensor(float(known["step"]))  # older files have a number

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters from their gradients; see `Optimizer.step`."""
        loss = run_closure(closure)
        for group in self.param_groups:
            options = {
                name: number(group[name])
                for name in ("lr", "alpha", "eps", "weight_decay", "momentum", "maximize")
            }
            params = with_grads(group)
            states = [self._state_of(p, group) for p in params]
            for state in states:
                count = state["step"]._array
                count += 1
            lists: list[Any] = [raw(params), raw(p.grad for p in params), *_lists(group, states)]
            if kernels.rmsprop_step(*lists, **options) is NotImplemented:
                for i, (param, grad) in enumerate(zip(*lists[:2], strict=True)):
                    others = [None if a is None else a[i] for a in lists[2:]]
                    update(_rmsprop, [param, *others], grad, **options)
            changed(params)
        return loss

    def _state_of(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = self.state[p]
        if not state:
            if p.is_complex():
                raise NotImplementedError("[RMSprop] complex parameters are not supported")
            state["step"] = new_step_count()
            state["square_avg"] = zeros_like(p).detach()
            if group["momentum"] > 0:
                state["momentum_buffer"] = zeros_like(p).detach()
            if group["centered"]:
                state["grad_avg"] = zeros_like(p).detach()
        return state


_LATER_OPTIONS: dict[str, Any] = {
    "momentum": 0,
    "centered": False,
    "foreach": None,
    "maximize": False,
    "differentiable": False,
    "capturable": False,
}


def _lists(group: dict[str, Any], states: list[dict[str, Any]]) -> list[list[Any] | None]:
    """The raw arrays of the running squares, the momentum and the running mean; None for what is not in use."""
    momentum, centered = group["momentum"] > 0, group["centered"]
    return [
        raw(state["square_avg"] for state in states),
        raw(state["momentum_buffer"] for state in states) if momentum else None,
        raw(state["grad_avg"] for state in states) if centered else None,
    ]


def _rmsprop(
    param: Any,
    square: Any,
    buffer: Any,
    average: Any,
    grad: Any,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """The definition, for one parameter."""
    xp = namespace(param)
    if maximize:
        grad = -grad
    if weight_decay != 0:
        grad = grad + param * weight_decay
    # In place where possible: fresh memory for large arrays costs more than the arithmetic.
    work = grad * (1 - alpha)
    work *= grad
    square *= alpha
    square += work
    if average is None:
        xp.sqrt(square, out=work)
    else:
        xp.subtract(grad, average, out=work)
        work *= 1 - alpha
        average += work
        xp.multiply(average, average, out=work)
        xp.subtract(square, work, out=work)
        xp.sqrt(work, out=work)
    work += eps
    if buffer is None:
        xp.divide(grad * lr, work, out=work)
    else:
        xp.divide(grad, work, out=work)
        buffer *= momentum
        buffer += work
        xp.multiply(buffer, lr, out=work)
    param -= work
