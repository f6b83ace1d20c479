"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..factory import empty_like
from ..kernels import optim as kernels
from .optimizer import Optimizer, changed, check_options, number, raw, run_closure, update, with_grads


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, Nesterov momentum and weight decay.

    For a parameter p with gradient g (-g with `maximize`):
    `g += weight_decay * p`; with momentum `b = g` at the first step, then
    `b = momentum * b + (1 - dampening) * g`, and g becomes b, or `g + momentum * b` with `nesterov`;
    `p -= lr * g`.

    Args:
        params: parameters, groups of them, or (name, parameter) pairs.
        lr: learning rate; a number or a one-element tensor.
        momentum, dampening, weight_decay: as in the formula.
        nesterov: Nesterov's momentum; needs momentum and no dampening.
        maximize: go up, not down.
        foreach, fused: accepted; there is one way to compute it.
        differentiable: not supported.

    Raises:
        ValueError: a negative value, or nesterov without momentum.
        NotImplementedError: `differentiable`.

    State: `momentum_buffer` for each parameter.
    Source: Sutskever et al., 2013, in the variant where the learning rate multiplies the whole buffer.

    >>> import facula
    >>> w = facula.tensor([1.0], requires_grad=True)
    >>> optimizer = facula.optim.SGD([w], lr=0.1)
    >>> (w * 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options("SGD", lr=lr, foreach=foreach, fused=fused, differentiable=differentiable)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in _LATER_OPTIONS.items():
                group.setdefault(name, default)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters from their gradients; see `Optimizer.step`."""
        loss = run_closure(closure)
        for group in self.param_groups:
            params = with_grads(group)
            if not params:
                continue
            if group["momentum"] == 0:
                _step(group, params, None)
                continue
            known = [p for p in params if self.state[p].get("momentum_buffer") is not None]
            if len(known) < len(params):
                fresh = [p for p in params if self.state[p].get("momentum_buffer") is None]
                for p in fresh:
                    self.state[p]["momentum_buffer"] = empty_like(p).detach()
                _step(group, fresh, [self.state[p]["momentum_buffer"] for p in fresh], first=True)
            if known:
                _step(group, known, [self.state[p]["momentum_buffer"] for p in known])
        return loss


_LATER_OPTIONS: dict[str, Any] = {
    "nesterov": False,
    "maximize": False,
    "foreach": None,
    "differentiable": False,
    "fused": None,
}


def _step(
    group: dict[str, Any], params: list[Tensor], buffers: list[Tensor] | None, first: bool = False
) -> None:
    options = {
        "first": first,
        "lr": number(group["lr"]),
        "momentum": group["momentum"],
        "dampening": group["dampening"],
        "weight_decay": number(group["weight_decay"]),
        "nesterov": group["nesterov"],
        "maximize": group["maximize"],
    }
    arrays, grads = raw(params), raw([p.grad for p in params])
    momenta = None if buffers is None else raw(buffers)
    if kernels.sgd_step(arrays, grads, momenta, **options) is NotImplemented:
        for i, (array, grad) in enumerate(zip(arrays, grads, strict=True)):
            update(_sgd, [array, None if momenta is None else momenta[i]], grad, **options)
    changed(params)


def _sgd(
    param: Any,
    buffer: Any,
    grad: Any,
    *,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """The definition, for one parameter."""
    if maximize:
        grad = -grad
    if weight_decay != 0:
        grad = grad + param * weight_decay
    if buffer is not None:
        if first:
            buffer[...] = grad
        else:
            buffer *= momentum
            buffer += grad * (1 - dampening)
        grad = grad + buffer * momentum if nesterov else buffer
    param -= grad * lr
