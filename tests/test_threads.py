"""The number of threads."""

from __future__ import annotations

import pytest

import facula


def test_set_and_get():
    before = facula.get_num_threads()
    try:
        facula.set_num_threads(1)
        assert facula.get_num_threads() == 1
    finally:
        facula.set_num_threads(before)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2"])
def test_bad_numbers(bad):
    with pytest.raises(RuntimeError, match=r"\[set_num_threads\] expects a positive integer"):
        facula.set_num_threads(bad)
