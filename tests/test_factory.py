"""Making tensors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import facula as t

# ---- from data ---------------------------------------------------------------------------------------------


def test_tensor_copies() -> None:
    a = np.zeros((2, 3)).T
    x = t.tensor(a)
    a[0] = 5
    assert x.tolist() == [[0, 0]] * 3 and x.dtype is t.float64 and x.stride() == (1, 3)
    with pytest.warns(UserWarning, match="copy construct"):
        y = t.tensor(x)
    assert y.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("scalar", [np.float32(2.5), np.int64(2), np.bool_(True), np.float64(2.5)])
def test_numpy_numbers_keep_their_dtype(scalar: Any) -> None:
    x = t.tensor(scalar)
    assert x.dtype.numpy == scalar.dtype and x.item() == scalar


def test_options() -> None:
    x = t.tensor([1], dtype=t.float64, device="cpu", requires_grad=True)
    assert x.dtype is t.float64 and x.requires_grad and x.is_leaf
    assert t.tensor([1], dtype=float).dtype is t.float64 and t.tensor([1.0], dtype=int).dtype is t.int64
    for options, kind in (
        ({"dtype": "float32"}, TypeError),
        ({"device": "nonsense"}, RuntimeError),
        ({"device": "cuda"}, AssertionError),
        ({"requires_grad": True}, RuntimeError),
    ):
        with pytest.raises(kind):
            t.tensor([1], **options)


def test_sharing_memory_with_arrays() -> None:
    a = np.zeros(3)
    shared = [t.from_numpy(a), t.as_tensor(a), t.asarray(a), t.from_dlpack(a)]
    a[1] = 7
    shared[0][2] = 8
    assert all(x.tolist() == [0, 7, 8] for x in shared)
    x = t.ones(2)
    assert t.as_tensor(x) is x and t.as_tensor(x, dtype=t.float64).dtype is t.float64
    assert t.from_dlpack(x).data_ptr() == x.data_ptr() and np.from_dlpack(x).tolist() == [1, 1]
    assert t.asarray(x, copy=True).data_ptr() != x.data_ptr()
    with pytest.raises(ValueError, match="alias"):
        t.asarray([1, 2], copy=False)
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(t.ones(1, requires_grad=True))


@pytest.mark.parametrize(
    ("thing", "kind", "text"),
    [
        ([1, 2], TypeError, "expected np.ndarray"),
        (np.float32(3), TypeError, "expected np.ndarray"),
        (np.arange(3)[::-1], ValueError, "negative"),
        (np.array(["a"]), TypeError, "can't convert"),
        (np.array([None]), TypeError, "can't convert"),
        (np.arange(3).astype(">i4"), ValueError, "byte order"),
    ],
)
def test_arrays_that_are_refused(thing: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        t.from_numpy(thing)


def test_arrays_that_cannot_be_written() -> None:
    a = np.zeros(2)
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        x = t.from_numpy(a)
    assert x.tolist() == [0, 0]


def test_frombuffer() -> None:
    memory = bytearray(b"\x01\x00\x02\x00")
    x = t.frombuffer(memory, dtype=t.int16)
    memory[0] = 5
    assert x.tolist() == [5, 2]
    assert t.frombuffer(memory, dtype=t.int16, count=1, offset=2).tolist() == [2]
    with pytest.raises(ValueError, match="must not be 0"):
        t.frombuffer(bytearray(), dtype=t.int16)


# ---- constants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [t.zeros, t.ones, t.empty, t.rand, t.randn])
def test_shapes(make: Any) -> None:
    for x in (
        make(2, 3),
        make((2, 3)),
        make([2, 3]),
        make(t.Size([2, 3])),
        make(size=(2, 3)),
        make(t.tensor(2), np.int64(3)),
    ):
        assert x.shape == (2, 3) and x.dtype is t.float32
    assert make(()).shape == () and make(0).shape == (0,) and make(2, dtype=t.float64).dtype is t.float64
    assert make(1, requires_grad=True).requires_grad
    for wrong, kind in (
        (lambda: make(), TypeError),
        (lambda: make(-1), RuntimeError),
        (lambda: make(2.5), TypeError),
        (lambda: make("a"), TypeError),
        (lambda: make((2, 3), 4), TypeError),
        (lambda: make(True), TypeError),
    ):
        with pytest.raises(kind):
            wrong()


def test_values_and_out() -> None:
    assert t.zeros(2).tolist() == [0, 0] and t.ones(2, dtype=t.bool).tolist() == [True, True]
    out = t.empty(0)
    assert t.ones(2, 2, out=out) is out and out.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(RuntimeError, match="does not match dtype of out"):
        t.zeros(2, out=t.empty(2), dtype=t.float64)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(5, t.int64), (5.5, t.float32), (True, t.bool), (1j, t.complex64), (t.tensor(2), t.int64)],
)
def test_full(value: Any, dtype: t.dtype) -> None:
    x = t.full((2,), value)
    assert x.dtype is dtype and x.tolist() == [value, value]


def test_full_in_a_given_dtype() -> None:
    assert t.full((2,), 2.7, dtype=t.int64).tolist() == [2, 2] and t.full(
        size=(1,), fill_value=-1, dtype=t.uint8
    ).tolist() == [255]
    assert t.full_like(t.ones(2), 3).tolist() == [3, 3] and t.scalar_tensor(3).dtype is t.float32
    for wrong, kind in (
        (lambda: t.full((2,), 300, dtype=t.uint8), RuntimeError),
        (lambda: t.full((2,), 1j, dtype=t.float32), RuntimeError),
        (lambda: t.full((-1,), 2), RuntimeError),
        (lambda: t.full(3, 1), TypeError),
        (lambda: t.full((2,), "a"), TypeError),
    ):
        with pytest.raises(kind):
            wrong()


def test_eye() -> None:
    assert t.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]] and t.eye(2, dtype=t.int64).dtype is t.int64
    for wrong, kind in (
        (lambda: t.eye(-1), RuntimeError),
        (lambda: t.eye(2, -1), RuntimeError),
        (lambda: t.eye(2.0), TypeError),
    ):
        with pytest.raises(kind):
            wrong()


def test_like_others() -> None:
    x = t.arange(6).reshape(2, 3).t()
    assert (
        t.zeros_like(x).tolist() == [[0, 0]] * 3 and t.ones_like(x, dtype=t.float64).tolist() == [[1, 1]] * 3
    )
    for make in (t.zeros_like, t.ones_like, t.empty_like, t.rand_like):
        y = make(x, dtype=t.float32)
        assert y.shape == x.shape and y.stride() == x.stride() and y.dtype is t.float32
        assert make(x, dtype=t.float32, memory_format=t.contiguous_format).is_contiguous()
        with pytest.raises(TypeError, match="must be Tensor"):
            make([1, 2])
        with pytest.raises(NotImplementedError, match="channels_last"):
            make(x, dtype=t.float32, memory_format=t.channels_last)


def test_strided() -> None:
    x = t.empty_strided((2, 3), (1, 2))
    assert x.shape == (2, 3) and x.stride() == (1, 2)
    x.fill_(3)
    assert x.sum() == 18
    with pytest.raises(RuntimeError, match="dimensionality"):
        t.empty_strided((2, 3), (1,))


# ---- old ways ----------------------------------------------------------------------------------------------


def test_the_class_as_a_function() -> None:
    assert t.Tensor(2, 3).shape == (2, 3) and t.Tensor(t.Size([4])).shape == (4,) and t.Tensor().shape == (0,)
    assert t.Tensor([1, 2]).tolist() == [1, 2] and t.Tensor([1, 2]).dtype is t.float32
    with pytest.raises(TypeError, match="sequence"):
        t.Tensor(2.5)
    with pytest.raises(TypeError, match="dtype"):
        t.Tensor([1], dtype=t.float64)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (t.FloatTensor, t.float32),
        (t.DoubleTensor, t.float64),
        (t.HalfTensor, t.float16),
        (t.BFloat16Tensor, t.bfloat16),
        (t.LongTensor, t.int64),
        (t.IntTensor, t.int32),
        (t.ShortTensor, t.int16),
        (t.CharTensor, t.int8),
        (t.ByteTensor, t.uint8),
        (t.BoolTensor, t.bool),
    ],
)
def test_typed_classes(kind: Any, dtype: t.dtype) -> None:
    x = kind([1, 0])
    assert x.dtype is dtype and x.tolist() == [1, 0] and kind(2, 3).shape == (2, 3) and kind().numel() == 0
    assert (
        isinstance(x, kind)
        and isinstance(x, t.Tensor)
        and not isinstance(t.zeros(1, dtype=t.complex64), kind)
    )
    assert x.type() == f"facula.{kind.__name__}"


def test_named_constants() -> None:
    assert repr(t.strided) == "facula.strided" and repr(t.contiguous_format) == "facula.contiguous_format"
    assert isinstance(t.strided, t.layout) and isinstance(t.preserve_format, t.memory_format)
    for constant in (t.strided, t.channels_last):
        assert pickle.loads(pickle.dumps(constant)) is constant and copy.deepcopy(constant) is constant


# ---- random numbers ----------------------------------------------------------------------------------------


def test_integers() -> None:
    x = t.randint(3, 5, (1000,))
    assert x.dtype is t.int64 and set(x.tolist()) == {3, 4} and set(t.randint(2, (100,)).tolist()) == {0, 1}
    assert t.randint(0, 2, size=(3,), dtype=t.float32).dtype is t.float32
    for wrong, kind in ((lambda: t.randint(5, 5, (2,)), RuntimeError), (lambda: t.randint(3, 2), TypeError)):
        with pytest.raises(kind):
            wrong()


def test_normal() -> None:
    x = t.normal(t.tensor([0.0, 100.0]), t.tensor([0.0, 1.0]))
    assert x[0] == 0 and 90 < x[1].item() < 110
    with pytest.raises(RuntimeError, match="broadcast"):
        t.normal(t.zeros(3), t.ones(2))
    with pytest.raises(TypeError, match="size"):
        t.normal(0.0, 1.0)
