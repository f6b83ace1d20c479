"""`finfo` and `iinfo`: the limits of a dtype."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from . import _dtype


class finfo:
    """Limits of a floating dtype (default: the default dtype); a complex one has those of its parts.

    Attributes: `bits`, `max`, `min`, `eps` (the step from 1 to the next number), `smallest_normal` or `tiny`,
    `resolution` and `dtype` (the dtype's name). Raises TypeError for another dtype.

    >>> finfo(_dtype.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: _dtype.dtype | None = None) -> None:
        kind = _dtype.get_default_dtype() if type is None else type
        if not isinstance(kind, _dtype.dtype) or not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"[finfo] needs a floating point dtype (iinfo is for integers): got {type}")
        kind = kind.to_real() if kind.is_complex else kind
        found: Any = ml_dtypes.finfo(kind.numpy)
        self.dtype = kind.name
        self.bits = kind.itemsize * 8
        self.max, self.min = float(found.max), float(found.min)
        self.eps = float(found.eps)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        # The decimal digits that survive: 10 to the power of minus their number.
        self.resolution = 10.0 ** -math.floor(-math.log10(self.eps))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in names)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer dtype: `bits`, `max`, `min` and `dtype` (its name). TypeError for another dtype.

    >>> iinfo(_dtype.int8).max
    127
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: _dtype.dtype) -> None:
        if not isinstance(type, _dtype.dtype) or type.numpy.kind not in "iu":
            raise TypeError(f"[iinfo] needs an integer dtype (finfo is for floating point): got {type}")
        found = np.iinfo(type.numpy)
        self.dtype = type.name
        self.bits = found.bits
        self.max, self.min = int(found.max), int(found.min)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
