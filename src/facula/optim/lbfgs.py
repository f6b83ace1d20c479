"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..autograd.mode import enable_grad, no_grad
from ..ops.reshaping import cat
from ._strong_wolfe import Point, strong_wolfe
from .optimizer import Optimizer, number


class LBFGS(Optimizer):
    """Steps along a direction that the last gradients' differences make of the gradient.

    Args:
        params: parameters; one group only.
        lr: the step length (the first try with a line search).
        max_iter: iterations in one `step`.
        max_eval: how often `step` may compute the function (default: 1.25 max_iter).
        tolerance_grad: stop where no gradient is larger.
        tolerance_change: stop where neither function nor parameters change by more.
        history_size: how many differences are kept.
        line_search_fn: None or "strong_wolfe".

    `step(closure)` needs a function that clears the gradients, computes the loss, calls `backward()` and
    returns the loss.

    Raises:
        ValueError: several groups, or a learning rate below 0.
        RuntimeError: another line search.

    Source: Nocedal, 1980 ("Updating quasi-Newton matrices with limited storage").

    >>> import facula
    >>> w = facula.tensor([3.0], requires_grad=True)
    >>> optimizer = facula.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item(), round(w.item(), 3)
    (4.0, 1.0)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params: list[Tensor] = self.param_groups[0]["params"]

    def _gradient(self) -> Tensor:
        """All gradients in one row; zeros where there is none."""
        return cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params])

    def _move(self, t: float, direction: Tensor) -> None:
        at = 0
        for p in self._params:
            n = p.numel()
            p.add_(direction[at : at + n].reshape(p.shape), alpha=t)
            at += n

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Up to `max_iter` iterations; gives the loss before the first."""
        with no_grad():
            return self._step(enable_grad()(closure))

    def _step(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        lr, tolerance = number(group["lr"]), group["tolerance_change"]
        # All is kept with the first parameter, as PyTorch does.
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        loss = float(first)
        evaluations = 1
        state["func_evals"] += 1
        gradient = self._gradient()
        if float(gradient.abs().max()) <= group["tolerance_grad"]:
            return first
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = _direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = gradient.clone(), loss
            t = min(1.0, 1.0 / float(gradient.abs().sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(gradient.dot(direction))
            state["d"], state["t"] = direction, t
            if slope > -tolerance:
                break
            computed, flat = 0, False
            if group["line_search_fn"] is not None:
                start = Point(0.0, loss, gradient, slope)
                most = group["max_eval"] - evaluations
                found, computed = self._search(closure, start, t, direction, tolerance, most)
                loss, gradient, t = found.value, found.gradient, found.t
                self._move(t, direction)
                flat = float(gradient.abs().max()) <= group["tolerance_grad"]
            else:
                self._move(t, direction)
                if i != group["max_iter"]:
                    loss = float(closure())
                    gradient = self._gradient()
                    flat = float(gradient.abs().max()) <= group["tolerance_grad"]
                    computed = 1
            state["t"] = t
            evaluations += computed
            state["func_evals"] += computed
            if (
                evaluations >= group["max_eval"]
                or flat
                or float((direction * t).abs().max()) <= tolerance
                or abs(loss - state["prev_loss"]) < tolerance
            ):
                break
        return first

    def _search(
        self,
        closure: Callable[[], Any],
        start: Point,
        t: float,
        direction: Tensor,
        tolerance: float,
        most: int,
    ) -> tuple[Point, int]:
        before = [p.clone() for p in self._params]

        def back() -> None:
            for p, value in zip(self._params, before, strict=True):
                p.copy_(value)

        def probe(length: float) -> Point:
            self._move(length, direction)
            value = float(closure())
            gradient = self._gradient()
            back()
            return Point(length, value, gradient, float(gradient.dot(direction)))

        return strong_wolfe(probe, start, t, float(direction.abs().max()), tolerance, most)


def _direction(state: dict[str, Any], gradient: Tensor, history_size: int) -> Tensor:
    """Where to go: minus the approximate inverse Hessian times the gradient, by the two-loop recursion."""
    if state["n_iter"] == 1:
        state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1
        return -gradient
    changes, steps, factors = state["old_dirs"], state["old_stps"], state["ro"]
    y, s = gradient - state["prev_flat_grad"], state["d"] * state["t"]
    curvature = float(y.dot(s))
    if curvature > 1e-10:
        if len(changes) == history_size:
            for each in (changes, steps, factors):
                each.pop(0)
        changes.append(y)
        steps.append(s)
        factors.append(1.0 / curvature)
        state["H_diag"] = curvature / float(y.dot(y))
    q = -gradient
    shares = []
    for y, s, factor in zip(reversed(changes), reversed(steps), reversed(factors), strict=True):
        share = float(s.dot(q)) * factor
        shares.append(share)
        q = q - y * share
    q = q * state["H_diag"]
    for y, s, factor, share in zip(changes, steps, factors, reversed(shares), strict=True):
        q = q + s * (share - float(y.dot(q)) * factor)
    return q
