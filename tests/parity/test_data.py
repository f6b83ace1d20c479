"""Data loading beside PyTorch: the same order for the same seed, the same generator state, the same bits."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.utils.data as theirs  # noqa: E402 - after the check that it is there

import facula  # noqa: E402
import facula.utils.data as ours  # noqa: E402
from facula.random import draw_seed  # noqa: E402

BOTH = [(torch, theirs), (facula, ours)]


def next_number(package):
    """The next draw of the global generator: equal only if both are in the same state."""
    if package is torch:
        return torch.empty((), dtype=torch.int64).random_().item()
    return draw_seed()


def compare(function):
    """Run it with both packages from the same seed; compare what it returns and the generators' states."""
    results = []
    for package, data in BOTH:
        package.manual_seed(1234)
        results.append((function(package, data), next_number(package)))
    assert results[0] == results[1]
    return results[1][0]


def passes(package, data, options, size=23, count=2):
    dataset = data.TensorDataset(package.arange(size))
    made = {name: value(package, data) if callable(value) else value for name, value in options.items()}
    loader = data.DataLoader(dataset, **made)
    return [[batch[0].reshape(-1).tolist() for batch in loader] for _ in range(count)]


def generator(package, data):
    return package.Generator().manual_seed(99)


LOADERS = {
    "plain": {"batch_size": 5},
    "shuffle": {"batch_size": 5, "shuffle": True},
    "shuffle one by one": {"shuffle": True},
    "drop last": {"batch_size": 5, "shuffle": True, "drop_last": True},
    "no batches": {"batch_size": None, "shuffle": True},
    "generator": {"batch_size": 5, "shuffle": True, "generator": generator},
    "generator without shuffling": {"batch_size": 5, "generator": generator},
    "random sampler": {"sampler": lambda p, d: d.RandomSampler(range(23)), "batch_size": 5},
    "more samples": {"sampler": lambda p, d: d.RandomSampler(range(23), num_samples=50), "batch_size": 9},
    "whole multiple": {"sampler": lambda p, d: d.RandomSampler(range(23), num_samples=46), "batch_size": 9},
    "replacement": {
        "sampler": lambda p, d: d.RandomSampler(range(23), replacement=True, num_samples=70),
        "batch_size": 9,
    },
    "subset sampler": {"sampler": lambda p, d: d.SubsetRandomSampler(range(5, 15)), "batch_size": 3},
    "weighted": {"sampler": lambda p, d: d.WeightedRandomSampler([1.0, 3.0] * 10, 30), "batch_size": 7},
    "weighted once": {
        "sampler": lambda p, d: d.WeightedRandomSampler([1.0, 3.0] * 10, 20, replacement=False),
        "batch_size": 7,
    },
    "weighted with a generator": {
        "sampler": lambda p, d: d.WeightedRandomSampler([1.0, 3.0] * 10, 9, generator=generator(p, d)),
        "batch_size": 7,
    },
    "batch sampler": {"batch_sampler": lambda p, d: d.BatchSampler(d.RandomSampler(range(23)), 4, True)},
}


@pytest.mark.parametrize("name", LOADERS)
def test_order_and_generator_state(name):
    compare(lambda package, data: passes(package, data, LOADERS[name]))


def test_order_of_a_large_dataset():
    compare(lambda package, data: passes(package, data, {"batch_size": 1000, "shuffle": True}, 60_000, 1))


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_order_with_workers(workers, persistent):
    options = {"num_workers": workers, "persistent_workers": persistent, "shuffle": True, "batch_size": 6}
    compare(lambda package, data: passes(package, data, options, count=3))


def test_an_iterator_that_is_given_up():
    def some(package, data):
        loader = data.DataLoader(data.TensorDataset(package.arange(20)), shuffle=True)
        iterator = iter(loader)
        made = next_number(package)
        return made, [int(next(iterator)[0]) for _ in range(3)], next_number(package)

    compare(some)


@pytest.mark.parametrize("lengths", [[3, 7], [10, 0], [0.3, 0.7], [0.35, 0.3, 0.35], [0.01, 0.99]])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_split(lengths):
    compare(lambda package, data: [part.indices for part in data.random_split(range(10), lengths)])


def test_random_split_with_a_generator():
    compare(
        lambda package, data: [
            part.indices
            for part in data.random_split(range(50), [0.5, 0.5], generator=generator(package, data))
        ]
    )


def described(value):
    """Types, dtypes and numbers of a collated value, without the packages' names."""
    if isinstance(value, (torch.Tensor, facula.Tensor)):
        return "tensor", str(value.dtype).rpartition(".")[2], value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [described(item) for item in value]
    return type(value).__name__, repr(value)


COLLATED = [
    [1, 2],
    [1.5, 2],
    [1, 2.5],
    [True, False],
    ["a", "b"],
    [b"a"],
    [np.float32(1), np.float32(2)],
    [np.int16(1)],
    [np.bool_(True)],
    [np.ones(2), np.zeros(2)],
    [np.array(3), np.array(4)],
    [np.ones(2, np.float16)],
    [(1, 2.0), (3, 4.0)],
    [[1, "x"], [3, "y"]],
    [{"a": 1, "b": (2, "x")}, {"a": 3, "b": (4, "y")}],
    [range(2), range(2)],
]
REFUSED = [
    [None],
    [object()],
    [{1}],
    [1j],
    [np.array("x")],
    [np.datetime64("2020")],
    [[1, 2], [3]],
    [{"a": 1}, {"b": 1}],
    [np.ones(2), np.ones(3)],
    [],
    [1, "a"],
]


@pytest.mark.parametrize("batch", COLLATED, ids=repr)
def test_collate(batch):
    assert described(ours.default_collate(batch)) == described(theirs.default_collate(batch))


@pytest.mark.parametrize("batch", REFUSED, ids=repr)
def test_collate_refuses_with_the_same_type_of_error(batch):
    with pytest.raises(Exception) as expected:  # whatever PyTorch raises
        theirs.default_collate(batch)
    with pytest.raises(expected.type):
        ours.default_collate(batch)


@pytest.mark.parametrize(
    "sample", [1, "a", np.ones(2), np.float32(3), (np.ones(1), 2), [1, np.ones(1)]], ids=repr
)
def test_convert(sample):
    assert described(ours.default_convert(sample)) == described(theirs.default_convert(sample))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"num_workers": 1, "prefetch_factor": -1},
        {"persistent_workers": True},
        {"sampler": [1], "shuffle": True},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"drop_last": 1},
        {"multiprocessing_context": "fork"},
        {"num_workers": 1, "multiprocessing_context": "nonsense"},
        {"num_workers": 1, "multiprocessing_context": 3},
    ],
    ids=repr,
)
def test_loader_refuses_with_the_same_type_of_error(options):
    with pytest.raises(Exception) as expected:  # whatever PyTorch raises
        theirs.DataLoader([1, 2], **options)
    with pytest.raises(expected.type):
        ours.DataLoader([1, 2], **options)


def test_attributes_of_a_loader():
    for options in (
        {},
        {"batch_size": None},
        {"batch_sampler": [[1]]},
        {"num_workers": 2},
        {"shuffle": True},
    ):
        one, two = theirs.DataLoader([1, 2, 3], **options), ours.DataLoader([1, 2, 3], **options)
        names = (
            "batch_size",
            "drop_last",
            "num_workers",
            "prefetch_factor",
            "pin_memory",
            "timeout",
            "in_order",
        )
        assert [getattr(one, name) for name in names] == [getattr(two, name) for name in names]
        assert type(one.sampler).__name__ == type(two.sampler).__name__
        assert type(one.batch_sampler).__name__ == type(two.batch_sampler).__name__
        assert len(one) == len(two)


def test_worker_seeds():
    """Python's, NumPy's and the package's generators start alike in the workers."""
    import random

    class Draws:
        def __init__(self, data, seed):
            self.data, self.seed = data, seed

        def __len__(self):
            return 4

        def __getitem__(self, index):
            info = self.data.get_worker_info()
            return [
                info.id,
                info.num_workers,
                info.seed,
                self.seed(),
                random.random(),
                float(np.random.random()),
            ]

    def draws(package, data):
        dataset = Draws(data, package.initial_seed)
        loader = data.DataLoader(dataset, num_workers=2, multiprocessing_context="fork", batch_size=None)
        return list(loader)

    compare(draws)


PIXELS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


@pytest.mark.parametrize(("mean", "std"), [(0.5, 0.5), (0.2860, 0.3530), (0.1307, 0.3081), (0.485, 0.229)])
def test_to_tensor_and_normalize_bit_for_bit(mean, std):
    from facula.vision.transforms import functional as F

    expected = torch.from_numpy(PIXELS).to(torch.float32).div(255)
    image = F.to_tensor(PIXELS[0])
    assert image.numpy().tobytes() == expected.numpy().tobytes()
    middle, spread = (torch.as_tensor([v], dtype=torch.float32).view(-1, 1, 1) for v in (mean, std))
    expected = expected.clone().sub_(middle).div_(spread)
    assert F.normalize(image, [mean], [std]).numpy().tobytes() == expected.numpy().tobytes()


def test_batches_of_a_picture_dataset_bit_for_bit():
    from facula.vision.datasets import DrawnFashion
    from facula.vision.transforms import ToTensor

    mine = DrawnFashion(size=100, transform=ToTensor())

    class Theirs(theirs.Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, index):
            image = torch.from_numpy(mine.data.numpy()[index][None]).to(torch.float32).div(255)
            return image, int(mine.targets[index])

    def all_bytes(package, data):
        loader = data.DataLoader(mine if data is ours else Theirs(), batch_size=16, shuffle=True)
        return [(images.numpy().tobytes(), labels.tolist()) for images, labels in loader]

    compare(all_bytes)


@pytest.mark.parametrize("size", [4, (5, 3)])
def test_random_crop_and_flip_draw_alike(size):
    from facula.vision.transforms import RandomCrop, RandomHorizontalFlip

    def places(package, data):
        if package is facula:
            image = facula.zeros(1, 9, 9)
            crop = [RandomCrop.get_params(image, RandomCrop(size).size)[:2] for _ in range(5)]
            flip = RandomHorizontalFlip()
            marked = facula.arange(2.0).reshape(1, 1, 2)
            return crop, [bool(flip(marked)[0, 0, 0] == 1) for _ in range(5)]
        height, width = (size, size) if isinstance(size, int) else size
        crop = []
        for _ in range(5):  # what torchvision's transforms draw
            top = torch.randint(0, 9 - height + 1, size=(1,)).item()
            crop.append((top, torch.randint(0, 9 - width + 1, size=(1,)).item()))
        return crop, [bool(torch.rand(1) < 0.5) for _ in range(5)]

    compare(places)
