"""The whole-batch path of the picture data sets: the same to the last bit, never where it would be wrong."""

import itertools

import numpy as np
import pytest

import facula
from facula.utils.data import DataLoader, Subset, default_collate, random_split
from facula.vision.datasets import DrawnFashion, FashionMNIST
from facula.vision.transforms import Compose, ConvertImageDtype, Lambda, Normalize, PILToTensor, ToTensor

pytest.importorskip("PIL")

KNOWN = {
    "ToTensor": ToTensor(),
    "PILToTensor": PILToTensor(),
    "Compose": Compose([ToTensor()]),
    "Normalize": Compose([ToTensor(), Normalize((0.2860,), (0.3530,))]),
    "Normalize by numbers": Compose([ToTensor(), Normalize(0.5, 0.5)]),
    "Normalize in place": Compose([ToTensor(), Normalize([0.1], [0.3], inplace=True)]),
    "nested": Compose([Compose([ToTensor(), Normalize(0.1, 0.7)]), Compose([Normalize(0.3, 0.9)])]),
    "Convert": Compose([PILToTensor(), ConvertImageDtype(facula.float32)]),
    "Convert to float64": Compose([PILToTensor(), ConvertImageDtype(facula.float64), Normalize(0.5, 0.3)]),
}


def through_pillow(dataset, **options):
    """The reference: every sample through Pillow and the transforms themselves."""

    class Plain(type(dataset)):
        def _known_transform(self):
            return None

    plain = object.__new__(Plain)
    plain.__dict__.update(dataset.__dict__)
    return list(DataLoader(plain, collate_fn=lambda samples: default_collate(samples), **options))


def assert_same(left, right):
    assert type(left) is type(right) and len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, facula.Tensor):
            assert a.dtype is b.dtype and a.shape == b.shape and a.stride() == b.stride()
            assert a._array.tobytes() == b._array.tobytes()
        else:
            assert_same(a, b)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", KNOWN)
def test_batches_are_the_same(fashion, name, shuffle):
    fashion.transform = KNOWN[name]
    assert fashion._get_batch([0, 1]) is not NotImplemented
    facula.manual_seed(1)
    fast = list(DataLoader(fashion, batch_size=16, shuffle=shuffle))
    facula.manual_seed(1)
    assert_same(fast, through_pillow(fashion, batch_size=16, shuffle=shuffle))


@pytest.mark.parametrize("name", KNOWN)
def test_single_samples_are_the_same(fashion, name):
    fashion.transform = KNOWN[name]
    for index, (batch,) in enumerate(itertools.islice(zip(through_pillow(fashion)), 5)):
        image, label = fashion[index]
        assert image.dtype is batch[0].dtype and image.is_contiguous()
        assert image._array.tobytes() == batch[0]._array.tobytes()
        assert label == batch[1].item()


def test_every_grey_value(fashion):
    fashion.data = facula.arange(256).to(facula.uint8).reshape(1, 16, 16)
    fashion.targets = facula.zeros(1, dtype=facula.int64)
    fashion.transform = ToTensor()
    (images, _), *_ = DataLoader(fashion)
    assert images._array.ravel().tolist() == [np.float32(v) / np.float32(255) for v in range(256)]


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_default_dtypes(fashion, dtype):
    fashion.transform = ToTensor()
    facula.set_default_dtype(getattr(facula, dtype))
    try:
        fast, slow = list(DataLoader(fashion, batch_size=25)), through_pillow(fashion, batch_size=25)
    finally:
        facula.set_default_dtype(facula.float32)
    assert fast[0][0].dtype is getattr(facula, dtype)
    assert_same(fast, slow)


def test_subsets(fashion):
    fashion.transform = ToTensor()
    for part in (
        *random_split(fashion, [0.6, 0.4]),
        Subset(fashion, range(0, 50, 3)),
        Subset(fashion, [3, -1, 3]),
    ):
        assert part._get_batch([0, 1]) is not NotImplemented
        fast = list(DataLoader(part, batch_size=7))
        assert_same(
            fast, list(DataLoader(part, batch_size=7, collate_fn=lambda samples: default_collate(samples)))
        )


def test_getitems_gives_samples(fashion):
    fashion.transform = ToTensor()
    samples = fashion.__getitems__([4, 2])
    assert type(samples) is list and [label for _, label in samples] == [fashion[4][1], fashion[2][1]]
    assert type(samples[0][1]) is int and tuple(samples[0][0].shape) == (1, 28, 28)
    samples[0][0].fill_(5)
    assert (samples[1][0] <= 1).all()


def test_own_collation_gets_samples(fashion):
    fashion.transform = ToTensor()

    def collate(samples):
        assert type(samples) is list
        images, labels = zip(*samples, strict=True)
        return facula.stack(images).sum(), list(labels)

    total = sum(float(images) for images, _ in DataLoader(fashion, batch_size=8, collate_fn=collate))
    assert total == pytest.approx(fashion.data._array.sum(dtype=np.float64) / 255, rel=1e-5)


