"""Float arithmetic behind the normal numbers: fused multiply-add and the eight-lane Box-Muller step.

PyTorch's vector kernels are compiled with fused multiply-add (one rounding for ``a * b + c``) and use the
single-precision polynomials of Cephes (S. Moshier, netlib) for logarithm, sine and cosine. To give the same
bits on any machine, both are written out here with NumPy operations whose rounding IEEE 754 fixes.
"""

from __future__ import annotations

import math

import numpy as np

_f32 = np.float32
_Wide = np.ndarray | float

# Cephes logf: log(1 + x) = x - x^2/2 + x^3 * P(x) on [sqrt(1/2) - 1, sqrt(2) - 1], and ln 2 in two parts.
_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_LN2_LOW, _LN2_HIGH = -2.12194440e-4, 0.693359375
# Cephes sinf and cosf on [-pi/4, pi/4], and pi/4 in three parts.
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_PI_4 = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
_TWO_PI = _f32(2 * np.pi)

# A float64 has 29 bits that a float32 has no room for. Where they read 100...0, it is a tie between two of
# them.
_SPARE, _TIE = (1 << 29) - 1, 1 << 28
_CHUNK = 8192  # elements worked on at a time, so that the temporaries stay in the second-level cache


class _Fma32:
    """``a * b + c`` of float32 values, rounded once, for ``size`` elements; keeps its scratch memory.

    The product of two float32 is exact in float64, so only the sum's rounding to float64 may disturb the
    final one; that takes a sum that lands on a tie of float32, which is looked for and put right.
    """

    def __init__(self, size: int) -> None:
        self._sum = np.empty(size)
        self._spare = np.empty(size, np.int64)
        self._tie = np.empty(size, np.bool_)

    def __call__(self, a: np.ndarray, b: _Wide, c: _Wide, out: np.ndarray) -> np.ndarray:
        """``a`` and ``out`` are float32, ``b`` and ``c`` float32 values held in float64."""
        total = self._sum
        np.copyto(total, a)
        total *= b
        total += c
        np.bitwise_and(total.view(np.int64), _SPARE, out=self._spare)
        np.equal(self._spare, _TIE, out=self._tie)
        if np.count_nonzero(self._tie):
            self._mend(a, b, c)
        np.copyto(out, total, casting="unsafe")
        return out

    def _mend(self, a: np.ndarray, b: _Wide, c: _Wide) -> None:
        """Push sums that only look like ties to the side where the exact value is."""
        where = np.flatnonzero(self._tie)
        total = self._sum[where]
        product = a[where].astype(np.float64) * np.broadcast_to(b, self._sum.shape)[where]
        error = _sum_error(product, np.broadcast_to(c, self._sum.shape)[where], total)
        self._sum[where] = np.where(error == 0, total, np.nextafter(total, np.copysign(np.inf, error)))


def scale_and_shift(values: np.ndarray, scale: float, shift: float) -> None:
    """``values * scale + shift``, rounded once, in place; ``values`` is float32, 1-d."""
    with np.errstate(over="ignore"):
        for start in range(0, values.size, _CHUNK):
            part = values[start : start + _CHUNK]
            _Fma32(part.size)(part, _single(scale), _single(shift), part)


def fma64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """``a * b + c`` of float64 values, rounded once (Boldo and Melquiond's method: round the tail to odd)."""
    a = np.asarray(a, np.float64)
    if b == 1.0 or c == 0.0 or not (abs(b) < 2.0**900 and abs(c) < math.inf):
        return a * b + c  # one rounding anyway, or too large for what follows
    high = a * b
    low = _product_error(a, b, high)
    addend = np.full_like(high, c)
    t_high = addend + low
    t_low = _sum_error(addend, low, t_high)
    v_high = high + t_high
    v_low = _sum_error(high, t_high, v_high)
    tail = t_low + v_low
    error = _sum_error(t_low, v_low, tail)
    even = (error != 0) & ((tail.view(np.int64) & 1) == 0)
    if even.any():
        tail[even] = np.nextafter(tail[even], np.copysign(np.inf, error[even]))
    return v_high + tail


