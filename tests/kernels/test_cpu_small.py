"""Kernels for small arrays that stand in for a NumPy call: the same numbers without the way to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facula.kernels import cpu

native = cpu.native
pytestmark = pytest.mark.skipif(native is None, reason="the compiled extension is not there")


@pytest.mark.parametrize("size", [0, 1, 7, 16, 1000, 1 << 14])
def test_the_sum_is_that_of_float64_rounded_once(size: int) -> None:
    x = np.random.default_rng(size).normal(size=size).astype(np.float32)
    found = native.sum(x, None, False, None)
    assert found.shape == () and found.dtype == np.float32
    np.testing.assert_allclose(found, x.astype(np.float64).sum(), rtol=1e-6, atol=1e-6)


def test_what_the_sum_declines() -> None:
    x = np.ones((4, 4), np.float32)
    for arguments in [
        (x, None, False, "float64"), (x, (2,), False, None), (x, [0], False, None), (x[:0], (1,), False, None),
        (x.T[::2], None, False, None),
        (x.astype(np.float64), None, False, None),
    ]:  # fmt: skip
        assert native.sum(*arguments) is NotImplemented


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((), (2, 3)), ((1,), (4,)), ((3,), (2, 3)), ((2, 1), (2, 5)), ((1, 1), (0, 2)), ((2, 3), (2, 3)),
        ((2, 1, 3), (4, 2, 5, 3)),
    ],
)  # fmt: skip
def test_expand_is_broadcast_to(shape: Any, wanted: Any) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = native.expand(x, wanted)
    np.testing.assert_array_equal(found, np.broadcast_to(x, wanted))
    assert found.flags.writeable and np.shares_memory(found, x) == (found.size > 0)
    assert found.base is x or found.base is x.base
    x.flags.writeable = False
    assert not native.expand(x, wanted).flags.writeable


def test_what_expand_declines() -> None:
    x = np.ones((2, 3), np.float32)
    for shape in [(3,), (3, 3), (2, -1), [2, 3], (2.0, 3)]:
        assert native.expand(x, shape) is NotImplemented


def test_expand_keeps_its_array_alive() -> None:
    found = native.expand(np.full(1, 7.0), (5,))
    assert found.tolist() == [7.0] * 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", [np.tanh, np.exp, np.log, np.sqrt, np.sin, np.cos])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_loops_are_numpys_to_the_bit(function: Any, size: int, dtype: Any) -> None:
    x = np.random.default_rng(size).normal(size=size).astype(dtype)
    x[::7] = np.inf
    x[1::7] = np.nan
    found = native.loop_of(function)(x)
    with np.errstate(all="ignore"):
        expected = function(x)
    assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def test_what_loops_decline() -> None:
    tanh = native.loop_of(np.tanh)
    for x in [np.ones(4, np.int64), np.ones(4, np.float16), np.ones((4, 4), np.float32)[:, ::2], 1.0, None]:
        assert tanh(x) is NotImplemented
    assert native.loop_of(np.add)(np.ones(4)) is NotImplemented
