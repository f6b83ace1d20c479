"""Sequences of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import facula as t


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((3,), [0, 1, 2]),
        ((1, 4), [1, 2, 3]),
        ((1, 10, 4), [1, 5, 9]),
        ((5, 0, -2), [5, 3, 1]),
        ((0,), []),
        ((3, 3), []),
        ((2.5,), [0, 1, 2]),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75]),
        ((1, -1, -0.5), [1, 0.5, 0, -0.5]),
        ((t.tensor(1), t.tensor(2.0), np.float32(0.5)), [1, 1.5]),
        ((2**62, 2**62 + 2), [2**62, 2**62 + 1]),
    ],
)
def test_arange(args: Any, expected: list[float]) -> None:
    x = t.arange(*args)
    integral = all(isinstance(a, int) for a in args)
    assert x.tolist() == expected and x.dtype is (t.int64 if integral else t.float32)


def test_arange_in_other_dtypes_and_by_keyword() -> None:
    assert t.arange(end=3).tolist() == t.arange(start=0, end=3, step=1).tolist() == [0, 1, 2]
    assert t.arange(3, dtype=t.float16).tolist() == [0, 1, 2] and t.arange(
        0.5, 3, 1, dtype=t.int64
    ).tolist() == [0, 1, 2]
    out = t.empty(0, dtype=t.int64)
    assert t.arange(3, out=out) is out and out.tolist() == [0, 1, 2]
    assert t.arange(2.0, requires_grad=True).requires_grad


def test_the_bits_of_arange() -> None:
    # As measured: the first element of eight is rounded, multiples of the exact step are added to it.
    x = t.arange(-5, 5, 0.3)
    assert [float(v).hex() for v in x.numpy()[[10, 11, 12]]] == [
        "-0x1.fffffe0000000p+0",
        "-0x1.b333320000000p+0",
        "-0x1.6666640000000p+0",
    ]
    assert t.arange(0, 1, 0.1, dtype=t.float64)[3].item() == 0.30000000000000004


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        ((0, 1, 0), RuntimeError, "nonzero"),
        ((1, 0), RuntimeError, "inconsistent"),
        ((0, 1, -1), RuntimeError, "inconsistent"),
        ((0, float("inf")), RuntimeError, "unsupported range"),
        ((float("nan"),), RuntimeError, "unsupported range"),
        (("a",), TypeError, "must be Number"),
        ((), TypeError, "missing"),
    ],
)
def test_arange_errors(args: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        t.arange(*args)


def test_arange_in_bool_and_with_a_step_that_vanishes() -> None:
    with pytest.raises(NotImplementedError, match="bool"):
        t.arange(2, dtype=t.bool)
    with pytest.raises(ValueError, match="nonzero"):
        t.arange(0, 5, 0.7, dtype=t.int64)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((0, 1, 5), [0, 0.25, 0.5, 0.75, 1]),
        ((1, 0, 3), [1, 0.5, 0]),
        ((3, 9, 1), [3]),
        ((0, 1, 0), []),
        ((-1, 1, 2), [-1, 1]),
    ],
)
def test_linspace(args: Any, expected: list[float]) -> None:
    assert t.linspace(*args).tolist() == expected


def test_linspace_ends_are_exact() -> None:
    for n in (3, 7, 50, 1000):
        for a, b in ((0.1, 0.7), (-3.3, 10.1)):
            x = t.linspace(a, b, n, dtype=t.float64)
            assert (x[0].item(), x[-1].item()) == (a, b)
            assert np.allclose(x.numpy(), np.linspace(a, b, n), 1e-15)
    assert t.linspace(0, 10, 4, dtype=t.int64).tolist() == [0, 3, 6, 10]
    assert t.linspace(0, 1 + 1j, 3).tolist() == [0, 0.5 + 0.5j, 1 + 1j]


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        ((0, 1, -1), RuntimeError, "non-negative"),
        ((0, 1, 2.5), TypeError, "must be int"),
        (("a", 1, 2), TypeError, "Number"),
    ],
)
def test_linspace_errors(args: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        t.linspace(*args)


def test_logspace() -> None:
    assert t.logspace(0, 2, 3).tolist() == [1, 10, 100] and t.logspace(
        0, 3, 4, base=2, dtype=t.int64
    ).tolist() == [1, 2, 4, 8]


def test_range_includes_its_end() -> None:
    with pytest.warns(UserWarning, match="deprecated"):
        x = t.range(1, 4)
    assert x.tolist() == [1, 2, 3, 4] and x.dtype is t.float32


def test_triangles() -> None:
    x = t.ones(3, 4)
    for offset in (-1, 0, 2):
        rows, columns = t.tril_indices(3, 4, offset)
        y = t.zeros(3, 4)
        y[rows, columns] = 1
        assert y.equal(x.tril(offset))
        rows, columns = t.triu_indices(3, 4, offset=offset)
        assert rows.numel() == int(x.triu(offset).sum())
    with pytest.raises(RuntimeError, match="non-negative"):
        t.tril_indices(-1, 2)
    with pytest.raises(NotImplementedError, match="integer"):
        t.triu_indices(2, 2, dtype=t.float32)
