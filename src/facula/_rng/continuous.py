"""Samplers of continuous distributions on raw arrays: PyTorch's bits for the same seed.

A sampler takes a target: a shape and a dtype for a new array, or an array to fill in place (then its own
dtype counts). An array that is not C-contiguous is filled in the order of its memory. ``generator=None``
means the default one. How PyTorch 2.13 uses its draws was found by experiment on an AMD processor; its
builds may take ``bernoulli_`` and ``exponential_`` from MKL's own streams on Intel's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arithmetic import fma64, scale_and_shift
from .draws import box_muller_float64, doubles, floats, libm, normal_blocks, paired_normals
from .generator import Generator
from .targets import Target, largest, open_target, parts, require_float, resolve, rounded


def uniform(
    target: Target, dtype: Any = None, low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Uniform numbers in [low, high): float16, bfloat16, float32, float64, or both parts of complex ones.

    Raises RuntimeError for bounds in the wrong order or out of the dtype's range, NotImplementedError for
    other dtypes.

    >>> from facula.random import Generator
    >>> uniform((2,), "float32", -1, 1, Generator().manual_seed(0)).tolist()
    [-0.007486820220947266, 0.5364435911178589]
    """
    array, flat, close = open_target(target, dtype)
    if array.dtype.kind == "c":
        uniform(parts(array), None, low, high, generator)
        return array
    require_float("uniform_", array.dtype)
    limit = largest(array.dtype)
    for name, bound in (("from", low), ("to", high)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"[uniform_] {name} must be in the range of {array.dtype}: got {bound}")
    if low > high:
        raise RuntimeError(f"[uniform_] expects a range [from, to): got from={low} and to={high}")
    if high - low > limit:
        raise RuntimeError(f"[uniform_] expects to - from <= {limit:g}: got to={high} and from={low}")
    source = resolve(generator)
    if array.dtype == np.float64:
        values = doubles(source, flat.size)
        flat[...] = values if (low, high) == (0, 1) else fma64(values, high - low, low)
        if (low, high) != (0, 1):
            flat[flat == high] = low  # rounding may reach the excluded end
        return close()
    exact = flat if array.dtype == np.float32 else np.empty(flat.size, np.float32)
    floats(source, exact)
    if (low, high) != (0, 1):
        scale_and_shift(exact, float(np.float32(high) - np.float32(low)), low)
    if exact is not flat:
        flat[...] = exact
    if exact is not flat or (low, high) != (0, 1):
        flat[flat == array.dtype.type(high)] = array.dtype.type(low)
    return close()


def normal(
    target: Target, dtype: Any = None, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Normal numbers: float16, bfloat16, float32, float64, or complex (``std`` is that of the whole).

    Raises RuntimeError if ``std`` is negative or NaN, NotImplementedError for another dtype.

    >>> from facula.random import Generator
    >>> normal((2,), "float32", generator=Generator().manual_seed(0)).tolist()
    [1.5409960746765137, -0.293428897857666]
    """
    if not std >= 0:
        raise RuntimeError(f"[normal_] expects std >= 0: got std={std}")
    array, flat, close = open_target(target, dtype)
    if array.dtype.kind == "c":
        normal(parts(array), None, mean, std / math.sqrt(2), generator)
        return array
    require_float("normal_", array.dtype)
    source = resolve(generator)
    if flat.size < 16 or not array.flags.c_contiguous:
        flat[...] = rounded(fma64(paired_normals(source, flat.size, array.dtype), std, mean), array.dtype)
    elif array.dtype == np.float32:
        normal_blocks(source, flat, mean, std)
    elif array.dtype == np.float64:
        values = doubles(source, flat.size)
        whole = flat.size // 16 * 16
        flat[:whole] = box_muller_float64(values[:whole], mean, std)
        if whole < flat.size:
            flat[-16:] = box_muller_float64(doubles(source, 16), mean, std)
    else:  # the narrow kinds are computed in float32, block by block
        whole = flat.size // 16 * 16
        for part in (flat[:whole], flat[-16:]) if whole < flat.size else (flat,):
            exact = np.empty(part.size, np.float32)
            normal_blocks(source, exact, mean, std)
            part[...] = rounded(exact, array.dtype)
    return close()


def log_normal(
    target: Target, dtype: Any = None, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None
) -> np.ndarray:
    """Numbers whose logarithm is normal. Raises RuntimeError unless ``std > 0``."""
    if not std > 0:
        raise RuntimeError(f"[log_normal_] expects std > 0: got std={std}")
    array, flat, close = open_target(target, dtype)
    require_float("log_normal_", array.dtype)
    values = fma64(paired_normals(resolve(generator), flat.size, array.dtype), std, mean)
    flat[...] = rounded(libm("exp", values, array.dtype), array.dtype)
    return close()


def exponential(
    target: Target, dtype: Any = None, rate: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Exponential numbers of the given ``rate`` (PyTorch's ``lambd``): ``-log(1 - u) / rate``.

    Raises RuntimeError unless ``rate > 0`` and the dtype is a floating one.
    """
    if not rate > 0:
        raise RuntimeError(f"[exponential_] expects lambda > 0: got lambda={rate}")
    array, flat, close = open_target(target, dtype)
    require_float("exponential_", array.dtype, RuntimeError)
    logs = libm("log1p", -doubles(resolve(generator), flat.size), array.dtype)
    flat[...] = rounded(-1.0 / rate * logs, array.dtype)
    return close()


def cauchy(
    target: Target,
    dtype: Any = None,
    median: float = 0.0,
    sigma: float = 1.0,
    generator: Generator | None = None,
) -> np.ndarray:
    """Cauchy numbers: ``median + sigma * tan(pi * (u - 1/2))``.

    Raises RuntimeError unless ``sigma > 0`` and the dtype is a floating one.
    """
    if not sigma > 0:
        raise RuntimeError(f"[cauchy_] expects sigma > 0: got sigma={sigma}")
    array, flat, close = open_target(target, dtype)
    require_float("cauchy_", array.dtype, RuntimeError)
    angles = math.pi * (doubles(resolve(generator), flat.size) - 0.5)
    flat[...] = rounded(fma64(libm("tan", angles, array.dtype), sigma, median), array.dtype)
    return close()
