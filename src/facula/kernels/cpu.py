"""Adapters to the native CPU kernels: overrides of ops for NumPy arrays.

Each function takes raw arrays and returns a new array, or `NotImplemented` where the extension `facula._C` is
missing or does not cover the case (another dtype, a stride, a processor without AVX2): then the op's ordinary
definition runs. Nothing here changes a result beyond rounding; tests hold every kernel to a NumPy reference.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

native: Any
try:
    from .. import _C as native
except ImportError:  # installed without a compiler, or on a platform that has none
    native = None

Array = np.ndarray[Any, np.dtype[Any]]
_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def native_available() -> bool:
    """Whether the compiled kernels are there.

    >>> native_available() in (True, False)
    True
    """
    return native is not None


def describe() -> str:
    """One line on what computes: for `facula show` and the head of a training.

    >>> describe().startswith(("native kernels", "no native kernels"))
    True
    """
    if native is None:
        return "no native kernels (installed without a C++ compiler): everything works, more slowly"
    return f"native kernels ({native.isa()}), {threads_text(get_num_threads())}"


def threads_text(count: int) -> str:
    """A count of threads in words: "1 thread", "2 threads"."""
    return f"{count} thread" + ("s" if count != 1 else "")


# ---- threads -----------------------------------------------------------------------------------------------

_threads = 0  # used only without the extension; 0: not set


def get_num_threads() -> int:
    """Threads that kernels may use: by default those the process may run on, or OMP_NUM_THREADS."""
    if native is not None:
        return int(native.get_num_threads())
    if _threads:
        return _threads
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Set how many threads the kernels, and NumPy's BLAS where it can be told, may use.

    Raises:
        RuntimeError: if `count` is not a positive integer.
    """
    global _threads
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise RuntimeError(f"[set_num_threads] expects a positive integer: got {count!r}")
    _threads = count
    if native is not None:
        native.set_num_threads(count)
    _set_blas_threads(count)


def _set_blas_threads(count: int) -> None:
    """Tell the OpenBLAS inside NumPy; another BLAS is left as it is."""
    import ctypes
    import importlib

    try:
        linked = importlib.import_module("numpy._core._multiarray_umath").__file__
        library = ctypes.CDLL(linked)  # symbols are sought in what it links to, too
    except (ImportError, OSError):
        return
    stem = "openblas_set_num_threads"
    for name in (f"scipy_{stem}64_", f"scipy_{stem}", stem):
        function = getattr(library, name, None)
        if function is not None:
            function.argtypes, function.restype = [ctypes.c_int], None
            function(count)
            return


# ---- activations, softmax, cross-entropy -------------------------------------------------------------------


def relu(x: Any) -> Any:
    """`maximum(x, 0)` for a contiguous float32 array; NaN stays."""
    return NotImplemented if native is None else native.relu(x)


def relu_grad(g: Any, out: Any) -> Any:
    """`g` where ReLU's result `out` is positive, else 0; contiguous float32 arrays of one shape."""
    return NotImplemented if native is None else native.relu_grad(g, out)


def softmax(x: Any, dim: int = -1) -> Any:
    """Softmax over the last dimension of a contiguous float32 array."""
    return NotImplemented if native is None or not _is_last(x, dim) else native.softmax(x)


def log_softmax(x: Any, dim: int = -1) -> Any:
    """Logarithm of the softmax over the last dimension of a contiguous float32 array."""
    return NotImplemented if native is None or not _is_last(x, dim) else native.log_softmax(x)


def softmax_grad(g: Any, out: Any, dim: int = -1) -> Any:
    """Gradient of `softmax` with respect to its input, from the gradient of its result and the result."""
    return NotImplemented if native is None or not _is_last(g, dim) else native.softmax_grad(g, out)


def log_softmax_grad(g: Any, out: Any, dim: int = -1) -> Any:
    """Gradient of `log_softmax` with respect to its input, from the gradient of its result and the result."""
    return NotImplemented if native is None or not _is_last(g, dim) else native.log_softmax_grad(g, out)


def _is_last(x: Any, dim: int) -> bool:
    return dim == -1 or (isinstance(x, np.ndarray) and dim == x.ndim - 1)


def cross_entropy(x: Any, target: Any, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Cross-entropy of float32 logits [n, classes] and int64 class indices [n].

    The result is 0-d, or [n] for reduction "none".
    A target that is out of range is declined, so that the ordinary definition raises the error.
    """
    if native is None or reduction not in _REDUCTIONS:
        return NotImplemented
    return native.cross_entropy(x, target, ignore_index, _REDUCTIONS[reduction])


def cross_entropy_grad(g: Any, x: Any, target: Any, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Gradient of `cross_entropy` with respect to the logits; `g` is the gradient of its result."""
    if native is None or reduction not in _REDUCTIONS:
        return NotImplemented
    return native.cross_entropy_grad(g, x, target, ignore_index, _REDUCTIONS[reduction])


# ---- images ------------------------------------------------------------------------------------------------


def images_to_float(
    images: Any, indices: Any = None, mean: Sequence[float] = (), std: Sequence[float] = ()
) -> Any:
    """Byte images as float32 in [0, 1], channels first, in one pass: `ToTensor` and `Normalize` for many.

    Args:
        images: uint8, [count, height, width] or [count, height, width, channels], contiguous.
        indices: int64 [n], which images; None for all. One that is out of range (or negative) is declined.
        mean, std: if given, the result is `(value - mean) / std`, with one number a channel, or one for all.

    Returns:
        float32 [n, channels, height, width], every value exactly the float32 quotient by 255.
    """
    if native is None:
        return NotImplemented
    return native.images_to_float(images, indices, list(mean), list(std))


# ---- optimizer steps ---------------------------------------------------------------------------------------


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
