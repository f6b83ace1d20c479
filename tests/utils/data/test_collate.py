"""Collating: every kind of sample, and the errors of the kinds that cannot be."""

from collections import OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple

import numpy as np
import pytest

import facula
from facula.utils.data import default_collate, default_convert

Pair = namedtuple("Pair", "x y")


def is_tensor(value, data, dtype):
    assert isinstance(value, facula.Tensor)
    assert value.dtype is dtype
    assert value.tolist() == data
    return True


@pytest.mark.parametrize(
    ("batch", "data", "dtype"),
    [
        ([1, 2], [1, 2], facula.int64),
        ([1.5, 2], [1.5, 2.0], facula.float64),
        ([1, 2.5], [1.0, 2.5], facula.float32),
        ([True, False], [True, False], facula.bool),
        ([np.float32(1), np.float32(2)], [1.0, 2.0], facula.float32),
        ([np.float64(1), np.float64(2)], [1.0, 2.0], facula.float64),
        ([np.int16(1), np.int16(3)], [1, 3], facula.int16),
        ([np.bool_(True)], [True], facula.bool),
        ([np.array(3), np.array(4)], [3, 4], facula.int64),
        ([np.ones(2), np.zeros(2)], [[1.0, 1.0], [0.0, 0.0]], facula.float64),
        ([np.ones(1, np.uint8), np.zeros(1, np.uint8)], [[1], [0]], facula.uint8),
    ],
)
def test_numbers_and_arrays(batch, data, dtype):
    assert is_tensor(default_collate(batch), data, dtype)


def test_tensors():
    parts = [facula.tensor([1.0, 2.0]), facula.tensor([3.0, 4.0])]
    batch = default_collate(parts)
    assert is_tensor(batch, [[1.0, 2.0], [3.0, 4.0]], facula.float32)
    batch[0, 0] = 9
    assert parts[0][0] == 1  # a new tensor


def test_tensors_keep_their_history():
    part = facula.ones(1, requires_grad=True)
    default_collate([part, part]).sum().backward()
    assert part.grad.item() == 2


def test_text_stays():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a"]) == [b"a"]
    assert default_collate([np.str_("a")]) == ["a"]


@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict])
def test_mappings(kind):
    batch = default_collate([kind({"a": 1, "b": "x"}), kind({"a": 2, "b": "y"})])
    assert type(batch) is kind
    assert is_tensor(batch["a"], [1, 2], facula.int64)
    assert batch["b"] == ["x", "y"]


def test_a_mapping_keeps_what_it_carries():
    batch = default_collate([defaultdict(int, a=1), defaultdict(int, a=2)])
    assert batch.default_factory is int and batch["a"].tolist() == [1, 2]


def test_sequences():
    batch = default_collate([(1, 2.0), (3, 4.0)])
    assert type(batch) is list  # PyTorch's way with tuples
    assert is_tensor(batch[0], [1, 3], facula.int64) and is_tensor(batch[1], [2.0, 4.0], facula.float64)
    pair = default_collate([Pair(1, "a"), Pair(2, "b")])
    assert type(pair) is Pair and pair.x.tolist() == [1, 2] and pair.y == ("a", "b")
    assert [part.tolist() for part in default_collate([[1, 2], [3, 4]])] == [[1, 3], [2, 4]]
    assert type(default_collate([deque([1]), deque([2])])) is deque
    assert type(default_collate([UserList([1]), UserList([2])])) is UserList
    assert type(default_collate([range(2), range(2)])) is list


def test_nested():
    batch = default_collate([{"a": ([1], Pair(2, {"b": 3}))}, {"a": ([4], Pair(5, {"b": 6}))}])
    assert batch["a"][0][0].tolist() == [1, 4]
    assert batch["a"][1].y["b"].tolist() == [3, 6]


@pytest.mark.parametrize(
    "sample", [None, object(), {1, 2}, 1j, np.array("text"), np.array([None]), np.datetime64("2020-01-01")]
)
def test_kinds_that_cannot_be_collated(sample):
    with pytest.raises(TypeError, match=r"\[default_collate\] a batch must contain"):
        default_collate([sample])


@pytest.mark.parametrize("batch", [[[1, 2], [3]], [(1, 2), (3,)]])
def test_sequences_of_different_lengths(batch):
    with pytest.raises(RuntimeError, match=r"one length: got \[1, 2\]"):
        default_collate(batch)


def test_other_errors():
    with pytest.raises(RuntimeError):
        default_collate([facula.ones(2), facula.ones(3)])
    with pytest.raises(RuntimeError):
        default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(TypeError):
        default_collate([facula.ones(2), 3])
    with pytest.raises(KeyError):
        default_collate([{"a": 1}, {"b": 1}])
    with pytest.raises(IndexError):
        default_collate([])


def test_convert():
    assert default_convert(1) == 1
    assert default_convert("a") == "a"
    assert is_tensor(default_convert(np.ones(2)), [1.0, 1.0], facula.float64)
    assert is_tensor(default_convert(np.float32(3)), 3.0, facula.float32)
    assert is_tensor(default_convert({"a": np.ones(1)})["a"], [1.0], facula.float64)
    pair = default_convert(Pair(np.ones(1), 2))
    assert type(pair) is Pair and is_tensor(pair.x, [1.0], facula.float64)
    mixed = default_convert((np.ones(1), [2, np.zeros(1)]))
    assert type(mixed) is list and is_tensor(mixed[1][1], [0.0], facula.float64)
    text = np.array("a")
    assert default_convert(text) is text
    tensor = facula.ones(1)
    assert default_convert(tensor) is tensor
