"""What a sampler fills: new and given arrays, their dtypes and order of filling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .generator import Generator, default_generator

Target = np.ndarray | Sequence[int]  # an array to fill, or the shape of a new one

DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # bits of the significand
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def resolve(generator: Generator | None) -> Generator:
    """The generator itself, or the default one."""
    return default_generator if generator is None else generator


def open_target(target: Target, dtype: Any) -> tuple[np.ndarray, np.ndarray, Callable[[], np.ndarray]]:
    """The array to return, a 1-d one to fill in the order of drawing, and what carries it there."""
    array = target if isinstance(target, np.ndarray) else np.empty(tuple(target), dtype)
    if array.flags.c_contiguous:
        return array, array.reshape(-1), lambda: array
    flat = np.empty(array.size, array.dtype)

    def close() -> np.ndarray:
        view = array.transpose(memory_order(array))
        view[...] = flat.reshape(view.shape)
        return array

    return array, flat, close


def memory_order(array: np.ndarray) -> list[int]:
    """The axes from the largest stride to the smallest: PyTorch's order for what is not contiguous."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def parts(array: np.ndarray) -> np.ndarray:
    """A complex array's memory as real and imaginary parts: shape (..., 2)."""
    real = array.real
    return np.lib.stride_tricks.as_strided(real, (*array.shape, 2), (*array.strides, real.itemsize))


def rounded(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Float64 or integer values in ``dtype``; on the way to a 16-bit float they pass through float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return (values.astype(np.float32) if dtype.name in ("float16", "bfloat16") else values).astype(dtype)


def require_float(name: str, dtype: np.dtype[Any], error: type[Exception] = NotImplementedError) -> None:
    """Raise ``error`` unless ``dtype`` is a real floating one."""
    if dtype.name not in DIGITS:
        raise error(f"[{name}] dtype must be a floating one: got {dtype.name}")


def largest(dtype: np.dtype[Any]) -> float:
    """The largest finite number of a floating dtype."""
    return (2 - 2.0**-7) * 2.0**127 if dtype.name == "bfloat16" else float(np.finfo(dtype).max)


def count_limit(dtype: np.dtype[Any]) -> int:
    """The largest integer of an integer dtype, or up to which a floating one has no gaps."""
    if dtype.name == "bool":
        return 1
    return 1 << DIGITS[dtype.name] if dtype.name in DIGITS else int(np.iinfo(dtype).max)
