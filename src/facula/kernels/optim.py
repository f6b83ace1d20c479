"""Optimizer steps over all parameters in one call: typed adapters to the compiled kernels.

Each function changes arrays in place and returns None, or `NotImplemented`, with nothing changed, where it does
not cover the case; then the optimizer's own definition runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .cpu import Array, native


def sgd_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    momentum_buffers: Sequence[Array] | None,
    *,
    first: bool,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Any:
    """One SGD step over all parameters, in place.

    None when done; NotImplemented, with nothing changed, when declined.

    Args:
        params, grads: float32 or float64 arrays (one dtype for all), contiguous, pairwise of one shape.
        momentum_buffers: one array a parameter, updated in place; None when momentum is 0.
        first: the buffers hold nothing yet and are set to the gradient.
    """
    if native is None or (momentum_buffers is None) != (momentum == 0):
        return NotImplemented
    return native.sgd_step(
        params, grads, momentum_buffers, first, lr, momentum, dampening, weight_decay, nesterov, maximize
    )


def adam_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    max_exp_avg_sqs: Sequence[Array] | None,
    steps: Sequence[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> Any:
    """One Adam or AdamW step over all parameters, in place; None when done, NotImplemented when declined.

    Args:
        params, grads, exp_avgs, exp_avg_sqs: float32 or float64 (one dtype for all), contiguous, pairwise of
            one shape.
        max_exp_avg_sqs: the same for AMSGrad, else None.
        steps: the number of this step for each parameter, counted from 1.
        decoupled_weight_decay: AdamW's decay of the weights instead of a term in the gradient.
    """
    if native is None:
        return NotImplemented
    return native.adam_step(
        params,
        grads,
        exp_avgs,
        exp_avg_sqs,
        max_exp_avg_sqs,
        steps,
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        decoupled_weight_decay,
        maximize,
    )


def rmsprop_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    square_avgs: Sequence[Array],
    momentum_buffers: Sequence[Array] | None,
    grad_avgs: Sequence[Array] | None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
) -> Any:
    """One RMSprop step over all parameters, in place; None when done, NotImplemented when declined.

    Args:
        params, grads, square_avgs: float32 or float64 (one dtype for all), contiguous, pairwise of one shape.
        momentum_buffers: the same with momentum, else None.
        grad_avgs: the same where it is centered, else None.
    """
    if native is None:
        return NotImplemented
    return native.rmsprop_step(
        params,
        grads,
        square_avgs,
        momentum_buffers,
        grad_avgs,
        lr,
        alpha,
        eps,
        weight_decay,
        momentum,
        maximize,
    )


def adagrad_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    sums: Sequence[Array],
    rates: Sequence[float],
    *,
    eps: float,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> Any:
    """One Adagrad step over all parameters, in place; None when done, NotImplemented when declined.

    Args:
        params, grads, sums: float32 or float64 (one dtype for all), contiguous, pairwise of one shape.
        rates: the learning rate of this step for each parameter.
    """
    if native is None:
        return NotImplemented
    return native.adagrad_step(params, grads, sums, rates, eps, weight_decay, maximize)
