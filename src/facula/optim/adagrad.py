"""Adagrad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..factory import full_like, tensor
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


class Adagrad(Optimizer):
    """Adagrad: steps scaled by the root of the sum of all squared gradients so far.

    For a parameter p with gradient g (-g with `maximize`), at step t:
    `g += weight_decay * p`; `s += g^2`; `p -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)`.

    Args:
        params: parameters, groups of them, or (name, parameter) pairs.
        lr: learning rate; a number or a one-element tensor.
        lr_decay, weight_decay, eps: as in the formula.
        initial_accumulator_value: the first value of s.
        maximize: go up, not down.
        foreach, fused: accepted; there is one way to compute it.
        differentiable: not supported.

    Raises:
        ValueError: a negative value.
        NotImplementedError: `differentiable`, or complex parameters.

    State (from the start): `step`, `sum` (s), for each parameter. Source: Duchi et al., 2011.

    >>> import facula
    >>> w = facula.tensor([1.0], requires_grad=True)
    >>> optimizer = facula.optim.Adagrad([w], lr=0.1)
    >>> (w * 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options("Adagrad", lr=lr, foreach=foreach, fused=fused, differentiable=differentiable)
        if not lr_decay >= 0.0:
            raise ValueError(f"Invalid lr_decay value: {lr_decay}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not initial_accumulator_value >= 0.0:
            raise ValueError(f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; see `Optimizer.add_param_group`."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in group["params"]:
            if p.is_complex():
                raise NotImplementedError("[Adagrad] complex parameters are not supported")
            self.state[p] = {
                "step": new_step_count(),
                "sum": full_like(p, group["initial_accumulator_value"]).detach(),
            }

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in ("foreach", "fused"):
                group.setdefault(name, None)
            for name in ("maximize", "differentiable"):
                group.setdefault(name, False)
        for known in self.state.values():
            if "step" in known and not isinstance(known["step"], Tensor):
                known["step"] = tensor(float(known["step"]))  # older files have a number

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters from their gradients; see `Optimizer.step`."""
        loss = run_closure(closure)
        for group in self.param_groups:
            params = with_grads(group)
            rates = []
            for p in params:
                count = self.state[p]["step"]._array
                count += 1
                rates.append(number(group["lr"]) / (1 + (count.item() - 1) * group["lr_decay"]))
            arrays, grads = raw(params), raw(p.grad for p in params)
            sums = raw(self.state[p]["sum"] for p in params)
            options = {name: group[name] for name in ("eps", "weight_decay", "maximize")}
            if kernels.adagrad_step(arrays, grads, sums, rates, **options) is NotImplemented:
                for array, grad, total, lr in zip(arrays, grads, sums, rates, strict=True):
                    update(_adagrad, [array, total], grad, lr=lr, **options)
            changed(params)
        return loss


def _adagrad(
    param: Any, total: Any, grad: Any, *, lr: float, eps: float, weight_decay: float, maximize: bool
) -> None:
    """The definition, for one parameter."""
    if maximize:
        grad = -grad
    if weight_decay != 0:
        grad = grad + param * weight_decay
    xp = namespace(param)
    work = grad * grad
    total += work
    xp.sqrt(total, out=work)
    work += eps
    xp.divide(grad * lr, work, out=work)
    param -= work
