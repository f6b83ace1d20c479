"""Arrays from nested Python data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import facula as t
from facula._data import array_of, fit


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (3, "int64", ()),
        (2.5, "float32", ()),
        (True, "bool", ()),
        (1j, "complex64", ()),
        ([], "float32", (0,)),
        ([[], []], "float32", (2, 0)),
        ([1, 2.5], "float32", (2,)),
        ([True, 2], "int64", (2,)),
        ([True, 1j], "complex64", (2,)),
        ([(1, 2), [3, 4]], "int64", (2, 2)),
        ([[[1]], [[2]]], "int64", (2, 1, 1)),
        ([range(2), range(2)], "int64", (2, 2)),
        (range(3), "int64", (3,)),
        ([np.float64(1)], "float64", (1,)),
        ([np.int32(1), np.int32(2)], "int32", (2,)),
        ([np.int8(1), 2.5], "float32", (2,)),
        ([np.arange(2), np.arange(2)], "int64", (2, 2)),
        ([t.tensor(1.5), 2], "float32", (2,)),
        ([[t.tensor(1)], [t.tensor([2])]], "int64", (2, 1)),
        ([t.tensor(1), t.tensor(2.5, dtype=t.float64)], "float64", (2,)),
        ([t.tensor(1.5, dtype=t.bfloat16)], "bfloat16", (1,)),
    ],
)
def test_dtypes_and_shapes(data: Any, dtype: str, shape: tuple[int, ...]) -> None:
    array = array_of(data, None)
    assert type(array) is np.ndarray and (array.dtype.name, array.shape) == (dtype, shape)


def test_values() -> None:
    assert array_of([[1, 2.5], (True, -3)], None).tolist() == [[1, 2.5], [1, -3]]
    assert array_of([t.tensor(1.5), np.float32(2), 3, True], None).tolist() == [1.5, 2, 3, 1]
    assert array_of([[np.arange(2.0)]], None).tolist() == [[[0, 1]]]
    assert array_of([2**53 + 1, -(2**63)], None).tolist() == [2**53 + 1, -(2**63)]
    assert array_of([0.1], None)[0] == np.float32(0.1)
    assert array_of([1e40], None)[0] == np.inf


@pytest.mark.parametrize(
    ("data", "dtype", "expected"),
    [
        ([1.7, -1.7, True], t.int32, [1, -1, 1]),
        ([2, 0], t.bool, [True, False]),
        ([0.1, 0.0], t.bool, [True, False]),
        ([-1], t.uint8, [255]),
        ([1.5], t.complex64, [1.5 + 0j]),
        ([2**70], t.float64, [2.0**70]),
        ([2**64 - 1], t.uint64, [2**64 - 1]),
        ([0.1], t.float64, [0.1]),
        ([1e30], t.float16, [float("inf")]),
        ([2**53 + 1], t.int64, [2**53 + 1]),
        ([t.tensor(2.7)], t.int64, [2]),
        ([1j], t.bool, [True]),
    ],
)
def test_given_dtypes(data: Any, dtype: t.dtype, expected: Any) -> None:
    array = array_of(data, dtype)
    assert array.dtype == dtype.numpy and array.tolist() == expected


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        ([[1, 2], [3]], ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
        ([[[1], [2]], [[3], [4, 5]]], ValueError, r"expected sequence of length 1 at dim 2 \(got 2\)"),
        ([[1], []], ValueError, r"length 1 at dim 1 \(got 0\)"),
        ([[1, 2], 3], TypeError, "not a sequence"),
        ([1, [2]], TypeError, "interpreted as an integer"),
        ("ab", TypeError, "invalid data type 'str'"),
        ([1, "a"], TypeError, "invalid data type 'str'"),
        (["a"], ValueError, "too many dimensions 'str'"),
        ([b"a"], TypeError, "invalid data type 'bytes'"),
        (None, RuntimeError, "Could not infer dtype of NoneType"),
        ([1, None], RuntimeError, "Could not infer dtype of NoneType"),
        ({"a": 1}, RuntimeError, "Could not infer dtype of dict"),
        ([2**63], ValueError, "Overflow"),
        ([t.tensor([1, 2])], TypeError, "single element"),
        ([t.tensor([1.0, 2])], ValueError, "one element"),
    ],
)
def test_errors(data: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        array_of(data, None)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([300], t.uint8),
        ([-256], t.uint8),
        ([-1.0], t.uint8),
        ([128], t.int8),
        ([1e10], t.int32),
        ([float("nan")], t.int64),
    ],
)
def test_numbers_that_do_not_fit(data: Any, dtype: t.dtype) -> None:
    with pytest.raises(RuntimeError, match="without overflow"):
        array_of(data, dtype)


def test_complex_numbers_are_not_real() -> None:
    with pytest.raises(TypeError, match="complex"):
        array_of([1j], t.float32)


def test_fit_keeps_what_fits() -> None:
    assert fit(np.array([-128.9 + 0.9, 127.9]), t.int8).tolist() == [-128, 127]
    assert fit(np.array([], np.int64), t.uint8).dtype == np.uint8
