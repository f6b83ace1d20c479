"""Adam."""

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


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    For a parameter p with gradient g (-g with `maximize`), at step t:
    `g += weight_decay * p`; `m = beta1 m + (1 - beta1) g`; `v = beta2 v + (1 - beta2) g^2`;
    `p -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)`.
    With `amsgrad` v is replaced by the largest v so far; with `decoupled_weight_decay` the decay is
    `p *= 1 - lr * weight_decay` instead (AdamW).

    Args:
        params: parameters, groups of them, or (name, parameter) pairs.
        lr: learning rate; a number or a one-element tensor.
        betas: beta1 and beta2, both numbers or both tensors.
        eps, weight_decay, amsgrad, decoupled_weight_decay: as in the formula.
        maximize: go up, not down.
        foreach, fused, capturable: accepted; there is one way to compute it.
        differentiable: not supported.

    Raises:
        ValueError: a value out of range.
        NotImplementedError: `differentiable`, or complex parameters.

    State: `step`, `exp_avg` (m), `exp_avg_sq` (v) and, with amsgrad, `max_exp_avg_sq`, for each parameter.
    Source: Kingma and Ba, 2014 (arXiv:1412.6980); amsgrad: Reddi et al., 2018.

    >>> import facula
    >>> w = facula.tensor([1.0], requires_grad=True)
    >>> optimizer = facula.optim.Adam([w], lr=0.1)
    >>> (w * 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        name = type(self).__name__
        check_options(
            name, lr=lr, foreach=foreach, fused=fused, differentiable=differentiable, capturable=capturable
        )
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i in range(2):
            if not 0.0 <= betas[i] < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
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
            params = with_grads(group)
            if params:
                _step(group, params, [self._state_of(p, group["amsgrad"]) for p in params])
        return loss

    def _state_of(self, p: Tensor, amsgrad: bool) -> dict[str, Any]:
        state: dict[str, Any] = self.state[p]
        if not state:
            if p.is_complex():
                raise NotImplementedError(f"[{type(self).__name__}] complex parameters are not supported")
            state["step"] = new_step_count()
            state["exp_avg"] = zeros_like(p).detach()
            state["exp_avg_sq"] = zeros_like(p).detach()
            if amsgrad:
                state["max_exp_avg_sq"] = zeros_like(p).detach()
        return state


_LATER_OPTIONS: dict[str, Any] = {
    "amsgrad": False,
    "maximize": False,
    "foreach": None,
    "capturable": False,
    "differentiable": False,
    "fused": None,
    "decoupled_weight_decay": False,
}


def _step(group: dict[str, Any], params: list[Tensor], states: list[dict[str, Any]]) -> None:
    beta1, beta2 = group["betas"]
    options = {
        "lr": number(group["lr"]),
        "beta1": number(beta1),
        "beta2": number(beta2),
        "eps": group["eps"],
        "weight_decay": group["weight_decay"],
        "decoupled_weight_decay": group["decoupled_weight_decay"],
        "maximize": group["maximize"],
    }
    steps = []
    for state in states:
        count = state["step"]._array
        count += 1
        steps.append(count.item())
    arrays, grads = raw(params), raw([p.grad for p in params])
    means = raw([state["exp_avg"] for state in states])
    squares = raw([state["exp_avg_sq"] for state in states])
    largest = raw([state["max_exp_avg_sq"] for state in states]) if group["amsgrad"] else None
    if kernels.adam_step(arrays, grads, means, squares, largest, steps, **options) is NotImplemented:
        for i, (array, grad) in enumerate(zip(arrays, grads, strict=True)):
            written = [array, means[i], squares[i], None if largest is None else largest[i]]
            update(_adam, written, grad, step=steps[i], **options)
    changed(params)


def _adam(
    param: Any,
    mean: Any,
    square: Any,
    largest: Any,
    grad: Any,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> None:
    """The definition, for one parameter."""
    xp = namespace(param)
    if maximize:
        grad = -grad
    if weight_decay != 0:
        if decoupled_weight_decay:
            param *= 1 - lr * weight_decay
        else:
            grad = grad + param * weight_decay
    # As an interpolation from the nearer end, which rounds like PyTorch's.
    if 1 - beta1 < 0.5:
        mean += (grad - mean) * (1 - beta1)
    else:
        mean[...] = grad - (grad - mean) * beta1
    square *= beta2
    square += grad * (1 - beta2) * grad
    if largest is not None:
        xp.maximum(largest, square, out=largest)
        square = largest
    denominator = xp.sqrt(square) / (1 - beta2**step) ** 0.5 + eps
    param -= mean * (lr / (1 - beta1**step)) / denominator
