"""Element types and PyTorch's rules for combining them."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

import facula as t
from facula import _branding, _dtype


@pytest.fixture
def default() -> Iterator[None]:
    """The default dtype may be changed."""
    yield
    t.set_default_dtype(t.float32)


def test_names_and_sizes() -> None:
    assert repr(t.float32) == str(t.float32) == "facula.float32" and repr(t.bool) == "facula.bool"
    sizes = {
        t.bool: 1,
        t.uint8: 1,
        t.int16: 2,
        t.bfloat16: 2,
        t.float16: 2,
        t.int32: 4,
        t.float32: 4,
        t.complex128: 16,
    }
    assert all(d.itemsize == n == t.zeros(1, dtype=d).element_size() for d, n in sizes.items())


def test_the_other_brand() -> None:
    _branding.set_name("torch")
    try:
        assert repr(t.int64) == "torch.int64"
    finally:
        _branding.set_name("facula")


def test_other_names() -> None:
    assert (t.float, t.double, t.half, t.long, t.int, t.short) == (
        t.float32,
        t.float64,
        t.float16,
        t.int64,
        t.int32,
        t.int16,
    )
    assert (t.cfloat, t.cdouble) == (t.complex64, t.complex128)


def test_there_is_one_object_for_each() -> None:
    for d in _dtype.ALL:
        assert pickle.loads(pickle.dumps(d)) is d and copy.deepcopy(d) is d and {d: 1}[d] == 1
    assert t.float32 != "float32" and t.float32 == t.float and isinstance(t.int8, t.dtype)


def test_kinds() -> None:
    assert t.bfloat16.is_floating_point and not t.int8.is_floating_point and t.complex64.is_complex
    assert t.int8.is_signed and t.float16.is_signed and not t.uint8.is_signed and not t.bool.is_signed
    assert (
        t.float32.to_complex() is t.complex64
        and t.complex128.to_real() is t.float64
        and t.bfloat16.to_complex() is t.complex64
    )
    with pytest.raises(RuntimeError, match="to_complex"):
        t.int64.to_complex()


def test_numpy_dtypes() -> None:
    for d in _dtype.ALL:
        assert _dtype.from_numpy(d.numpy) is d
    assert _dtype.from_numpy("float32") is t.float32 and _dtype.from_numpy(np.int8) is t.int8
    with pytest.raises(TypeError, match="supported types"):
        _dtype.from_numpy(np.dtype("U3"))


def test_the_default_dtype(default: None) -> None:
    assert t.get_default_dtype() is t.float32
    t.set_default_dtype(t.float64)
    for x in (
        t.tensor(1.5),
        t.ones(1),
        t.arange(1.0),
        t.tensor([1]) / 2,
        t.rand(1),
        t.tensor([1]) * 0.5,
        t.Tensor([1]),
    ):
        assert x.dtype is t.float64
    assert t.tensor(1j).dtype is t.complex128 and t.tensor(1).dtype is t.int64
    for wrong in (t.int64, "float32", float):
        with pytest.raises(TypeError, match="default type"):
            t.set_default_dtype(wrong)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (t.bool, t.uint8, t.uint8),
        (t.uint8, t.int8, t.int16),
        (t.uint8, t.int64, t.int64),
        (t.int64, t.float16, t.float16),
        (t.float16, t.bfloat16, t.float32),
        (t.bfloat16, t.float64, t.float64),
        (t.float64, t.complex64, t.complex128),
        (t.float32, t.complex64, t.complex64),
        (t.int64, t.complex64, t.complex64),
        (t.uint16, t.float32, t.float32),
    ],
)
def test_promotion(a: t.dtype, b: t.dtype, expected: t.dtype) -> None:
    assert t.promote_types(a, b) is t.promote_types(b, a) is expected


def test_promotion_is_commutative_and_keeps_equals() -> None:
    for a, b in itertools.combinations_with_replacement(_dtype.ALL, 2):
        found = []
        for pair in ((a, b), (b, a)):
            try:
                found.append(t.promote_types(*pair))
            except RuntimeError as error:
                found.append(type(error))
        assert found[0] is found[1] and (a is not b or found[0] is a)


def test_pairs_without_a_common_dtype() -> None:
    for a, b in ((t.uint16, t.int8), (t.uint32, t.uint64), (t.bool, t.uint16), (t.float8_e5m2, t.float32)):
        with pytest.raises(RuntimeError, match="not defined"):
            t.promote_types(a, b)


def test_tensors_with_dimensions_decide() -> None:
    vector, scalar = t.ones(1, dtype=t.float16), t.ones((), dtype=t.float64)
    assert (
        t.result_type(vector, scalar) is t.float16
        and t.result_type(t.ones(1, dtype=t.int8), scalar) is t.float64
    )
    assert (
        t.result_type(t.ones(1, dtype=t.int8), 300) is t.int8
        and t.result_type(t.ones(1, dtype=t.int8), 1.5) is t.float32
    )
    assert (
        t.result_type(1, 2.5) is t.float32
        and t.result_type(True, 2) is t.int64
        and t.result_type(vector, 1j) is t.complex64
    )


def test_casting() -> None:
    assert t.can_cast(t.float64, t.float16) and t.can_cast(t.int64, t.float16) and t.can_cast(t.bool, t.uint8)
    for a, b in ((t.float32, t.int64), (t.complex64, t.float64), (t.int8, t.bool)):
        assert not t.can_cast(a, b)


def test_numbers_only() -> None:
    with pytest.raises(TypeError, match="Python number"):
        _dtype.of_scalar("a")
