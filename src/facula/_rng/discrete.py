"""Samplers of discrete distributions on raw arrays: PyTorch's bits for the same seed.

Targets and generators are as in ``continuous.py``.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .continuous import exponential
from .draws import OneByOne, coin_bits, coins, doubles, floats, libm, log
from .generator import Generator
from .targets import (
    DIGITS,
    INTEGERS,
    Target,
    count_limit,
    largest,
    memory_order,
    open_target,
    require_float,
    resolve,
    rounded,
)

_WIDE_RANGE = 1 << 28  # a range from here on takes 64-bit draws


def integers(
    target: Target,
    dtype: Any = None,
    low: int | None = None,
    high: int | None = None,
    generator: Generator | None = None,
) -> np.ndarray:
    """Integers in [low, high), in an integer, bool or floating dtype; without ``high``, up to the largest.

    With neither bound: all the non-negative numbers of the dtype (for a floating one, as far as it has no
    gaps). ``random_(to)`` and ``randint(to)`` are ``low=0, high=to``. Raises RuntimeError for an empty
    range or a bound out of the dtype's range, TypeError for a bound that is no int, NotImplementedError for
    another dtype.

    >>> from facula.random import Generator
    >>> integers((4,), "int64", 0, 10, Generator().manual_seed(0)).tolist()
    [4, 9, 3, 0]
    """
    array, flat, close = open_target(target, dtype)
    name = array.dtype.name
    unsigned = ("uint16", "uint32", "uint64") if high is not None else ()
    if name not in DIGITS and name not in INTEGERS and name != "bool" and name not in unsigned:
        raise NotImplementedError(f"[random_] dtype must be a floating, integer or bool one: got {name}")
    source = resolve(generator)
    if low is None and high is None:
        wide = name in ("int64", "float64")
        draws = source._draw64(flat.size) if wide else source._draw32(flat.size)
        flat[...] = draws % np.uint64(count_limit(array.dtype) + 1)
        return close()
    start = 0 if low is None else operator.index(low)
    if high is None:
        stop = count_limit(array.dtype) + 1
        _check_bounds(array.dtype, start, None)
    else:
        stop = operator.index(high)
        if start >= stop:
            raise RuntimeError(
                f"[random_] expects 'from' to be less than 'to': got from={start} and to={stop}"
            )
        _check_bounds(array.dtype, start, stop)
    if name in DIGITS:
        start = _round_inwards(start, array.dtype, 1)
        stop = _round_inwards(stop, array.dtype, -1) if high is not None else stop
        if start >= stop:
            raise RuntimeError(
                f"[random_] expects 'from' < 'to' after rounding to {name}: got {start} and {stop}"
            )
    span = stop - start
    draws = source._draw64(flat.size) if span >= _WIDE_RANGE else source._draw32(flat.size)
    if span < 1 << 64:  # else the draws are the numbers
        draws %= np.uint64(span)
        draws += np.uint64(start % (1 << 64))  # modulo 2**64, so a negative start comes out right
    flat[...] = rounded(draws.view(np.int64), array.dtype) if name != "uint64" else draws
    return close()


def draw_seed(generator: Generator | None = None) -> int:
    """The number that ``empty((), dtype=int64).random_()`` gives: loaders seed themselves by it."""
    return int(integers((), np.int64, generator=generator))


def randperm(n: int, dtype: Any = np.int64, generator: Generator | None = None) -> np.ndarray:
    """A random order of ``0 .. n-1``: Fisher and Yates' swaps of ``i`` with ``i + draw % (n - i)``.

    Raises RuntimeError if ``n`` is negative or more than the dtype can count, NotImplementedError for a dtype
    that is neither integer nor floating.

    >>> from facula.random import Generator
    >>> randperm(5, generator=Generator().manual_seed(0)).tolist()
    [4, 0, 1, 3, 2]
    """
    kind = np.dtype(dtype)
    if n < 0:
        raise RuntimeError(f"[randperm] n must be non-negative: got {n}")
    if kind.name not in INTEGERS and kind.name not in DIGITS:
        raise NotImplementedError(f"[randperm] dtype must be an integer or floating one: got {kind.name}")
    limit = count_limit(kind) + (kind.name in DIGITS)
    if n > limit and kind.name != "bfloat16":
        raise RuntimeError(f"[randperm] n must not be greater than {limit} for {kind.name}: got {n}")
    if n < 2:
        return np.arange(n).astype(kind)
    source = resolve(generator)
    draws = source._draw32(n - 1) if n < (2**32 - 1) // 20 else source._draw64(n - 1)
    steps = np.arange(n - 1)
    swapped_with = (draws % np.arange(n, 1, -1, dtype=np.uint64)).astype(np.int64) + steps

    # All swaps at once. Position i, when its turn comes, holds what the last earlier swap aimed at i has put
    # there, which is what that swap's own position held. So follow "the last earlier swap aimed at it" to its
    # root.
    bits = n.bit_length()
    order = np.sort((swapped_with << bits) | steps)  # by aim, then by time
    aims, times = order >> bits, order & ((1 << bits) - 1)
    same = aims[1:] == aims[:-1]
    previous = np.full(n - 1, -1)  # the last earlier swap with the same aim
    previous[times[1:][same]] = times[:-1][same]
    in_place = swapped_with == steps
    holder = np.arange(n)
    holder[swapped_with] = steps  # the last swap wins ...
    own = np.flatnonzero(in_place)
    holder[own] = np.where(previous[own] < 0, own, previous[own])  # ... but a swap with itself is not earlier
    while True:
        further = holder[holder]
        if np.array_equal(further, holder):
            break
        holder = further
    result = np.empty(n, np.int64)
    result[:-1] = np.where(in_place, holder[:-1], np.where(previous < 0, swapped_with, holder[previous]))
    result[-1] = holder[-1]
    return result.astype(kind, copy=False)


def bernoulli(
    target: Target, dtype: Any = None, p: float | np.ndarray = 0.5, generator: Generator | None = None
) -> np.ndarray:
    """Ones with probability ``p``, else zeros, in any real dtype; ``p`` is a number or an array.

    A number is compared with float64 uniforms, an array with float32 ones unless it is of float64 itself.
    Raises RuntimeError if a probability is not in [0, 1], NotImplementedError for an array that is not
    floating.

    >>> from facula.random import Generator
    >>> bernoulli((6,), "float32", 0.5, Generator().manual_seed(0)).tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    """
    array, flat, close = open_target(target, dtype)
    if array.dtype.kind == "c":
        raise NotImplementedError(f"[bernoulli_] dtype must be a real one: got {array.dtype.name}")
    if not isinstance(p, np.ndarray):
        if not 0 <= p <= 1:
            raise RuntimeError(f"[bernoulli_] expects p in [0, 1]: got p={p}")
        flat[...] = coins(resolve(generator), flat.size, p)
        return close()
    require_float("bernoulli_", p.dtype)
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(f"[bernoulli_] expects every p in [0, 1]: got {p[~((p >= 0) & (p <= 1))].flat[0]}")
    chances = np.broadcast_to(p, array.shape).transpose(memory_order(array)).reshape(-1)
    if p.dtype == np.float64:
        flat[...] = doubles(resolve(generator), flat.size) < chances
    else:
        uniforms = np.empty(flat.size, np.float32)
        floats(resolve(generator), uniforms)
        flat[...] = uniforms < chances.astype(np.float32)
    return close()


def dropout_noise(
    target: Target, dtype: Any = None, p: float = 0.5, generator: Generator | None = None
) -> np.ndarray:
    """What ``F.dropout`` multiplies its input by: 0 with probability ``p``, else ``1 / (1 - p)``.

    ``p=1`` gives zeros and ``p=0`` ones, both without drawing. For feature dropout the target's shape is
    that of `feature_dropout_shape`. Raises ValueError if ``p`` is not in [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"[dropout] probability must be in [0, 1]: got {p}")
    array, flat, close = open_target(target, dtype)
    require_float("dropout", array.dtype)
    if p in (0, 1):
        flat[...] = 1 - p
        return close()
    flat[...] = coins(resolve(generator), flat.size, 1 - p)
    flat *= np.asarray(_dropout_scale(array.dtype, p)).astype(array.dtype)
    return close()


