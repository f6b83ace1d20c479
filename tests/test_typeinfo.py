"""Limits of dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import facula as t


def test_floating_dtypes() -> None:
    info = t.finfo(t.float32)
    assert (info.bits, info.dtype, info.eps, info.max) == (
        32,
        "float32",
        2.0**-23,
        float(np.finfo(np.float32).max),
    )
    assert (
        info.min == -info.max and info.tiny == info.smallest_normal == 2.0**-126 and info.resolution == 1e-6
    )
    assert (t.finfo(t.float64).eps, t.finfo(t.float16).max, t.finfo(t.bfloat16).eps) == (
        2.0**-52,
        65504,
        2.0**-7,
    )
    assert t.finfo() == info == t.finfo(t.complex64) != t.finfo(t.float64) and hash(info) == hash(t.finfo())
    assert t.finfo(t.float8_e4m3fn).max == 448
    assert repr(info) == (
        "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
        "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)"
    )


def test_integer_dtypes() -> None:
    assert [(i.min, i.max, i.bits) for i in (t.iinfo(t.uint8), t.iinfo(t.int8), t.iinfo(t.int64))] == [
        (0, 255, 8),
        (-128, 127, 8),
        (-(2**63), 2**63 - 1, 64),
    ]
    assert repr(t.iinfo(t.int16)) == "iinfo(min=-32768, max=32767, dtype=int16)"
    assert (
        t.iinfo(t.int8) == t.iinfo(t.int8) != t.iinfo(t.uint8)
        and len({t.iinfo(t.int8), t.iinfo(t.int8)}) == 1
    )


def test_other_dtypes() -> None:
    for wrong in (t.int32, t.bool, "float32", np.float32):
        with pytest.raises(TypeError, match="finfo"):
            t.finfo(wrong)
    for wrong in (t.float32, t.bool, t.complex64, "int8"):
        with pytest.raises(TypeError, match="iinfo"):
            t.iinfo(wrong)
