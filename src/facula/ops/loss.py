"""Losses: ops without reduction where a plain mean or sum follows, with it where PyTorch's is weighted."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .activation import sigmoid
from .halves import in_float32
from .pointwise import abs, log, sgn, where, zeros_of
from .reduce import sum
from .shape import unsqueeze
from .softmax import log_softmax, softmax, softmax_grad


def _checked_targets(log_probs: Any, target: Any, ignore_index: int) -> tuple[Any, Any]:
    """The targets that count, as a mask, and the targets with harmless values elsewhere."""
    n = log_probs.shape[1]
    counted = target != ignore_index
    kept = namespace(target).where(counted, target, 0)
    if kept.size and not (int(kept.min()) >= 0 and int(kept.max()) < n):
        bad = int(kept.min()) if int(kept.min()) < 0 else int(kept.max())
        raise IndexError(f"Target {bad} is out of bounds.")
    return counted, kept


def _weights(log_probs: Any, counted: Any, kept: Any, weight: Any) -> Any:
    """What each target counts for."""
    xp = namespace(log_probs)
    w = counted.astype(log_probs.dtype)
    return w if weight is None else w * xp.take(weight, kept)


def _nll_name(*args: Any) -> str:
    return "NllLossBackward0" if args[0].ndim <= 2 else "NllLoss2DBackward0"


@op(grad_name=_nll_name)
def nll_loss(input: Any, /, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """Negative log likelihood: minus the target's entry of each row of `input` (N, C, ...), weighted by
    class.

    The mean divides by the sum of the weights of the targets that count.
    """
    xp = namespace(input)
    counted, kept = _checked_targets(input, target, ignore_index)
    w = _weights(input, counted, kept, weight)
    picked = xp.take_along_axis(input, xp.expand_dims(kept, 1), 1).squeeze(1)
    # Ignored entries may be infinite: they must not become NaN.
    losses = xp.where(counted, -picked * w, input.dtype.type(0))
    if reduction == "none":
        return losses
    total = losses.sum(dtype=input.dtype)
    return total if reduction == "sum" else total / w.sum(dtype=input.dtype)


nll_loss.vjp(
    input=lambda g, input_shape, target, weight, ignore_index, reduction: nll_loss_grad(
        g, target, weight, ignore_index, reduction, input_shape
    )
)


@op()
def nll_loss_grad(
    g: Any, /, target: Any, weight: Any, ignore_index: int, reduction: str, shape: tuple[int, ...]
) -> Any:
    """The gradient of `nll_loss`: minus the weight at each target, zero elsewhere."""
    xp = namespace(g)
    result = xp.zeros(shape, g.dtype)
    counted, kept = _checked_targets(result, target, ignore_index)
    w = _weights(result, counted, kept, weight)
    if reduction == "mean":
        w = w / w.sum()
        w[~counted] = 0  # where nothing counts, 0 / 0
    xp.put_along_axis(result, xp.expand_dims(kept, 1), xp.expand_dims(-w * g, 1), 1)
    return result


nll_loss_grad.vjp(
    g=lambda h, target, weight, ignore_index, reduction: nll_loss(h, target, weight, ignore_index, reduction)
)


def _cross_entropy_name(*args: Any) -> str:
    input, target, _, _, reduction, smoothing = args
    if not _are_indices(target):
        return "DivBackward0" if reduction == "mean" else "NegBackward0"
    return "AddBackward0" if smoothing else _nll_name(input)


def _are_indices(target: Any) -> bool:
    """Whether these are class indices, not probabilities."""
    return target.dtype.kind in "iu"


@op(grad_name=_cross_entropy_name)
def cross_entropy(
    input: Any, /, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """What each class is to have, by its weight, times minus the logarithm of the softmax of `input` (N, C, ...),
    summed over the classes.

    `target` holds class indices (N, ...), which become 1 for the class, or probabilities shaped like the input.
    With `smoothing` this share of them is spread evenly over the classes. The mean over indices divides by the
    sum of their weights.
    """
    log_probs = log_softmax.op.forward(input, 1)
    if not _are_indices(target):
        shares, _ = _shares(log_probs, target, weight, ignore_index, "sum", smoothing)
        losses = -(log_probs * shares).sum(axis=1)
        if reduction == "none":
            return losses
        total = losses.sum(dtype=losses.dtype)
        return total / input.dtype.type(losses.size) if reduction == "mean" else total
    plain = nll_loss.op.forward(log_probs, target, weight, ignore_index, reduction)
    if smoothing == 0:
        return plain
    n = input.shape[1]
    counted, kept = _checked_targets(input, target, ignore_index)
    terms = log_probs if weight is None else log_probs * _by_class(weight, input.ndim)
    even = namespace(input).where(counted, -terms.sum(axis=1), input.dtype.type(0))
    if reduction != "none":
        even = even.sum(dtype=even.dtype)
    if reduction == "mean":
        even = even / _weights(input, counted, kept, weight).sum(dtype=input.dtype)
    return plain * (1 - smoothing) + even * (smoothing / n)


def _by_class(weight: Any, ndim: int) -> Any:
    """One number a class, shaped to go with (N, C, ...)."""
    return weight.reshape(1, -1, *(1,) * (ndim - 2))


def _shares(
    like: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> tuple[Any, Any]:
    """What each class is to have, and the sums over classes; raw arrays (N, C, ...) and (N, 1, ...).

    That is the target, smoothed, times the weights, and for the mean over what it divides by.
    """
    like = getattr(like, "_array", like)
    xp = namespace(like)
    n = like.shape[1]
    if _are_indices(target):
        counted, kept = _checked_targets(like, target, ignore_index)
        shares = xp.zeros(like.shape, like.dtype)
        xp.put_along_axis(shares, xp.expand_dims(kept, 1), 1, 1)
        shares = (shares * (1 - smoothing) + smoothing / n) * xp.expand_dims(counted, 1)
        divisor = _weights(like, counted, kept, weight).sum() if counted.any() else 1
    else:
        shares = target * (1 - smoothing) + smoothing / n
        divisor = max(target.size // n, 1)
    if weight is not None:
        shares = shares * _by_class(weight, like.ndim)
    if reduction == "mean":
        shares = shares / divisor
    shares = shares.astype(like.dtype, copy=False)
    return shares, shares.sum(axis=1, keepdims=True)


cross_entropy.vjp(
    input=lambda g, input, target, weight, ignore_index, reduction, smoothing: cross_entropy_grad(
        g, input, target, weight, ignore_index, reduction, smoothing
    )
)


@op()
def cross_entropy_grad(
    g: Any, input: Any, /, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """The gradient of `cross_entropy`: the softmax, as often as the shares of a row add up to, less each share."""
    shares, totals = _shares(input, target, weight, ignore_index, reduction, smoothing)
    if reduction == "none":
        g = namespace(g).expand_dims(g, 1)
    return g * (softmax.op.forward(input, 1) * totals - shares)


def _cross_entropy_grad_g(
    h: Any, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    shares, totals = _shares(input, target, weight, ignore_index, reduction, smoothing)
    rows = sum(h * (softmax(input, 1) * totals - shares), (1,), False, None)
    return rows if reduction == "none" else sum(rows, None, False, None)


def _cross_entropy_grad_input(
    h: Any, g: Any, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    _, totals = _shares(input, target, weight, ignore_index, reduction, smoothing)
    if reduction == "none":
        g = unsqueeze(g, 1)
    return softmax_grad(h * g * totals, softmax(input, 1), 1)


cross_entropy_grad.vjp(g=_cross_entropy_grad_g, input=_cross_entropy_grad_input)


def _reduced(losses: Any, reduction: str) -> Any:
    """All losses, their mean or their sum, on a raw array."""
    if reduction == "none":
        return losses
    if losses.dtype.itemsize == 2:  # halves accumulate in float32
        wide = losses.astype("float32")
        return (wide.mean() if reduction == "mean" else wide.sum()).astype(losses.dtype)
    return losses.mean(dtype=losses.dtype) if reduction == "mean" else losses.sum(dtype=losses.dtype)


def _each(g: Any, slope: Any, reduction: str) -> Any:
    """The gradient of each element: `g` times the slope, over the number of elements for the mean."""
    return g * slope / max(math.prod(slope.shape), 1) if reduction == "mean" else g * slope


@op(grad_name="MseLossBackward0")
def squared_error(input: Any, target: Any, /, reduction: str) -> Any:
    """(input - target) squared; all of them, or their mean or sum."""
    difference = input - target
    return _reduced(difference * difference, reduction)


squared_error.vjp(
    input=lambda g, input, target, reduction: _each(g * 2, input - target, reduction),
    target=lambda g, input, target, reduction: _each(g * 2, target - input, reduction),
)


@op(grad_name="SmoothL1LossBackward0")
def smooth_l1(input: Any, target: Any, /, beta: float, reduction: str) -> Any:
    """Half the squared error over beta where it is below beta, the absolute error less beta / 2 beyond."""
    xp = namespace(input)
    d = xp.abs(input - target)
    return _reduced(xp.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), reduction)


def _smooth_slope(input: Any, target: Any, beta: float) -> Any:
    d = input - target
    return where(abs(d) < beta, d / beta, sgn(d))


smooth_l1.vjp(
    input=lambda g, input, target, beta, reduction: _each(g, _smooth_slope(input, target, beta), reduction),
    target=lambda g, input, target, beta, reduction: _each(-g, _smooth_slope(input, target, beta), reduction),
)


@op(grad_name="HuberLossBackward0")
def huber(input: Any, target: Any, /, delta: float, reduction: str) -> Any:
    """Half the squared error where it is below delta, delta * (absolute error - delta / 2) beyond (Huber
    1964).
    """
    xp = namespace(input)
    d = xp.abs(input - target)
    return _reduced(xp.where(d < delta, d * d * 0.5, (d - 0.5 * delta) * delta), reduction)


huber.vjp(
    input=lambda g, input, target, delta, reduction: _each(
        g * delta, _smooth_slope(input, target, delta), reduction
    ),
    target=lambda g, input, target, delta, reduction: _each(
        g * -delta, _smooth_slope(input, target, delta), reduction
    ),
)


@op(grad_name="BinaryCrossEntropyBackward0")
def bce(input: Any, target: Any, /, reduction: str) -> Any:
    """-(t log p + (1 - t) log(1 - p)), each logarithm at least -100."""
    xp = namespace(input)
    if input.size and not (float(input.min()) >= 0 and float(input.max()) <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    losses = (target - 1) * xp.maximum(xp.log1p(-input), -100) - target * xp.maximum(xp.log(input), -100)
    return _reduced(losses, reduction)


def _bce_input(g: Any, input: Any, target: Any, reduction: str) -> Any:
    variance = (1 - input) * input
    return _each(g, (input - target) / where(variance < 1e-12, 1e-12, variance), reduction)


bce.vjp(
    input=_bce_input,
    target=lambda g, input, reduction: _each(g, log(1 - input) - log(input), reduction),
)


@op(promote="common", grad_name="BinaryCrossEntropyWithLogitsBackward0")
def bce_with_logits(input: Any, target: Any, /, weight: Any, pos_weight: Any, reduction: str) -> Any:
    """Binary cross-entropy of sigmoid(x), without overflow; `pos_weight` multiplies the positive term."""
    xp = namespace(input)
    log_sigmoid = xp.minimum(input, input.dtype.type(0)) - xp.log1p(xp.exp(-xp.abs(input)))
    if pos_weight is None:
        losses = (1 - target) * input - log_sigmoid
    else:
        losses = (1 - target) * input - ((pos_weight - 1) * target + 1) * log_sigmoid
    if weight is not None:
        losses = losses * weight
    return _reduced(losses, reduction)


def _bce_logits_input(g: Any, input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    s = sigmoid(input)
    if pos_weight is None:
        slope = s - target
    else:
        t = pos_weight * target
        slope = (t + 1 - target) * s - t
    if weight is not None:
        slope = slope * weight
    return _each(g, slope, reduction)


def _bce_logits_target(g: Any, input: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = -input if pos_weight is None else -input - (pos_weight - 1) * log(sigmoid(input))
    if weight is not None:
        slope = slope * weight
    return _each(g, slope, reduction)


bce_with_logits.vjp(input=_bce_logits_input, target=_bce_logits_target)


@op(grad_name="KlDivBackward0")
def kl_div(input: Any, target: Any, /, log_target: bool) -> Any:
    """target * (log(target) - input), element by element; with `log_target` the target is given as its
    logarithm.
    """
    xp = namespace(input)
    if log_target:
        return xp.exp(target) * (target - input)
    return xp.where(
        target > 0, target * (xp.log(xp.where(target > 0, target, 1)) - input), target.dtype.type(0)
    )


def _kl_input(g: Any, target: Any, log_target: bool) -> Any:
    from .pointwise import exp

    return -g * exp(target) if log_target else -g * target


def _kl_target(g: Any, input: Any, target: Any, log_target: bool) -> Any:
    from .pointwise import exp

    if log_target:
        return g * exp(target) * (target - input + 1)
    return where(target > 0, g * (log(where(target > 0, target, 1.0)) + 1 - input), zeros_of(g))


kl_div.vjp(input=_kl_input, target=_kl_target)


in_float32(cross_entropy, cross_entropy_grad, squared_error, smooth_l1, huber, bce, bce_with_logits, kl_div)