def dropout_mask(
    shape: Sequence[int], dtype: Any, p: float, generator: Generator | None = None
) -> tuple[np.ndarray, float]:
    """`dropout_noise` as its bits, eight a byte, the first in the lowest bit, and the number where they are set."""
    if not 0 <= p <= 1:
        raise ValueError(f"[dropout] probability must be in [0, 1]: got {p}")
    require_float("dropout", dtype)
    count = math.prod(shape)
    if p in (0, 1):
        return np.full((count + 7) // 8, 0 if p else 255, np.uint8), 1.0
    return coin_bits(resolve(generator), count, 1 - p), float(_dropout_scale(dtype, p))


def _dropout_scale(dtype: np.dtype[Any], p: float) -> np.floating[Any]:
    """What is kept is multiplied by this: 1 / (1 - p), rounded as PyTorch does."""
    work = np.float64 if dtype == np.float64 else np.float32
    return work(1) / work(1 - p)


def feature_dropout_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The noise's shape where whole channels are dropped: the first two sizes, then ones.

    >>> feature_dropout_shape((8, 3, 5, 5))
    (8, 3, 1, 1)
    """
    return (*shape[:2], *(1 for _ in shape[2:]))


def geometric(
    target: Target, dtype: Any = None, p: float = 0.5, generator: Generator | None = None
) -> np.ndarray:
    """Trials until the first success of probability ``p``: integer or floating dtypes.

    Raises RuntimeError unless ``0 < p < 1``, NotImplementedError for another dtype.
    """
    if not 0 < p < 1:
        raise RuntimeError(f"[geometric_] expects p in (0, 1): got p={p}")
    array, flat, close = open_target(target, dtype)
    if array.dtype.name not in INTEGERS:
        require_float("geometric_", array.dtype)
    uniforms = doubles(resolve(generator), flat.size)
    flat[...] = rounded(np.ceil(libm("log", uniforms, array.dtype) / math.log1p(-p)), array.dtype)
    return close()


def multinomial(
    weights: np.ndarray, num_samples: int, replacement: bool = False, generator: Generator | None = None
) -> np.ndarray:
    """Indices drawn by weight from each row: weights (n,) or (rows, n); returns int64 (..., num_samples).

    Without replacement, and for a single sample, each weight is divided by an exponential number and the
    largest win. Of equals the first wins, where PyTorch leaves it open: a difference seen with 16-bit
    weights, or among thousands of float32 ones. Raises RuntimeError for weights that are not floating,
    negative, not finite or all zero, and for more samples than categories without replacement.
    """
    name = weights.dtype.name
    if name not in DIGITS:
        raise RuntimeError(f"[multinomial] weights must be of a floating dtype: got {name}")
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"[multinomial] weights must have 1 or 2 dimensions: got {weights.ndim}")
    if num_samples <= 0:
        raise RuntimeError(f"[multinomial] num_samples must be positive: got {num_samples}")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError(
            "[multinomial] without replacement num_samples must be at most the number of categories: "
            f"got {num_samples} and {weights.shape[-1]}"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise RuntimeError("[multinomial] weights must be finite and not negative: got others")
    rows = weights.reshape(-1, weights.shape[-1])
    if not (rows > 0).any(axis=1).all():
        raise RuntimeError("[multinomial] every row must have a positive weight: got a sum of 0")
    source = resolve(generator)
    if replacement and num_samples > 1:
        chosen = _with_replacement(rows, num_samples, source)
    else:
        with np.errstate(all="ignore"):  # narrow dtypes overflow here, which only makes such weights win
            ratio = rows / exponential(rows.shape, weights.dtype, 1.0, source)
        chosen = np.argsort(-ratio, axis=1, kind="stable")[:, :num_samples]
    return chosen.astype(np.int64, copy=False).reshape(*weights.shape[:-1], num_samples)


def _with_replacement(rows: np.ndarray, num_samples: int, source: Generator) -> np.ndarray:
    exact: Any = np.float64 if rows.dtype == np.float64 else np.float32
    sums = np.cumsum(rows, axis=1, dtype=exact)
    cumulated = sums / sums[:, -1:]
    cumulated[:, -1] = 1
    uniforms = doubles(source, len(rows) * num_samples).reshape(len(rows), num_samples)
    chosen = np.empty(uniforms.shape, np.int64)
    for row, line in enumerate(cumulated):
        chosen[row] = np.searchsorted(line.astype(np.float64), uniforms[row], side="left")
    return chosen


def poisson(rates: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Poisson numbers of the given floating ``rates``, same shape and dtype.

    Below a rate of 10 by multiplying uniforms (Knuth), from there on by transformed rejection (PTRS,
    Hormann 1993). Raises RuntimeError for a negative or NaN rate, NotImplementedError for a dtype that is
    not floating.
    """
    require_float("poisson", rates.dtype)
    if not (rates >= 0).all():
        raise RuntimeError("[poisson] rates must not be negative: got others")
    source = resolve(generator)
    result = np.empty_like(rates)
    order = memory_order(result)
    uniform = OneByOne(source)
    drawn = [
        _poisson_one(rate, uniform) for rate in rates.transpose(order).reshape(-1).astype(np.float64).tolist()
    ]
    uniform.close()
    view = result.transpose(order)
    view[...] = np.array(drawn, np.float64).reshape(view.shape)
    return result


def _poisson_one(rate: float, uniform: OneByOne) -> float:
    if rate == 0:
        return 0.0
    if rate < 10:
        bound, product, count = math.exp(-rate), 1.0, 0
        while True:
            product *= uniform()
            if product <= bound:
                return float(count)
            count += 1
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = uniform() - 0.5
        v = uniform()
        distance = 0.5 - abs(u)
        k = math.floor((2.0 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= squeeze:
            return float(k)
        if k < 0 or (distance < 0.013 and v > distance):
            continue
        accepted = log(v) + math.log(inverse_alpha) - math.log(a / (distance * distance) + b)
        if accepted <= -rate + k * log_rate - math.lgamma(k + 1):
            return float(k)


def _check_bounds(dtype: np.dtype[Any], start: int, stop: int | None) -> None:
    """Raise if a bound of ``integers`` is out of the dtype's range; warn where a floating one has gaps."""
    named = [("from", start)] if stop is None else [("from", start), ("to - 1", stop - 1)]
    floating = dtype.name in DIGITS
    for name, bound in named:
        if floating:
            inside = abs(bound) <= largest(dtype)
        else:
            inside = (0 if dtype.name == "bool" else int(np.iinfo(dtype).min)) <= bound <= count_limit(dtype)
        if not inside:
            raise RuntimeError(f"[random_] {name} must be in the range of {dtype.name}: got {bound}")
        if floating and abs(bound) > count_limit(dtype):
            warnings.warn(
                f"[random_] {name} should be within +-2**{DIGITS[dtype.name]}, "
                f"where {dtype.name} has all integers: got {bound}",
                stacklevel=3,
            )


def _round_inwards(bound: int, dtype: np.dtype[Any], direction: int) -> int:
    """``bound``, unless its inner neighbour rounds to beyond it in a floating dtype: then the next number."""
    neighbour = bound + direction
    nearest = int(rounded(np.array([float(neighbour)]), dtype)[0])
    if (nearest < bound) if direction > 0 else (nearest >= bound):
        gap_bits = abs(neighbour).bit_length() - DIGITS[dtype.name]
        return nearest + direction * (1 << gap_bits)
    return bound
