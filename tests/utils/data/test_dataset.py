"""Data sets and their combinations."""

import numpy as np
import pytest

import facula
from facula.utils.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Stream(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        return self.count


def test_base_classes():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError):
        len(Dataset())
    with pytest.raises(TypeError):
        IterableDataset()
    assert Dataset[int] is not None  # generic, for annotations


def test_tensor_dataset():
    dataset = TensorDataset(facula.arange(6).reshape(3, 2), facula.tensor([5.0, 6.0, 7.0]))
    assert len(dataset) == 3
    first, second = dataset[1]
    assert first.tolist() == [2, 3] and second.item() == 6.0
    assert dataset[[0, 2]][1].tolist() == [5.0, 7.0]
    assert dataset[-1][1].item() == 7.0
    assert dataset[1:][0].shape == (2, 2)
    with pytest.raises(IndexError):
        dataset[3]


def test_tensor_dataset_refuses_lengths_that_differ():
    with pytest.raises(AssertionError, match=r"\[TensorDataset\].*\[2, 3\]"):
        TensorDataset(facula.ones(2), facula.ones(3))


def test_subset():
    dataset = TensorDataset(facula.arange(5) * 10)
    subset = Subset(dataset, [4, 0, 2])
    assert len(subset) == 3
    assert [sample[0].item() for sample in (subset[0], subset[1], subset[-1])] == [40, 0, 20]
    assert subset[[0, 2]][0].tolist() == [40, 20]
    assert [sample[0].item() for sample in subset.__getitems__([1, 0])] == [0, 40]
    with pytest.raises(IndexError):
        subset[3]


def test_subset_passes_getitems_on():
    asked = []

    class Several(Dataset):
        def __getitem__(self, index):
            raise AssertionError("one by one")

        def __getitems__(self, indices):
            asked.append(indices)
            return indices

    assert Subset(Several(), [7, 8, 9]).__getitems__([2, 0]) == [9, 7]
    assert asked == [[9, 7]]


def test_concat():
    both = TensorDataset(facula.arange(2)) + TensorDataset(facula.arange(10, 13))
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert [both[i][0].item() for i in range(5)] == [0, 1, 10, 11, 12]
    assert [both[i][0].item() for i in range(-5, 0)] == [0, 1, 10, 11, 12]
    assert both.cumulative_sizes == [2, 5]
    with pytest.raises(IndexError):
        both[5]
    with pytest.raises(ValueError, match="at least -5: got -6"):
        both[-6]


def test_concat_refuses():
    with pytest.raises(AssertionError, match="at least one"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="IterableDataset"):
        ConcatDataset([Stream(2)])


def test_chain():
    chain = Stream(2) + Stream(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5
    with pytest.raises(AssertionError, match="must be an IterableDataset: got list"):
        list(ChainDataset([[1]]))


def test_stack():
    assert StackDataset([1, 2], "ab")[1] == (2, "b")
    assert StackDataset(x=[1, 2], y="ab")[0] == {"x": 1, "y": "a"}
    assert len(StackDataset([1, 2])) == 2
    for args, kwargs in ((([1],), {"y": [1]}), ((), {}), (([1], [1, 2]), {})):
        with pytest.raises(ValueError, match="StackDataset"):
            StackDataset(*args, **kwargs)


def test_random_split_covers_everything_once():
    parts = random_split(range(100, 110), [3, 5, 2], generator=facula.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [3, 5, 2]
    assert sorted(sample for part in parts for sample in part) == list(range(100, 110))
    again = random_split(range(100, 110), [3, 5, 2], generator=facula.Generator().manual_seed(0))
    assert [part.indices for part in parts] == [part.indices for part in again]


@pytest.mark.parametrize(
    ("count", "fractions", "sizes"),
    [
        (10, [0.5, 0.5], [5, 5]),
        (10, [0.35, 0.3, 0.35], [4, 3, 3]),
        (11, [0.5, 0.5], [6, 5]),
        (10, [0.33, 0.33, 0.34], [4, 3, 3]),
        (7, [1.0], [7]),
    ],
)
def test_random_split_by_fractions(count, fractions, sizes):
    assert [len(part) for part in random_split(range(count), fractions)] == sizes


def test_random_split_warns_of_an_empty_part():
    with pytest.warns(UserWarning, match="place 1 is empty"):
        assert [len(part) for part in random_split(range(10), [0.95, 0.05])] == [10, 0]


def test_random_split_refuses():
    for lengths in ([3, 3], [0.5, 0.6], [0.5, 0.4]):
        with pytest.raises(ValueError, match="add up"):
            random_split(range(10), lengths)
    with pytest.raises(ValueError, match=r"between 0 and 1: got -0\.1 at place 0"):
        random_split(range(10), [-0.1, 1.1])


def test_random_split_follows_the_global_seed():
    facula.manual_seed(3)
    first = random_split(range(50), [25, 25])[0].indices
    facula.manual_seed(3)
    assert random_split(range(50), [25, 25])[0].indices == first
    assert first != sorted(first) and isinstance(first, list) and np.ndim(first) == 1
