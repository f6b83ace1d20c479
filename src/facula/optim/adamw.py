"""AdamW."""

from __future__ import annotations

from typing import Any

from .._tensor import Tensor
from .adam import Adam


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: `p *= 1 - lr * weight_decay` before Adam's step.

    Args: as for `Adam`, where `weight_decay` is 0.01 by default and always decoupled.

    Source: Loshchilov and Hutter, 2017 (arXiv:1711.05101).

    >>> import facula
    >>> w = facula.tensor([1.0], requires_grad=True)
    >>> optimizer = facula.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * 2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8500], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # Files of the time when AdamW was a class of its own lack the option.
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
