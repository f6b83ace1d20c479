"""float16 and bfloat16 in ops whose definition would round at every step: computed in float32, rounded
once.
"""

from __future__ import annotations

from typing import Any

from ..autograd.op import OpFunction
from .pointwise import floating


def _is_half(x: Any) -> bool:
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtype.itemsize == 2 and dtype.kind in "fV"


def in_float32(*functions: OpFunction, refuse: str | None = None) -> None:
    """Let ops compute halves in float32 and round the result once, as PyTorch does.

    With `refuse`, the name of PyTorch's kernel: NotImplementedError for integers.
    """
    for function in functions:
        _widen(function.op, refuse)


def _widen(op: Any, refuse: str | None) -> None:
    forward, n = op.forward, op.n_arrays

    def call(*args: Any) -> Any:
        first = args[0]
        if refuse is not None:
            floating(refuse, first)
        if not _is_half(first):
            return forward(*args)
        wide = [a.astype("float32") if _is_half(a) else a for a in args[:n]]
        result = forward(*wide, *args[n:])
        if isinstance(result, tuple):
            return tuple(_narrow(r, first.dtype) for r in result)
        return _narrow(result, first.dtype)

    op.forward = call


def _narrow(result: Any, dtype: Any) -> Any:
    return result.astype(dtype) if result.dtype == "float32" else result
