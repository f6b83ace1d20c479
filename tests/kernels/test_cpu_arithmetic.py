"""Arithmetic of small arrays (csrc/arithmetic.h) against NumPy, to the last bit."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from facula.kernels import cpu

pytestmark = pytest.mark.skipif(cpu.native is None, reason="no native kernels in this installation")

OPERATIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (0, 4), (16384,)], ids=str)
def test_two_arrays_or_an_array_and_a_number(name, dtype, shape, rng):
    kernel, operation = getattr(cpu.native, name), OPERATIONS[name]
    a, b = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(2))
    for left, right in ((a, b), (a, 0.1), (0.1, b), (a, 3), (3, b), (a, -0.0)):
        with np.errstate(divide="ignore"):
            expected = operation(left, right)
        got = kernel(left, right)
        assert got.dtype == dtype and got.shape == shape
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", OPERATIONS)
def test_declined(name):
    kernel = getattr(cpu.native, name)
    a = np.ones(4, np.float32)
    for left, right in [
        (a, a.astype(np.float64)),
        (a, a[:1]),
        (a, a[None]),
        (np.ones(8, np.float32)[::2], a),
        (np.arange(4), np.arange(4)),
        (a, True),
        (a, 1j),
        (a, np.float32(1)),
        (a, 10**400),
        (1.0, 2.0),
        (a, None),
    ]:
        assert kernel(left, right) is NotImplemented
