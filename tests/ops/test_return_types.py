"""The named tuples of functions with several results."""

from __future__ import annotations

import facula
from facula import _branding


def test_prints_each_field_on_a_line():
    pair = facula.max(facula.tensor([[1, 5], [7, 2]]), dim=1)
    assert repr(pair) == "facula.return_types.max(\nvalues=tensor([5, 7]),\nindices=tensor([1, 0]))"


def test_prints_pytorchs_name_where_it_stands_in_for_it():
    pair = facula.sort(facula.tensor([2, 1]))
    _branding.set_name("torch")
    try:
        assert repr(pair).startswith("torch.return_types.sort(\nvalues=")
    finally:
        _branding.set_name("facula")


def test_is_a_tuple_with_names():
    values, indices = found = facula.topk(facula.tensor([3.0, 1.0, 2.0]), 2)
    assert found.values is values and found[1] is indices and isinstance(found, tuple) and len(found) == 2
