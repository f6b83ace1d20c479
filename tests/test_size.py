"""The type of shapes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import facula as t
from facula import Size, _branding


def test_text_under_both_brands() -> None:
    assert (
        repr(Size([2, 3])) == str(Size([2, 3])) == f"{Size([2, 3])}" == "facula.Size([2, 3])"
        and repr(Size()) == "facula.Size([])"
    )
    _branding.set_name("torch")
    try:
        assert repr(Size([2])) == "torch.Size([2])"
    finally:
        _branding.set_name("facula")


def test_a_size_is_a_tuple() -> None:
    s = Size([2, 3, 4])
    assert s == (2, 3, 4) != [2, 3, 4] and hash(s) == hash((2, 3, 4)) and len(s) == 3 and 3 in s and s < (3,)
    assert (s[0], s[-1], s.index(4), s.count(2)) == (2, 4, 2, 1)
    a, b, c = s
    assert (a, b, c) == tuple(s) and isinstance(s, tuple)


def test_what_gives_sizes() -> None:
    s, more = Size([2, 3]), (4,)
    for result, expected in (
        (s[1:], (3,)),
        (s[::-1], (3, 2)),
        (s + more, (2, 3, 4)),
        (more + s, (4, 2, 3)),
        (s * 2, (2, 3) * 2),
        (2 * s, (2, 3) * 2),
    ):
        assert type(result) is Size and result == expected
    with pytest.raises(TypeError):
        list(more) + s
    with pytest.raises(TypeError):
        s + list(more)


def test_numel() -> None:
    assert (Size([2, 3]).numel(), Size([]).numel(), Size([2, 0]).numel()) == (6, 1, 0)


def test_items_are_integers() -> None:
    s = Size([t.tensor(2), np.int64(3), 4])
    assert s == (2, 3, 4) and all(type(n) is int for n in s)
    for wrong in ([2.5], ["a"], 5):
        with pytest.raises(TypeError):
            Size(wrong)


def test_copies() -> None:
    s = Size([2, 3])
    for other in (
        pickle.loads(pickle.dumps(s)),
        copy.copy(s),
        copy.deepcopy(s),
        pickle.loads(pickle.dumps(s, 2)),
    ):
        assert other == s and type(other) is Size


def test_shapes_are_sizes() -> None:
    x = t.zeros(2, 3)
    assert type(x.shape) is type(x.size()) is type(x.t().shape) is Size and x.new_zeros(
        x.shape[::-1]
    ).shape == (3, 2)
