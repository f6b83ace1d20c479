"""`Variable` from old programs."""

from __future__ import annotations

import pytest

import facula
from facula.autograd import Variable


def test_it_is_the_tensor_as_a_leaf():
    x = facula.ones(2)
    v = Variable(x, requires_grad=True)
    assert v.requires_grad and v.is_leaf and v.data_ptr() == x.data_ptr() and not x.requires_grad
    assert isinstance(x, Variable) and not isinstance(1, Variable)


def test_errors():
    with pytest.raises(TypeError, match="has to be a tensor"):
        Variable([1.0])
    with pytest.raises(NotImplementedError, match="volatile"):
        Variable(facula.ones(1), volatile=True)
