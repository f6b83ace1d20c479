"""Arithmetic and sums of large arrays, which the threads share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facula.kernels import cpu

native = cpu.native
pytestmark = pytest.mark.usefixtures("isa", "threads")

OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
PAIRS: list[tuple[Any, Any]] = [
    ((40, 500), (40, 500)), ((40, 500), (500,)), ((40, 500), (40, 1)), ((40, 1), (1, 500)), ((500,), (40, 500)),
    ((3, 7, 30, 31), (7, 1, 1)), ((3, 7, 30, 31), (3, 1, 30, 31)), ((2, 1, 3, 1, 4000), (5, 1, 2, 1)),
    ((100003,), ()), ((100003,), 2.5), (3, (100003,)), ((1, 70000), (1,)), ((129, 128), (129, 128)),
]  # fmt: skip


def operand(rng: np.random.Generator, shape: Any, dtype: Any) -> Any:
    return shape if isinstance(shape, (int, float)) else rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("left", "right"), PAIRS, ids=str)
def test_arithmetic_is_numpys_to_the_bit(left: Any, right: Any, dtype: Any, rng: np.random.Generator) -> None:
    a, b = operand(rng, left, dtype), operand(rng, right, dtype)
    for name, function in OPERATIONS.items():
        found, expected = getattr(native, name)(a, b), function(a, b)
        assert found is not NotImplemented and found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_parts_of_rows_are_taken_where_they_stand(rng: np.random.Generator) -> None:
    x = rng.standard_normal((300, 3, 200)).astype(np.float32)
    found = native.add(x[:, 0], x[:, 2, :])
    np.testing.assert_array_equal(found, x[:, 0] + x[:, 2])


def test_what_large_arithmetic_declines(rng: np.random.Generator) -> None:
    x = rng.standard_normal((200, 200)).astype(np.float32)
    for a, b in [
        (x.T, x), (x[:, ::2], x[:, ::2]), (x, x.astype(np.float64)), (x, x[:3]), (x, True), (x, None),
        (x[::-1], x), (x, np.float32(1)),
    ]:  # fmt: skip
        assert native.add(a, b) is NotImplemented


SUMS: list[tuple[Any, Any]] = [
    ((100003,), None), ((300, 301), None), ((300, 301), (0,)), ((300, 301), (1,)), ((300, 301), (-1,)),
    ((3, 5, 40, 41), (0, 2, 3)), ((3, 5, 40, 41), (2, 3)), ((30, 5, 40, 41), (0, 1)), ((5000, 3, 4), (0,)),
    ((20000, 1), (0,)), ((1, 20000), (0,)), ((1, 3, 20000), (0, 2)), ((2, 65, 129), (0, 1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "dim"), SUMS, ids=str)
@pytest.mark.parametrize("keepdim", [False, True])
def test_sums_and_means(shape: Any, dim: Any, keepdim: bool, rng: np.random.Generator) -> None:
    x = (rng.standard_normal(shape) + 3).astype(np.float32)
    for name in ("sum", "mean"):
        found = getattr(native, name)(x, dim, keepdim, None)
        expected = getattr(x.astype(np.float64), name)(axis=dim, keepdims=keepdim)
        assert found.dtype == np.float32 and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_number_of_threads_changes_no_bit(rng: np.random.Generator) -> None:
    x = rng.standard_normal((700, 513)).astype(np.float32)
    with_these = [native.sum(x, dim, False, None) for dim in (None, (0,), (1,))]
    cpu.set_num_threads(3)
    for dim, found in zip((None, (0,), (1,)), with_these, strict=True):
        np.testing.assert_array_equal(native.sum(x, dim, False, None), found)


def test_sum_to_undoes_broadcasting(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 5, 40, 41)).astype(np.float32)
    for shape in [(5, 1, 1), (3, 5, 1, 1), (40, 41), (1, 1, 40, 41), (), (1,), (1, 5, 1, 1)]:
        found = native.sum_to(x, shape)
        lead = x.ndim - len(shape)
        dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1)
        assert found.shape == shape
        np.testing.assert_allclose(
            found, x.astype(np.float64).sum(axis=dims).reshape(shape), rtol=1e-5, atol=1e-4
        )
    for shape in [(41, 1), (2, 41), (3, 5, 40, 41, 1), (3, 1, 40, 1)]:
        assert native.sum_to(x, shape) is NotImplemented


def test_infinities_and_nans_are_added_as_numbers_are() -> None:
    x = np.ones((200, 200), np.float32)
    x[3, 5], x[4, 6], x[7, 8], x[9, 8] = np.inf, np.nan, np.inf, -np.inf
    found = native.sum(x, (0,), False, None)
    assert found[5] == np.inf and np.isnan(found[6]) and np.isnan(found[8]) and found[9] == 200


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_shapes(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=4)))
    rest = data.draw(st.integers(0, len(shape)))
    other = tuple(1 if data.draw(st.booleans()) else n for n in shape[rest:])
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(shape).astype(np.float32), rng.standard_normal(other).astype(np.float32)
    found = native.mul(a, b)
    if found is not NotImplemented:
        np.testing.assert_array_equal(found, a * b)
    back = native.sum_to(a, other)
    if back is not NotImplemented:
        lead = len(shape) - len(other)
        dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(other) if n == 1)
        np.testing.assert_allclose(back, a.astype(np.float64).sum(axis=dims).reshape(other), atol=1e-3)
