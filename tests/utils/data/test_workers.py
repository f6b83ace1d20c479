"""Worker processes: the same batches in the same order, and no way to hang or to lose an error."""

import multiprocessing
import os
import random
import sys
import time

import numpy as np
import pytest

import facula
from facula.random import initial_seed
from facula.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the test's own classes need fork"
)
pytestmark = [
    pytest.mark.skipif(sys.platform == "emscripten", reason="no processes"),
    pytest.mark.filterwarnings("ignore:.*processor cores.*:UserWarning"),
]
DATA = TensorDataset(facula.arange(10), facula.arange(20.0).reshape(10, 2))


def as_list(samples):
    return samples


class Items(Dataset):
    """Calls a function for each index."""

    def __init__(self, function, count=8):
        self.function, self.count = function, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.function(index)


def forked(dataset, workers=2, **options):
    return DataLoader(dataset, num_workers=workers, multiprocessing_context="fork", **options)


def gone(pids):
    """Whether all these processes end within a few seconds."""
    for _ in range(200):
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_same_batches_as_in_one_process(method):
    facula.manual_seed(0)
    expected = [[part.tolist() for part in batch] for batch in DataLoader(DATA, batch_size=3, shuffle=True)]
    facula.manual_seed(0)
    loader = DataLoader(DATA, batch_size=3, shuffle=True, num_workers=2, multiprocessing_context=method)
    batches = list(loader)
    assert [[part.tolist() for part in batch] for batch in batches] == expected
    batches[0][1] += 1  # what arrives can be written to
    assert all(part.is_contiguous() for batch in batches for part in batch)


@fork
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("prefetch", [1, 4])
def test_order_does_not_depend_on_who_is_faster(workers, prefetch):
    def slow_at_first(index):
        time.sleep(0.02 * (index % 3 == 0))
        return index

    loader = forked(Items(slow_at_first, 9), workers, prefetch_factor=prefetch, batch_size=None)
    assert list(loader) == list(range(9))
    assert len(loader) == 9


@fork
def test_out_of_order_on_request():
    loader = forked(Items(lambda i: time.sleep(0.3 * (i == 0)) or i, 6), in_order=False, batch_size=None)
    got = list(loader)
    assert sorted(got) == list(range(6)) and got[0] != 0


@fork
def test_worker_info_and_seeds():
    def describe(index):
        info = get_worker_info()
        return info.id, info.num_workers, info.seed, initial_seed(), random.random(), np.random.random()

    facula.manual_seed(5)
    samples = [sample for batch in forked(Items(describe), collate_fn=as_list) for sample in batch]
    assert {sample[0] for sample in samples} == {0, 1} and {sample[1] for sample in samples} == {2}
    assert all(sample[2] == sample[3] for sample in samples)
    assert {sample[2] - sample[0] for sample in samples} == {samples[0][2]}  # base seed + number
    assert len({sample[4] for sample in samples}) == len({sample[5] for sample in samples}) == 8
    facula.manual_seed(5)
    assert samples == [sample for batch in forked(Items(describe), collate_fn=as_list) for sample in batch]
    assert get_worker_info() is None


@fork
def test_workers_use_one_thread_each():
    before = facula.get_num_threads()
    assert list(forked(Items(lambda index: facula.get_num_threads(), 2), batch_size=None)) == [1, 1]
    assert facula.get_num_threads() == before


@fork
def test_worker_init_fn():
    seen = {}
    loader = forked(
        Items(lambda index: dict(seen)), worker_init_fn=lambda n: seen.update(number=n), batch_size=None
    )
    assert {sample["number"] for sample in loader} == {0, 1}
    assert seen == {}


class Odd(Exception):
    """Cannot be made from one string."""

    def __init__(self, one, two):
        super().__init__(one, two)


