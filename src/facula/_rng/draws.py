"""From the generator's draws to uniform and normal numbers, in PyTorch's order."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.cpu import native
from .arithmetic import box_muller_float32, fma64
from .generator import Generator

_CHUNK = 1 << 14  # draws converted at a time
_FLOAT64 = np.dtype(np.float64)


def floats(source: Generator, out: np.ndarray) -> None:
    """Fill the 1-d float32 ``out`` with uniforms in [0, 1): the low 24 bits of one draw each."""
    for start in range(0, out.size, _CHUNK):
        part = out[start : start + _CHUNK]
        draws = source._draw32(part.size).astype(np.int32)
        draws &= 0xFFFFFF
        np.multiply(draws, np.float32(2**-24), out=part, dtype=np.float32, casting="unsafe")


def doubles(source: Generator, count: int) -> np.ndarray:
    """Float64 uniforms in [0, 1): the low 53 bits of two draws each."""
    out = np.empty(count)
    for start in range(0, count, _CHUNK):
        part = out[start : start + _CHUNK]
        draws = source._draw64(part.size)
        draws &= np.uint64((1 << 53) - 1)
        np.multiply(draws.view(np.int64), 2.0**-53, out=part)
    return out


def coin_bits(source: Generator, count: int, p: float) -> np.ndarray:
    """``doubles(source, count) < p`` as bits: eight a byte, the first in the lowest bit."""
    high, low = divmod(math.ceil(p * 2.0**53), 1 << 32)
    if native is not None and _native_fits():
        return source._draw_natively(2 * count, lambda capsule: native.coins(capsule, count, high, low))
    return np.packbits(_coins(source, count, high, low), bitorder="little")


def coins(source: Generator, count: int, p: float) -> np.ndarray:
    """``doubles(source, count) < p`` as bools."""
    return np.unpackbits(coin_bits(source, count, p), count=count, bitorder="little").view(np.bool_)


def _coins(source: Generator, count: int, high: int, low: int) -> np.ndarray:
    """Whether 53-bit numbers are less than ``high * 2**32 + low``, decided mostly by the first draw alone."""
    out = np.empty(count, np.bool_)
    for start in range(0, count, _CHUNK):
        part = out[start : start + _CHUNK]
        draws = source._draw32(2 * part.size).view(np.int64)
        first = draws[::2] & 0x1FFFFF
        np.less(first, high, out=part)
        close = first == high
        if close.any():
            part[close] = draws[1::2][close] < low
    return out


@functools.cache
def _native_fits() -> bool:
    """Whether NumPy keeps its generator's state as the kernel believes: both must draw, and go on, alike."""
    ours, theirs = Generator().manual_seed(1), Generator().manual_seed(1)
    expected = np.packbits(_coins(theirs, 700, 1 << 20, 0), bitorder="little")
    found = ours._draw_natively(1400, lambda capsule: native.coins(capsule, 700, 1 << 20, 0))
    return (
        found is not NotImplemented
        and np.array_equal(found, expected)
        and np.array_equal(ours._draw32(700), theirs._draw32(700))
    )


class OneByOne:
    """Float64 uniforms one at a time for those who do not know how many they need; `close` must follow.

    They are fetched in blocks; closing gives the generator back what was not used.
    """

    def __init__(self, source: Generator) -> None:
        self._source = source
        self._start = source._mark()
        self._block: list[float] = []
        self._position = 0
        self._used = 0

    def __call__(self) -> float:
        if self._position == len(self._block):
            self._used += self._position
            self._block, self._position = doubles(self._source, 256).tolist(), 0
        self._position += 1
        return self._block[self._position - 1]

    def close(self) -> None:
        self._source._rewind(self._start, 2 * (self._used + self._position))


def normal_blocks(source: Generator, flat: np.ndarray, mean: float, std: float) -> None:
    """Fill ``flat``, 16 or more float32, with normals in blocks of 16; a remainder renews the last 16."""
    floats(source, flat)
    whole = flat.size // 16 * 16
    box_muller_float32(flat[:whole], mean, std)
    if whole < flat.size:
        tail = np.empty(16, np.float32)
        floats(source, tail)
        box_muller_float32(tail, mean, std)
        flat[-16:] = tail


def box_muller_float64(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    """The float64 form of `box_muller_float32`, with the C library's functions; returns a new array."""
    blocks = values.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * libm("log", 1.0 - blocks[:, 0]))
    angle = 2.0 * math.pi * blocks[:, 1]
    pairs = np.stack([radius * libm("cos", angle), radius * libm("sin", angle)], axis=1)
    return fma64(pairs.reshape(-1), std, mean)


def paired_normals(source: Generator, count: int, wanted: np.dtype[Any] = _FLOAT64) -> np.ndarray:
    """Float64 normals made in pairs, to be rounded to ``wanted``.

    The second of the last pair may have to wait in the generator for the next call.
    """
    if count == 0:
        return np.empty(0)
    waiting = source._next_normal
    missing = count - (waiting is not None)
    pairs = doubles(source, missing + (missing & 1)).reshape(-1, 2)
    radius = np.sqrt(-2.0 * libm("log1p", -pairs[:, 1], wanted))
    angle = 2.0 * math.pi * pairs[:, 0]
    made = np.stack(
        [radius * libm("cos", angle, wanted), radius * libm("sin", angle, wanted)], axis=1
    ).reshape(-1)
    source._next_normal = None
    if missing & 1:
        last = math.sqrt(-2.0 * math.log1p(-pairs[-1, 1]))
        source._next_normal = last * math.sin(2.0 * math.pi * pairs[-1, 0])
        made = made[:-1]
    return made if waiting is None else np.concatenate([[waiting], made])


def libm(name: str, values: np.ndarray, wanted: np.dtype[Any] = _FLOAT64) -> np.ndarray:
    """A function of float64 ``values``: by the C library where the result is wanted in float64.

    NumPy's own may differ in the last bit on some processors; rounding to a narrower dtype hides that.
    """
    if wanted != np.float64:
        with np.errstate(divide="ignore", over="ignore"):
            return getattr(np, name)(values)
    function: Callable[[float], float] = {"exp": _exp, "log": log}.get(name) or getattr(math, name)
    return np.fromiter(map(function, values.reshape(-1).tolist()), np.float64, values.size).reshape(
        values.shape
    )


def log(x: float) -> float:
    """The C library's logarithm, with minus infinity at 0."""
    return math.log(x) if x else -math.inf


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf
