"""Samplers: what they yield and what they refuse. (The order of random ones is compared in tests/parity.)"""

import pytest

from facula import Generator, manual_seed
from facula.random import get_rng_state
from facula.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_sequential():
    sampler = SequentialSampler("abcd")
    assert list(sampler) == list(sampler) == [0, 1, 2, 3]
    assert len(sampler) == 4


def test_random_is_a_permutation_that_follows_the_seed():
    sampler = RandomSampler(range(100))
    manual_seed(1)
    first, second = list(sampler), list(sampler)
    manual_seed(1)
    assert list(sampler) == first != second
    assert sorted(first) == sorted(second) == list(range(100))
    assert all(type(index) is int for index in first)
    assert len(sampler) == 100


def test_random_with_a_generator_leaves_the_global_one_alone():
    before = get_rng_state().tolist()
    orders = [list(RandomSampler(range(20), generator=Generator().manual_seed(5))) for _ in range(2)]
    assert orders[0] == orders[1]
    assert get_rng_state().tolist() == before


def test_random_draws_only_when_the_first_index_is_asked_for():
    before = get_rng_state().tolist()
    iterator = iter(RandomSampler(range(20)))
    assert get_rng_state().tolist() == before
    next(iterator)
    assert get_rng_state().tolist() != before


@pytest.mark.parametrize("count", [1, 7, 10, 25])
def test_random_num_samples(count):
    manual_seed(0)
    order = list(RandomSampler(range(10), num_samples=count))
    assert len(order) == len(RandomSampler(range(10), num_samples=count)) == count
    for start in range(0, count, 10):  # each stretch of ten is a permutation
        part = order[start : start + 10]
        assert len(set(part)) == len(part)


def test_random_with_replacement():
    manual_seed(0)
    order = list(RandomSampler(range(10), replacement=True, num_samples=1000))
    assert len(order) == 1000 and set(order) == set(range(10))
    assert order[:10] != order[10:20]


def test_random_asks_for_the_length_anew():
    data = [1, 2]
    sampler = RandomSampler(data)
    data.append(3)
    assert len(sampler) == 3 and sorted(sampler) == [0, 1, 2]


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"num_samples": 0}),
        (ValueError, {"num_samples": -1}),
        (ValueError, {"num_samples": 1.5}),
        (ValueError, {"num_samples": True}),
        (TypeError, {"replacement": 1}),
    ],
)
def test_random_refuses(error, options):
    (name,) = options
    with pytest.raises(error, match=f"\\[RandomSampler\\] {name} .*got"):
        RandomSampler(range(3), **options)


def test_random_of_nothing_is_refused():
    with pytest.raises(ValueError, match="got 0"):
        RandomSampler([])


def test_subset():
    manual_seed(0)
    sampler = SubsetRandomSampler([30, 10, 20])
    assert sorted(sampler) == [10, 20, 30] and len(sampler) == 3
    assert len({tuple(sampler) for _ in range(30)}) > 1


def test_weighted():
    manual_seed(0)
    order = list(WeightedRandomSampler([0.0, 1.0, 3.0], 4000))
    assert set(order) == {1, 2}
    assert 0.70 < order.count(2) / 4000 < 0.80
    assert sorted(WeightedRandomSampler([1, 2, 3], 3, replacement=False)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, ([1.0], 0)),
        (ValueError, ([1.0], True)),
        (ValueError, ([1.0], 2, 1)),
        (ValueError, ([[1.0]], 2)),
    ],
)
def test_weighted_refuses(error, arguments):
    with pytest.raises(error, match="WeightedRandomSampler"):
        WeightedRandomSampler(*arguments)


def test_weighted_without_enough_to_draw_from():
    with pytest.raises(RuntimeError, match="without replacement"):
        list(WeightedRandomSampler([1.0, 2.0], 3, replacement=False))


@pytest.mark.parametrize(
    ("drop", "expected"), [(False, [[0, 1, 2], [3, 4, 5], [6]]), (True, [[0, 1, 2], [3, 4, 5]])]
)
def test_batch(drop, expected):
    sampler = BatchSampler(SequentialSampler(range(7)), 3, drop)
    assert list(sampler) == list(sampler) == expected
    assert len(sampler) == len(expected)


def test_batch_of_any_iterable():
    assert list(BatchSampler(iter("abc"), 2, False)) == [["a", "b"], ["c"]]
    assert list(BatchSampler([], 2, False)) == [] and len(BatchSampler([], 2, False)) == 0


@pytest.mark.parametrize(
    "arguments", [(0, False), (-1, False), (1.5, False), (True, False), (2, 0), (2, None)]
)
def test_batch_refuses(arguments):
    with pytest.raises(ValueError, match="BatchSampler"):
        BatchSampler(range(3), *arguments)


def test_base_class():
    with pytest.raises(TypeError):
        len(Sampler())
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())
