"""Sequences of different lengths."""

import pytest

import facula
from facula.nn.utils.rnn import pad_sequence, unpad_sequence


def test_padding_at_the_end_and_at_the_start():
    parts = [facula.tensor([1, 2, 3]), facula.tensor([4])]
    assert pad_sequence(parts).tolist() == [[1, 4], [2, 0], [3, 0]]
    assert pad_sequence(parts, True, 9).tolist() == [[1, 2, 3], [4, 9, 9]]
    assert pad_sequence(parts, True, 9, "left").tolist() == [[1, 2, 3], [9, 9, 4]]


def test_gradient_reaches_every_part():
    parts = [facula.ones(2, 2, requires_grad=True), facula.ones(3, 2, requires_grad=True)]
    (pad_sequence(parts) * 2).sum().backward()
    assert [p.grad.tolist() for p in parts] == [[[2.0, 2.0]] * 2, [[2.0, 2.0]] * 3]


def test_unpadding():
    parts = [facula.rand(2, 3), facula.rand(4, 3), facula.rand(1, 3)]
    for first in (True, False):
        back = unpad_sequence(pad_sequence(parts, first), facula.tensor([2, 4, 1]), first)
        assert all(facula.equal(a, b) for a, b in zip(back, parts, strict=True))


@pytest.mark.parametrize(
    ("parts", "options", "error"),
    [
        ([], {}, RuntimeError),
        ([facula.ones(2, 2), facula.ones(2, 3)], {}, RuntimeError),
        ([facula.ones(2)], {"padding_side": "top"}, ValueError),
    ],
)
def test_errors(parts, options, error):
    with pytest.raises(error):
        pad_sequence(parts, **options)