def box_muller_float32(values: np.ndarray, mean: float, std: float) -> None:
    """Turn uniform float32 ``values`` into normal ones, in place, in blocks of sixteen.

    ``values`` is 1-d, contiguous, its length a multiple of 16. In each block the first eight give the radii
    ``sqrt(-2 log(1 - u))`` and the last eight the angles ``2 pi u``; the first half becomes the cosines, the
    second the sines.
    """
    blocks = values.reshape(-1, 2, 8)
    rows = _CHUNK // 8
    with np.errstate(over="ignore", invalid="ignore"):  # large means and deviations end in infinities
        for start in range(0, len(blocks), rows):
            _box_muller_chunk(blocks[start : start + rows], mean, std)


def _box_muller_chunk(block: np.ndarray, mean: float, std: float) -> None:
    fma = _Fma32(8 * len(block))
    radius = _log(fma, (_f32(1) - block[:, 0]).reshape(-1))
    radius *= _f32(-2)
    np.sqrt(radius, out=radius)
    sine, cosine = _sin_cos(fma, (block[:, 1] * _TWO_PI).reshape(-1))
    for half, part in enumerate((cosine, sine)):
        part *= radius
        if (mean, std) == (0, 1):
            part += _f32(0)  # no negative zero, as after a sum
        else:
            fma(part, _single(std), _single(mean), part)
        block[:, half] = part.reshape(-1, 8)


def _log(fma: _Fma32, x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive normal float32 numbers."""
    bits = x.view(np.int32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(np.float32)  # in [1/2, 1)
    below = mantissa < _f32(0.707106781186547524)
    exponent = ((bits >> 23) - 126 - below).astype(np.float32)
    x = np.where(below, mantissa, _f32(0))
    x += mantissa - _f32(1)
    square = x * x
    wide = x.astype(np.float64)
    y = fma(np.full_like(x, _LOG[0]), wide, _single(_LOG[1]), np.empty_like(x))
    for coefficient in _LOG[2:]:
        fma(y, wide, _single(coefficient), y)
    y *= x
    fma(y, square.astype(np.float64), exponent * _f32(_LN2_LOW), y)
    y -= square * _f32(
        0.5
    )  # this product and the last are exact, so that a plain sum does what a fused one does
    x += y
    x += exponent * _f32(_LN2_HIGH)
    return x


def _sin_cos(fma: _Fma32, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of non-negative float32 angles."""
    octant = ((x * _f32(4 / np.pi)).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float32)
    for part in _PI_4[:2]:
        x -= turns * _f32(part)  # exact products
    fma(turns, -_single(_PI_4[2]), x, x)
    square = x * x
    wide = square.astype(np.float64)
    cosine, sine = (
        fma(np.full_like(x, first), wide, _single(second), np.empty_like(x))
        for first, second, _ in (_COS, _SIN)
    )
    fma(cosine, wide, _single(_COS[2]), cosine)
    cosine *= square
    fma(cosine, wide, square * _f32(-0.5), cosine)
    cosine += _f32(1)
    fma(sine, wide, _single(_SIN[2]), sine)
    sine *= square
    fma(sine, x.astype(np.float64), x, sine)
    quarter = octant >> 1
    swapped = (quarter & 1) != 0
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    sine.view(np.int32)[...] ^= (quarter & 2) << 30  # the sign bits
    cosine.view(np.int32)[...] ^= ((quarter + 1) & 2) << 30
    return sine, cosine


def _single(x: float) -> float:
    """``x`` rounded to float32."""
    return float(_f32(x))


def _sum_error(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> np.ndarray:
    """What rounding took from ``a + b`` (Knuth's two-sum)."""
    b_part = total - a
    return (a - (total - b_part)) + (b - b_part)


def _product_error(a: np.ndarray, b: float, product: np.ndarray) -> np.ndarray:
    """What rounding took from ``a * b`` (Dekker's product with Veltkamp's split)."""
    a_scaled, b_scaled = a * 134217729.0, b * 134217729.0
    a_high, b_high = a_scaled - (a_scaled - a), b_scaled - (b_scaled - b)
    a_low, b_low = a - a_high, b - b_high
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