def test_a_batch_is_the_users_to_change(fashion):
    before = fashion.data.numpy().copy()
    for transform in KNOWN.values():
        fashion.transform = transform
        for shuffle in (False, True):
            for images, labels in DataLoader(fashion, batch_size=50, shuffle=shuffle):
                images.fill_(0)
                labels.fill_(0)
        image, _ = fashion[0]
        image.fill_(1)
    np.testing.assert_array_equal(fashion.data.numpy(), before)
    assert fashion.targets.sum() > 0


def test_changed_data_and_targets_are_seen(fashion):
    fashion.transform = ToTensor()
    fashion.data = fashion.data[10:20]
    fashion.targets = (fashion.targets[10:20] == 3).to(facula.int32)
    (images, labels), *_ = DataLoader(fashion, batch_size=64)
    assert tuple(images.shape) == (10, 1, 28, 28) and labels.dtype is facula.int64
    assert_same([[images, labels]], through_pillow(fashion, batch_size=64))


@pytest.mark.parametrize(
    "change", ["float data", "float targets", "list targets", "numpy targets", "transposed"]
)
def test_unusual_data_falls_back(fashion, change):
    fashion.transform = ToTensor()
    if change == "float data":
        fashion.data = fashion.data.to(facula.float32)
        fashion.transform = Lambda(np.array)
    elif change == "float targets":
        fashion.targets = fashion.targets.to(facula.float32) + 0.5
    elif change == "list targets":
        fashion.targets = fashion.targets.tolist()
    elif change == "numpy targets":
        fashion.targets = fashion.targets.numpy()
    else:
        fashion.data = fashion.data.transpose(1, 2)
    assert_same(list(DataLoader(fashion, batch_size=9)), through_pillow(fashion, batch_size=9))


class Counting:
    """A transform of the user's own."""

    def __init__(self):
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        return ToTensor()(image)


class OwnToTensor(ToTensor):
    def __call__(self, image):
        return super().__call__(image) * 2


class OwnNormalize(Normalize):
    def forward(self, image):
        return super().forward(image) * 2


class OwnCompose(Compose):
    def __call__(self, image):
        return super().__call__(image) * 2


@pytest.mark.parametrize(
    "transform",
    [
        Lambda(lambda image: ToTensor()(image)),
        Compose([ToTensor(), Lambda(lambda image: image * 2)]),
        OwnToTensor(),
        Compose([OwnToTensor()]),
        Compose([ToTensor(), OwnNormalize(0.5, 0.5)]),
        OwnCompose([ToTensor()]),
        Counting(),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_own_transforms_are_called(fashion, transform):
    fashion.transform = transform
    assert fashion._get_batch([0, 1]) is NotImplemented
    assert_same(list(DataLoader(fashion, batch_size=20)), through_pillow(fashion, batch_size=20))
    if isinstance(transform, Counting):
        assert transform.calls == 100


def test_own_target_transform_is_called(fashion):
    fashion.transform, fashion.target_transform = ToTensor(), lambda label: label + 100
    (_, labels), *_ = DataLoader(fashion, batch_size=50)
    assert labels.tolist() == [label + 100 for label in fashion.targets.tolist()]


def test_patched_transforms_are_noticed(fashion, monkeypatch):
    fashion.transform = ToTensor()
    monkeypatch.setattr(ToTensor, "__call__", lambda self, image: facula.zeros(1))
    assert next(iter(DataLoader(fashion, batch_size=3)))[0].tolist() == [[0.0]] * 3
    monkeypatch.undo()
    fashion.transform = Compose([ToTensor(), Normalize(0.5, 0.5)])
    monkeypatch.setattr(Normalize, "forward", lambda self, image: facula.ones(1))
    assert next(iter(DataLoader(fashion, batch_size=3)))[0].tolist() == [[1.0]] * 3
    monkeypatch.undo()
    monkeypatch.setattr(Compose, "__call__", lambda self, image: facula.zeros(1))
    assert next(iter(DataLoader(fashion, batch_size=3)))[0].tolist() == [[0.0]] * 3


def test_a_method_set_on_the_object_is_noticed(fashion):
    normalize = Normalize(0.5, 0.5)
    normalize.forward = lambda image: facula.zeros(1)
    fashion.transform = Compose([ToTensor(), normalize])
    assert next(iter(DataLoader(fashion, batch_size=3)))[0].tolist() == [[0.0]] * 3


def test_hooks_are_called(fashion):
    normalize = Normalize(0.5, 0.5)
    normalize.register_forward_hook(lambda module, inputs, output: facula.zeros(1))
    fashion.transform = Compose([ToTensor(), normalize])
    assert next(iter(DataLoader(fashion, batch_size=3)))[0].tolist() == [[0.0]] * 3


def make_subclass(base):
    class Inverted(base):
        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            return 1 - image, label

    return Inverted


def test_an_overridden_getitem_is_called(fashion):
    fashion.transform = ToTensor()
    plain = [images for images, _ in DataLoader(fashion, batch_size=16)]
    fashion.__class__ = make_subclass(FashionMNIST)
    for dataset in (fashion, Subset(fashion, range(50))):
        inverted = [images for images, _ in DataLoader(dataset, batch_size=16)]
        assert all((a + b == 1).all() for a, b in zip(plain, inverted, strict=True))


def test_an_object_that_forwards_to_the_dataset_is_not_bypassed(fashion):
    class Wrapper:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def __getitem__(self, index):
            return -index

    fashion.transform = ToTensor()
    for dataset in (
        Wrapper(fashion),
        Subset(Wrapper(fashion), range(50)),
        Wrapper(Subset(fashion, range(50))),
    ):
        sampler = [0, 1, 2]
        assert next(iter(DataLoader(dataset, batch_size=3, sampler=sampler))).tolist() == [0, -1, -2]


def test_a_patched_getitem_is_noticed(fashion, monkeypatch):
    fashion.transform = ToTensor()
    for kind in (FashionMNIST, FashionMNIST.__mro__[2]):
        monkeypatch.setattr(kind, "__getitem__", lambda self, index: index)
        assert next(iter(DataLoader(fashion, batch_size=3))).tolist() == [0, 1, 2]
        monkeypatch.undo()


def test_an_overridden_getitems_is_called(fashion):
    class Own(FashionMNIST):
        def __getitems__(self, indices):
            return [-index for index in indices]

    fashion.transform = ToTensor()
    fashion.__class__ = Own
    assert next(iter(DataLoader(fashion, batch_size=3))).tolist() == [0, -1, -2]


@pytest.mark.parametrize(
    ("transform", "error"),
    [
        (None, TypeError),
        (Normalize(0.5, 0.5), TypeError),
        (Compose([ToTensor(), ToTensor()]), TypeError),
        (Compose([PILToTensor(), Normalize(0.5, 0.5)]), TypeError),
        (Compose([ToTensor(), Normalize(0.5, 0)]), ValueError),
    ],
)
def test_errors_are_those_of_the_single_sample(fashion, transform, error):
    fashion.transform = transform
    with pytest.raises(error):
        next(iter(DataLoader(fashion, batch_size=3)))


def test_index_errors(fashion):
    fashion.transform = ToTensor()
    with pytest.raises(IndexError):
        next(iter(DataLoader(fashion, sampler=[50])))
    _, labels = next(iter(DataLoader(fashion, batch_size=2, sampler=[-1, -50])))
    assert labels.tolist() == [fashion[49][1], fashion[0][1]]


def test_with_workers(fashion):
    fashion.transform = KNOWN["Normalize"]
    assert_same(
        list(DataLoader(fashion, batch_size=20, num_workers=1)), through_pillow(fashion, batch_size=20)
    )


class TestDrawnFashion:
    def test_interface(self):
        dataset = DrawnFashion(size=30, transform=ToTensor())
        assert len(dataset) == 30 and dataset.drawn
        assert dataset.classes == FashionMNIST.classes
        image, label = dataset[0]
        assert tuple(image.shape) == (1, 28, 28) and type(label) is int
        dataset.transform = None
        assert dataset[0][0].mode == "L"
        assert repr(dataset) == (
            "Dataset DrawnFashion\n"
            "    Number of datapoints: 30\n"
            "    Split: Train\n"
            "    Drawn by the package, not photographed: seed 2017\n"
            "    StandardTransform\n"
            "Transform: ToTensor()"
        )

    def test_sizes(self, monkeypatch):
        asked = []
        module = __import__("facula.vision.datasets.drawn", fromlist=["x"])
        monkeypatch.setattr(
            module, "draw_all", lambda size, seed: asked.append(size) or (np.zeros(1), np.zeros(1))
        )
        DrawnFashion()
        DrawnFashion(train=False)
        assert asked == [60_000, 10_000]

    def test_parts_and_seeds_differ_and_repeat(self):
        def pictures(**options):
            return DrawnFashion(size=40, **options).data.numpy()

        facula.manual_seed(0)
        first = pictures()
        facula.manual_seed(1)
        np.testing.assert_array_equal(first, pictures())
        assert {picture.tobytes() for picture in first}.isdisjoint(p.tobytes() for p in pictures(train=False))
        assert {picture.tobytes() for picture in first}.isdisjoint(p.tobytes() for p in pictures(seed=1))

    def test_same_batches(self):
        dataset = DrawnFashion(size=50, transform=KNOWN["Normalize"])
        assert_same(list(DataLoader(dataset, batch_size=16)), through_pillow(dataset, batch_size=16))

    @pytest.mark.parametrize("options", [{"size": -1}, {"seed": -1}])
    def test_refuses(self, options):
        with pytest.raises(ValueError, match=r"\[DrawnFashion\]"):
            DrawnFashion(**options)
