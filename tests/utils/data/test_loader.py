"""The loader in one process."""

import itertools

import numpy as np
import pytest

import facula
from facula.random import get_rng_state
from facula.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler, TensorDataset

DATA = TensorDataset(facula.arange(10))


def batches(loader):
    return [batch[0].tolist() for batch in loader]


class Stream(IterableDataset):
    def __init__(self, count, told=None):
        self.count, self.told = count, told

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        if self.told is None:
            raise TypeError("no length")
        return self.told


def test_in_order():
    loader = DataLoader(DATA, batch_size=4)
    assert batches(loader) == batches(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3
    assert batches(DataLoader(DATA)) == [[i] for i in range(10)]


def test_drop_last():
    loader = DataLoader(DATA, batch_size=4, drop_last=True)
    assert batches(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]] and len(loader) == 2


def test_shuffle_follows_the_seed():
    loader = DataLoader(DATA, batch_size=10, shuffle=True)
    facula.manual_seed(4)
    first, second = batches(loader), batches(loader)
    facula.manual_seed(4)
    assert batches(loader) == first != second
    assert sorted(first[0]) == list(range(10))


def test_own_generator_leaves_the_global_one_alone():
    before = get_rng_state().tolist()
    orders = [
        batches(DataLoader(DATA, batch_size=10, shuffle=True, generator=facula.Generator().manual_seed(9)))
        for _ in range(2)
    ]
    assert orders[0] == orders[1]
    assert get_rng_state().tolist() == before


def test_a_pass_without_shuffling_draws_once_from_the_global_generator():
    facula.manual_seed(0)
    before = get_rng_state().tolist()
    list(DataLoader(DATA))
    assert get_rng_state().tolist() != before


def test_several_passes_at_once():
    loader = DataLoader(DATA, batch_size=5)
    pairs = [(a[0].tolist(), b[0].tolist()) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [([0, 1, 2, 3, 4],) * 2, ([5, 6, 7, 8, 9],) * 2]


def test_iterator():
    iterator = iter(DataLoader(DATA, batch_size=4))
    assert iter(iterator) is iterator and len(iterator) == 3
    list(iterator)
    with pytest.raises(StopIteration):
        next(iterator)


def test_samplers():
    assert batches(DataLoader(DATA, sampler=[3, 1], batch_size=2)) == [[3, 1]]
    assert batches(DataLoader(DATA, batch_sampler=[[3], [1, 2]])) == [[3], [1, 2]]
    sampler = BatchSampler(SequentialSampler(DATA), 5, True)
    loader = DataLoader(DATA, batch_sampler=sampler)
    assert len(loader) == 2 and loader.batch_size is None and loader.batch_sampler is sampler
    assert batches(loader) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_without_batches():
    loader = DataLoader(DATA, batch_size=None)
    assert len(loader) == 10 and loader.batch_sampler is None
    assert [sample[0].item() for sample in loader] == list(range(10))
    converted = list(DataLoader([1, np.ones(2), "x"], batch_size=None))
    assert converted[0] == 1 and isinstance(converted[1], facula.Tensor) and converted[2] == "x"
    # a batch sampler in the sampler's place indexes with lists
    loader = DataLoader(DATA, batch_size=None, sampler=BatchSampler(SequentialSampler(DATA), 4, False))
    assert batches(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_any_indexable():
    assert [batch.tolist() for batch in DataLoader({0: 1, 1: 2}, batch_size=2)] == [[1, 2]]
    assert list(DataLoader(["a", "b", "c"], batch_size=2)) == [["a", "b"], ["c"]]


def test_collate_fn():
    assert list(DataLoader([1, 2, 3], batch_size=2, collate_fn=sum)) == [3, 3]
    assert list(DataLoader([1, 2], batch_size=None, collate_fn=str)) == ["1", "2"]


def test_streams():
    assert [batch.tolist() for batch in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [batch.tolist() for batch in DataLoader(Stream(4), batch_size=2)] == [[0, 1], [2, 3]]
    assert [batch.tolist() for batch in DataLoader(Stream(5), batch_size=2, drop_last=True)] == [
        [0, 1],
        [2, 3],
    ]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert list(DataLoader(Stream(0), batch_size=2)) == []


def test_endless_stream():
    class Endless(IterableDataset):
        def __iter__(self):
            return itertools.count()

    first = itertools.islice(DataLoader(Endless(), batch_size=2), 2)
    assert [batch.tolist() for batch in first] == [[0, 1], [2, 3]]


def test_length_of_a_stream():
    assert len(DataLoader(Stream(5, told=5), batch_size=2)) == 3
    assert len(DataLoader(Stream(5, told=5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(Stream(5, told=5), batch_size=None)) == 5
    with pytest.raises(TypeError):
        len(DataLoader(Stream(5)))


def test_a_stream_longer_than_it_says_is_warned_of():
    loader = DataLoader(Stream(3, told=2), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="said it has 2 samples"):
        assert list(loader) == [0, 1, 2]


def test_errors_of_the_dataset_come_through():
    class Broken(Stream):
        def __iter__(self):
            yield 1
            raise ZeroDivisionError("in the data set")

    iterator = iter(DataLoader(Broken(1), batch_size=None))
    assert next(iterator) == 1
    with pytest.raises(ZeroDivisionError):
        next(iterator)
    with pytest.raises(IndexError):
        list(DataLoader([1], sampler=[1]))


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"num_workers": -1}),
        (ValueError, {"timeout": -1}),
        (ValueError, {"prefetch_factor": 2}),
        (ValueError, {"num_workers": 1, "prefetch_factor": -1}),
        (ValueError, {"persistent_workers": True}),
        (ValueError, {"sampler": [1], "shuffle": True}),
        (ValueError, {"batch_sampler": [[1]], "batch_size": 2}),
        (ValueError, {"batch_sampler": [[1]], "shuffle": True}),
        (ValueError, {"batch_sampler": [[1]], "sampler": [1]}),
        (ValueError, {"batch_sampler": [[1]], "drop_last": True}),
        (ValueError, {"batch_size": None, "drop_last": True}),
        (ValueError, {"batch_size": 0}),
        (ValueError, {"batch_size": -1}),
        (ValueError, {"batch_size": 1.5}),
        (ValueError, {"batch_size": True}),
        (ValueError, {"drop_last": 1}),
        (ValueError, {"multiprocessing_context": "fork"}),
        (ValueError, {"num_workers": 1, "multiprocessing_context": "nonsense"}),
        (TypeError, {"num_workers": 1, "multiprocessing_context": 3}),
    ],
)
def test_bad_combinations(error, options):
    with pytest.raises(error, match=r"\[(DataLoader|BatchSampler)\]"):
        DataLoader(DATA, **options)


@pytest.mark.parametrize("option", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_a_stream_has_no_order(option):
    with pytest.raises(ValueError, match="IterableDataset and"):
        DataLoader(Stream(3), **option)
    DataLoader(Stream(3), shuffle=False)


def test_timeout_needs_workers():
    with pytest.raises(AssertionError, match="timeout"):
        iter(DataLoader(DATA, timeout=2))


@pytest.mark.parametrize(
    "name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_attributes_are_fixed(name):
    with pytest.raises(ValueError, match=f"{name} cannot be set"):
        setattr(DataLoader(DATA), name, None)


def test_pin_memory_is_accepted_with_a_warning():
    with pytest.warns(UserWarning, match="pin_memory"):
        assert len(list(DataLoader(DATA, batch_size=5, pin_memory=True))) == 2
