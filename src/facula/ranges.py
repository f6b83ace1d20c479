"""Sequences of numbers: `arange`, `linspace` and the like, with PyTorch's rounding.

PyTorch fills these tensors in blocks of one vector register. Within a block its `arange` adds multiples of
the step to the block's first element, and products are not rounded before they are added. This is repeated
here, so that the numbers agree in every bit: of `linspace` everywhere, of `arange` with a PyTorch that runs
on registers of 256 bits.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from . import _dtype
from ._tensor import Tensor, wrap
from .autograd.op import public, write_out
from .factory import _dtype_of, _finish, _number

_REGISTER = 32  # bytes


def _fused(a: Any, b: Any, c: Any) -> Any:
    """a * b + c in the dtype of `c`, rounded once."""
    wide = np.float64 if c.dtype.itemsize <= 4 else np.longdouble
    return (a.astype(wide) * b.astype(wide) + c.astype(wide)).astype(c.dtype)


def _done(
    name: str, array: Any, out: Any, layout: Any, device: Any, requires_grad: bool, pin_memory: bool = False
) -> Tensor:
    if out is not None:
        result: Tensor = write_out(name, wrap(array), out)
        return result
    return _finish(array, device, requires_grad, layout, pin_memory)


@public("torch")
def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from `start` (default 0) up to but without `end` in steps of `step`; int64 if all are integers.

    Raises RuntimeError for a step of zero, one of the wrong sign, or bounds that are not finite.

    >>> import facula
    >>> facula.arange(3)
    tensor([0, 1, 2])
    """
    if end is None:
        start, end = 0, start
    elif start is None:
        start = 0
    if end is None:
        raise TypeError("arange() missing 1 required positional argument: 'end'")
    start, end, step = (_number("arange", n, v) for n, v in (("start", start), ("end", end), ("step", step)))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integral = all(isinstance(v, int) for v in (start, end, step))
    target = _dtype_of(dtype, out.dtype if out is not None else _dtype.int64 if integral else None)
    return _done("arange", _counted(start, end, step, integral, target), out, layout, device, requires_grad)


def _counted(start: Any, end: Any, step: Any, integral: bool, target: Any) -> Any:
    if target.kind == "b":
        raise NotImplementedError("[arange] rule a dtype of numbers: got bool")
    if target == np.int64 and not integral:
        start, end, step, integral = int(start), int(end), int(step), True
        if step == 0:
            raise ValueError("step must be nonzero")
    n = max(-(-(end - start) // step) if integral else math.ceil((end - start) / step), 0)
    if target.kind in "iu":
        start, step = int(start), int(step)
        return (start + step * np.arange(n, dtype=np.int64)).astype(target)
    i = np.arange(n)
    real: Any = np.float32 if target.itemsize == 2 else np.float64  # in which PyTorch computes
    first, width = real(start), real(step)
    single = _fused(i.astype(real), width, first).astype(target)
    # Blocks start from their own rounded first element; the last, incomplete pair of blocks does not.
    lanes = _REGISTER // target.itemsize
    lane = i % lanes
    block = _fused((i - lane).astype(real), width, first).astype(target).astype(real)
    return np.where(i < n - n % (2 * lanes), _fused(lane.astype(real), width, block).astype(target), single)


@public("torch", name="range")
def range_(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` to `end`, both included. Deprecated in PyTorch: use `arange`."""
    warnings.warn(
        "range is deprecated: use arange, which ends before `end` as Python's range does.", stacklevel=2
    )
    start, end = (0, start) if end is None else (start, end)
    n = math.floor((end - start) / step) + 1
    array = (start + step * np.arange(n, dtype=np.float64)).astype(_dtype_of(dtype))
    return _done("range", array, out, layout, device, requires_grad)


@public("torch")
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included. RuntimeError if `steps` < 0.

    >>> import facula
    >>> facula.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _done(
        "linspace", _spaced("linspace", start, end, steps, dtype, out), out, layout, device, requires_grad
    )


def _spaced(name: str, start: Any, end: Any, steps: int, dtype: Any, out: Any) -> Any:
    start, end = _number(name, "start", start), _number(name, "end", end)
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    default = out.dtype if out is not None else _dtype.get_default_dtype()
    if dtype is None and (isinstance(start, complex) or isinstance(end, complex)):
        default = _dtype.default_complex()
    target = _dtype_of(dtype, default)
    if target.kind in "iu":
        start, end = int(start), int(end)
    real = np.dtype(np.float64) if target.kind in "iu" else target
    first, last = np.asarray(start, real), np.asarray(end, real)
    if steps == 1:
        return first.reshape(1).astype(target)
    i = np.arange(steps)
    step = (last - first) / np.asarray(max(steps - 1, 1), real)
    half = steps // 2
    # From both ends, so that the last number is `end` to the bit.
    forward, backward = i.astype(real), (steps - 1 - i).astype(real)
    if real.itemsize == 2 or real.kind == "c":
        made = np.where(i < half, first + step * forward, last - step * backward)
    else:
        made = np.where(i < half, _fused(step, forward, first), _fused(-step, backward, last))
    return made.astype(target)


@public("torch")
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`base` to the powers that `linspace(start, end, steps)` gives.

    >>> import facula
    >>> facula.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    target = _dtype_of(dtype, out.dtype if out is not None else None)
    powers = _spaced("logspace", start, end, steps, _dtype.float64, None)
    return _done("logspace", np.power(float(base), powers).astype(target), out, layout, device, requires_grad)


def _triangle(
    name: str, make: Any, row: int, col: int, offset: int, dtype: Any, device: Any, layout: Any
) -> Tensor:
    if row < 0 or col < 0:
        raise RuntimeError(f"row and col must be non-negative: got {row} and {col}")
    target = _dtype_of(dtype, _dtype.int64)
    if target.kind not in "iu":
        raise NotImplementedError(f"[{name}] rule an integer dtype: got {target}")
    return _finish(np.stack(make(row, offset, col)).astype(target), device, False, layout)


@public("torch")
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """The row and column numbers of the elements on and below a diagonal, as a (2, n) tensor."""
    return _triangle("tril_indices", np.tril_indices, row, col, offset, dtype, device, layout)


@public("torch")
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """The row and column numbers of the elements on and above a diagonal, as a (2, n) tensor."""
    return _triangle("triu_indices", np.triu_indices, row, col, offset, dtype, device, layout)
