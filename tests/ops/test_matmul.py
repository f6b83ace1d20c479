"""What matrix products say about operands that do not fit."""

from __future__ import annotations

import pytest

import facula


def test_shapes_are_named_with_pytorchs_sentence():
    with pytest.raises(
        RuntimeError, match=r"\[linear\] mat1 and mat2 shapes cannot be multiplied \(2x4 and 3x2\)"
    ):
        facula.nn.functional.linear(facula.ones(2, 4), facula.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"\[matmul\].*got \(2, 3\) and \(2,\)"):
        facula.ones(2, 3) @ facula.ones(2)


def test_dtypes_must_agree():
    with pytest.raises(RuntimeError, match="same dtype: got float32 and float64"):
        facula.ones(2, 2) @ facula.ones(2, 2, dtype=facula.float64)


@pytest.mark.parametrize("other", [3, 2.5])
def test_numbers_are_no_operands(other):
    for product in (facula.matmul, facula.mm, facula.bmm, facula.mv):
        with pytest.raises(TypeError, match="must be Tensor"):
            product(facula.ones(2, 2), other)
