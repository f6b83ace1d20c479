"""The whole-batch path: the same as going sample by sample, and never taken where it would not be."""

import numpy as np
import pytest

import facula
from facula.utils.data import DataLoader, Dataset, Subset, TensorDataset, default_collate
from facula.utils.data.batch import batch_method, row_numbers, samples_method, take_rows


@pytest.mark.parametrize(
    ("indices", "rows"),
    [
        ([0], slice(0, 1)),
        ([2, 3, 4], slice(2, 5)),
        ([7, 8, 9], slice(7, 10)),
        ([2, 4, 3], [2, 4, 3]),
        ([3, 2, 1], [3, 2, 1]),
        ([2, 2, 4], [2, 2, 4]),
        ([-1], [-1]),
        ([-1, 0], [-1, 0]),
        ([-10], [-10]),
    ],
)
def test_row_numbers(indices, rows):
    got = row_numbers(indices, 10)
    assert (got if isinstance(rows, slice) else got.tolist()) == rows


@pytest.mark.parametrize(
    "indices", [[], [10], [9, 10], [-11], [True], [1.0], [np.int64(1)], ["1"], [None], [[1]], (1, 2), 3, None]
)
def test_row_numbers_declines(indices):
    assert row_numbers(indices, 10) is None


def test_take_rows_copies():
    array = np.arange(12).reshape(4, 3)
    for rows in (slice(1, 3), np.array([1, 2])):
        taken = take_rows(array, rows)
        assert taken.flags.c_contiguous and not np.shares_memory(taken, array)
        np.testing.assert_array_equal(taken, array[1:3])


def one_by_one(dataset, **options):
    """What a loader gives without any whole-batch path."""
    return list(DataLoader(dataset, collate_fn=lambda samples: default_collate(samples), **options))


def assert_same(left, right):
    assert type(left) is type(right) and len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, facula.Tensor):
            assert a.dtype is b.dtype and a.shape == b.shape and a.stride() == b.stride()
            assert a._array.tobytes() == b._array.tobytes()
            assert not a.requires_grad and a.is_leaf
        else:
            assert_same(a, b)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "uint8", "bool", "float64"])
def test_tensor_dataset(dtype, shuffle):
    kind = getattr(facula, dtype)
    values = facula.arange(60).reshape(20, 3)
    dataset = TensorDataset(values.to(kind), values[:, 1], values.to(kind).t().contiguous().t())
    facula.manual_seed(0)
    fast = list(DataLoader(dataset, batch_size=7, shuffle=shuffle))
    facula.manual_seed(0)
    assert_same(fast, one_by_one(dataset, batch_size=7, shuffle=shuffle))


def test_the_fast_path_is_taken(monkeypatch):
    dataset = TensorDataset(facula.arange(10))
    monkeypatch.setattr(facula.Tensor, "__getitem__", None)
    assert [batch.tolist() for (batch,) in DataLoader(Subset(dataset, range(4)), batch_size=2)] == [
        [0, 1],
        [2, 3],
    ]


def test_subsets_of_subsets():
    dataset = TensorDataset(facula.arange(50).reshape(25, 2))
    inner = Subset(Subset(dataset, list(range(20, 0, -1))), range(0, 20, 3))
    assert inner._get_batch([0, 1]) is not NotImplemented
    assert_same(list(DataLoader(inner, batch_size=3)), one_by_one(inner, batch_size=3))


def test_a_batch_is_the_users_to_change():
    values = facula.zeros(4, 2)
    for (batch,) in DataLoader(TensorDataset(values), batch_size=2):
        batch += 1
    assert values.sum() == 0


def test_gradients_flow_through_a_batch():
    values = facula.ones(4, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(values), batch_size=2):
        batch.sum().backward()
    assert values.grad.tolist() == [1, 1, 1, 1]


class Doubling(TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * part for part in super().__getitem__(index))


class DoublingSubset(Subset):
    def __getitem__(self, index):
        return tuple(2 * part for part in super().__getitem__(index))

    __getitems__ = None


class DoublingSubsets(Subset):
    def __getitems__(self, indices):
        return [tuple(2 * part for part in sample) for sample in super().__getitems__(indices)]


class Wrapper(Dataset):
    """Forwards all unknown attributes to the data set inside, as many people write it."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        return tuple(2 * part for part in self.inner[index])


PLAIN = TensorDataset(facula.arange(6))


@pytest.mark.parametrize(
    "dataset",
    [
        Doubling(facula.arange(6)),
        Subset(Doubling(facula.arange(6)), range(6)),
        DoublingSubset(PLAIN, range(6)),
        DoublingSubsets(PLAIN, range(6)),
        Subset(DoublingSubset(PLAIN, range(6)), range(6)),
        Wrapper(PLAIN),
        Subset(Wrapper(PLAIN), range(6)),
    ],
)
def test_what_the_user_overrides_is_called(dataset):
    got = [batch.tolist() for (batch,) in DataLoader(dataset, batch_size=3)]
    assert got == [[0, 2, 4], [6, 8, 10]]


def test_a_patched_class_is_noticed(monkeypatch):
    monkeypatch.setattr(TensorDataset, "__getitem__", lambda self, index: (facula.tensor(-index),))
    assert [batch.tolist() for (batch,) in DataLoader(PLAIN, batch_size=3)] == [[0, -1, -2], [-3, -4, -5]]


def test_own_collation_gets_a_list_of_samples():
    seen = []

    def collate(samples):
        seen.append(type(samples))
        return [int(sample[0]) for sample in samples]

    assert list(DataLoader(PLAIN, batch_size=4, collate_fn=collate)) == [[0, 1, 2, 3], [4, 5]]
    assert seen == [list, list]


def test_tensor_subclasses_are_stacked_as_they_are():
    class Special(facula.Tensor):
        pass

    special = facula.arange(4).as_subclass(Special) if hasattr(facula.Tensor, "as_subclass") else None
    if special is None:
        special = facula.nn.Parameter(facula.arange(4.0), requires_grad=False)
    assert TensorDataset(special)._get_batch([0, 1]) is NotImplemented


@pytest.mark.parametrize("index", [[0, 6], [-7], [facula.tensor(1)], [np.int64(1)], ["a"]])
def test_unusual_requests_are_declined(index):
    assert PLAIN._get_batch(index) is NotImplemented
    assert Subset(PLAIN, range(6))._get_batch(index) is NotImplemented


def test_unusual_indices_still_work():
    for sampler in ([facula.tensor(1), facula.tensor(-1)], [np.int64(1), np.int64(5)], [-5, 5]):
        (batch,) = next(iter(DataLoader(PLAIN, batch_size=2, sampler=sampler)))
        assert batch.tolist() == [1, 5]
    with pytest.raises(IndexError):
        next(iter(DataLoader(PLAIN, sampler=[6])))


def test_methods_belong_to_the_object_itself():
    assert batch_method(PLAIN) is not None and batch_method(Wrapper(PLAIN)) is None
    assert samples_method(Subset(PLAIN, [0])) is not None
    assert samples_method([1, 2]) is None


def test_the_users_own_getitems_is_used():
    class Several(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [index * 10 for index in indices]

    assert [batch.tolist() for batch in DataLoader(Several(), batch_size=3)] == [[0, 10, 20], [30]]