@fork
@pytest.mark.parametrize(
    ("error", "expected"),
    [(ValueError("no good"), ValueError), (KeyError("no good"), KeyError), (Odd(1, "no good"), RuntimeError)],
)
def test_errors_come_with_the_workers_traceback(error, expected):
    def fail_at_three(index):
        if index == 3:
            raise error
        return index

    iterator = iter(forked(Items(fail_at_three), batch_size=None))
    assert [next(iterator) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(expected) as caught:
        next(iterator)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker process 1" in text
    assert "fail_at_three" in text and "no good" in text and "\n  File" in text
    assert next(iterator) == 4  # the next sample is not lost


@fork
def test_errors_of_worker_init_fn():
    def init(number):
        raise ValueError("in init")

    with pytest.raises(ValueError, match="in init"):
        list(forked(DATA, worker_init_fn=init))


@fork
def test_results_that_cannot_be_pickled():
    with pytest.raises(Exception, match=r"(?s)Caught.*in DataLoader worker process 0"):
        list(forked(Items(lambda index: lambda: index), collate_fn=as_list))


@fork
def test_tensors_with_a_history_cannot_be_sent():
    weights = facula.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="detach"):
        list(forked(Items(lambda index: weights * index), batch_size=None))


@fork
def test_a_worker_that_dies_is_noticed():
    def die_at_two(index):
        if index == 2:
            os._exit(7)
        return index

    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker \(pid \d+\) exited unexpectedly with exit code 7"):
        list(forked(Items(die_at_two), batch_size=None))
    assert time.monotonic() - started < 20


@fork
def test_timeout():
    with pytest.raises(RuntimeError, match=r"timed out after 0\.2 seconds"):
        list(forked(Items(lambda index: time.sleep(3)), 1, timeout=0.2))


@fork
def test_large_tasks_and_results_do_not_block_each_other():
    count = 300_000  # far more than a pipe holds, both ways

    class Whole(Dataset):
        def __len__(self):
            return count

        def __getitems__(self, indices):
            return facula.tensor(indices)

    loader = forked(Whole(), 1, batch_size=count // 3, collate_fn=as_list, prefetch_factor=4)
    assert sum(int(batch.sum()) for batch in loader) == count * (count - 1) // 2


@fork
def test_processes_end_with_the_pass():
    iterator = iter(forked(Items(lambda index: os.getpid()), batch_size=None))
    pids = set(iterator)
    assert len(pids) == 2 and os.getpid() not in pids
    assert gone(pids)
    with pytest.raises(StopIteration):
        next(iterator)


@fork
def test_processes_end_when_the_iterator_is_dropped():
    def sample(index):
        time.sleep(0.7 * (index >= 4))
        return os.getpid(), np.zeros(100_000)

    iterator = iter(forked(Items(sample, 100), batch_size=None, prefetch_factor=8))
    pids = {next(iterator)[0] for _ in range(4)}
    started = time.monotonic()
    del iterator
    assert gone(pids)
    assert time.monotonic() - started < 3  # the tasks that were already handed out are not begun any more


@fork
def test_persistent_workers_are_the_same_processes():
    loader = forked(Items(lambda index: os.getpid()), persistent_workers=True, batch_size=None)
    first, second = set(loader), set(loader)
    assert first == second and len(first) == 2
    next(iter(loader))  # a pass that is given up
    assert set(loader) == first
    del loader
    assert gone(first)


@fork
def test_without_persistence_they_are_new():
    loader = forked(Items(lambda index: os.getpid()), batch_size=None)
    assert not set(loader) & set(loader)


class Parts(IterableDataset):
    def __iter__(self):
        number = get_worker_info().id
        return iter(range(number * 10, number * 10 + 3 + number * 2))


@fork
@pytest.mark.parametrize("persistent", [False, True])
def test_streams(persistent):
    loader = forked(Parts(), batch_size=2, persistent_workers=persistent)
    for _ in range(2):
        assert [batch.tolist() for batch in loader] == [[0, 1], [10, 11], [2], [12, 13], [14]]
    loader = forked(Parts(), batch_size=None, persistent_workers=persistent)
    assert list(loader) == list(loader) == [0, 10, 1, 11, 2, 12, 13, 14]
    assert [b.tolist() for b in forked(Parts(), batch_size=2, drop_last=True)] == [[0, 1], [10, 11], [12, 13]]


@fork
def test_an_endless_stream_can_be_given_up():
    class Endless(IterableDataset):
        def __iter__(self):
            return iter(int, 1) if get_worker_info().id else iter([0])

    loader = forked(Endless(), batch_size=None, persistent_workers=True)
    for _ in range(2):
        assert next(iter(loader)) == 0


def test_more_workers_than_cores_are_warned_of():
    loader = DataLoader(DATA, num_workers=10_000)
    with pytest.warns(UserWarning, match="num_workers=10000 is more than"):
        loader.check_worker_number_rationality()


def test_empty():
    assert list(DataLoader([], num_workers=1)) == []
