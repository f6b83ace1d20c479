"""Small methods: questions, memory, other libraries."""

from __future__ import annotations

import numpy as np
import pytest

import facula as t


def test_questions() -> None:
    x = t.arange(4.0)
    assert t.is_nonzero(t.tensor([2.0])) and not t.tensor(0).is_nonzero()
    assert x.is_same_size(t.zeros(4)) and not t.is_same_size(x, t.zeros(2, 2))
    assert (
        x.is_set_to(x.view(4))
        and not x.is_set_to(x[1:])
        and not x.is_set_to(x.clone())
        and not x.is_set_to(x.view(2, 2))
    )
    assert not (x.is_conj() or x.is_neg()) and x.resolve_conj() is x and x.resolve_neg() is x
    assert t.is_storage(x.untyped_storage()) and t.is_storage(x.storage()) and not t.is_storage(x)
    assert t.is_signed(x) and not t.is_inference(x)
    with pytest.raises(RuntimeError, match="ambiguous"):
        t.is_nonzero(x)


def test_memory() -> None:
    x = t.arange(4.0)
    assert x[2:].storage().tolist() == [0, 1, 2, 3] and x.storage().dtype is t.float32
    y = t.zeros(1)
    assert y.set_(x) is y and y.data_ptr() == x.data_ptr() and t.zeros(3).set_().numel() == 0
    with pytest.raises(RuntimeError, match="same dtype"):
        t.zeros(1, dtype=t.int64).set_(x)
    with pytest.raises(NotImplementedError, match="set_"):
        y.set_(x.storage())
    assert t.arange(4).resize_as_(t.zeros(2, 2)).tolist() == [[0, 1], [2, 3]]


def test_python_functions_on_elements() -> None:
    x = t.tensor([[1.0, 2.0], [3.0, 4.0]]).t()
    assert x.apply_(lambda v: v * 10) is x and x.tolist() == [[10, 30], [20, 40]] and x._version == 1
    assert x.map_(t.tensor([1.0, 2.0]), lambda a, b: a - b).tolist() == [[9, 28], [19, 38]]
    for call in (lambda r: r.apply_(abs), lambda r: r.map_(r, max)):
        with pytest.raises((RuntimeError, TypeError)):
            call(t.ones(1, requires_grad=True))
        with pytest.raises(TypeError, match="require grad"):
            call(t.ones(1, requires_grad=True) * 2)


def test_subclasses() -> None:
    class Mine(t.Tensor):
        pass

    x = t.ones(2, requires_grad=True) * 2
    y = x.as_subclass(Mine)
    assert type(y) is Mine and y.data_ptr() == x.data_ptr() and y.grad_fn is x.grad_fn
    with pytest.raises(TypeError, match="subclass"):
        x.as_subclass(int)


def test_dlpack() -> None:
    x = t.zeros(2, 3)
    a = np.from_dlpack(x.t())
    x[0, 1] = 5
    assert a.tolist() == [[0, 0], [5, 0], [0, 0]] and x.__dlpack_device__() == (1, 0)
    assert t.from_dlpack(x).data_ptr() == x.data_ptr()
    with pytest.raises(BufferError, match="detach"):
        t.ones(1, requires_grad=True).__dlpack__()


def test_conjugate_transposes() -> None:
    z = t.tensor([[1 + 2j, 3j]], requires_grad=True)
    assert z.H.tolist() == z.mH.tolist() == [[1 - 2j], [-3j]]
    z.H.real.sum().backward()
    assert z.grad.tolist() == [[1, 1]]
    with pytest.raises(RuntimeError, match="matrices"):
        _ = t.zeros(2).H


def test_broadcast_shapes() -> None:
    assert (
        t.broadcast_shapes((2, 1), (3,), 1, (1, 1, 1)) == (1, 2, 3)
        and type(t.broadcast_shapes((2,))) is t.Size
    )
    with pytest.raises(RuntimeError, match="Shape mismatch"):
        t.broadcast_shapes((2,), (3,))


def test_order_of_dimensions() -> None:
    x = t.zeros(2, 3, 4)
    assert x.dim_order() == (0, 1, 2) and x.permute(2, 0, 1).dim_order() == (1, 2, 0)
    assert not t.is_neg(x)


def test_new() -> None:
    x = t.zeros(1, dtype=t.int64)
    assert x.new(2, 3).shape == (2, 3) and x.new(t.Size([2])).shape == (2,) and x.new().numel() == 0
    assert x.new([1.5, 2]).tolist() == [1, 2] and x.new(t.tensor([2.5])).dtype is t.int64
