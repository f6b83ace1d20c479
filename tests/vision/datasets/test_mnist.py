"""MNIST and FashionMNIST: torchvision's interface, and a clear error for every kind of bad file."""

import gzip
import os
import pathlib
import pickle

import numpy as np
import pytest

import facula
from facula.utils.data import DataLoader
from facula.vision.datasets import MNIST, FashionMNIST
from facula.vision.datasets.idx import IdxError, write_idx
from facula.vision.transforms import Compose, Lambda, Normalize, ToTensor

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
@pytest.mark.parametrize(("train", "prefix", "count"), [(True, "train", 50), (False, "t10k", 20)])
def test_reads_raw_and_compressed(root, arrays, kind, train, prefix, count):
    dataset = kind(root, train=train)
    assert len(dataset) == count and dataset.train is train
    assert dataset.data.dtype is facula.uint8 and tuple(dataset.data.shape) == (count, 28, 28)
    assert dataset.targets.dtype is facula.int64
    np.testing.assert_array_equal(dataset.data.numpy(), arrays[f"{prefix}-images-idx3-ubyte"])
    assert dataset.targets.tolist() == arrays[f"{prefix}-labels-idx1-ubyte"].tolist()
    dataset.data[0] = 0  # it is the user's own copy


def test_attributes(root):
    dataset = FashionMNIST(str(root))
    assert dataset.raw_folder == os.path.join(str(root), "FashionMNIST", "raw")
    assert dataset.processed_folder == os.path.join(str(root), "FashionMNIST", "processed")
    assert dataset.classes == [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    assert dataset.class_to_idx["Ankle boot"] == 9
    assert MNIST.classes[0] == "0 - zero" and MNIST(root).class_to_idx["9 - nine"] == 9
    assert dataset.training_file == "training.pt" and dataset.test_file == "test.pt"
    assert not dataset.drawn
    for kind in (MNIST, FashionMNIST):
        assert [name for name, md5 in kind.resources] == [f"{part}.gz" for part in (
            IMAGES, LABELS, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
        )]  # fmt: skip
        assert all(url.startswith("https://") and url.endswith("/") for url in kind.mirrors)
        assert all(len(md5) == 32 for _, md5 in kind.resources)


def test_samples(root, arrays):
    Image = pytest.importorskip("PIL.Image")
    dataset = FashionMNIST(root)
    image, label = dataset[7]
    assert isinstance(image, Image.Image) and image.mode == "L" and image.size == (28, 28)
    np.testing.assert_array_equal(np.array(image), arrays[IMAGES][7])
    assert type(label) is int and label == arrays[LABELS][7]
    assert dataset[-1][1] == arrays[LABELS][-1]
    assert dataset[facula.tensor(3)][1] == arrays[LABELS][3]
    with pytest.raises(IndexError):
        dataset[50]


def test_transforms(root, arrays):
    dataset = FashionMNIST(root, transform=ToTensor(), target_transform=lambda label: -label)
    image, label = dataset[2]
    assert image.dtype is facula.float32 and tuple(image.shape) == (1, 28, 28)
    assert label == -int(arrays[LABELS][2])
    np.testing.assert_array_equal(image[0].numpy(), arrays[IMAGES][2].astype(np.float32) / np.float32(255))
    with pytest.raises(IndexError):
        dataset[50]


def test_without_pillow_where_it_is_not_needed(root, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    dataset = FashionMNIST(root, transform=Compose([ToTensor(), Normalize(0.5, 0.5)]))
    assert dataset[0][0].shape == (1, 28, 28)
    assert len(list(DataLoader(dataset, batch_size=10))) == 5
    assert len(list(dataset)) == 50  # a plain loop ends with an IndexError
    assert dataset[np.int64(3)][1] == dataset[3][1]
    dataset.transform = None
    with pytest.raises(ImportError):
        dataset[0]


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_repr(root, kind):
    assert repr(FashionMNIST(kind(root), transform=ToTensor())) == (
        "Dataset FashionMNIST\n"
        "    Number of datapoints: 50\n"
        f"    Root location: {root}\n"
        "    Split: Train\n"
        "    StandardTransform\n"
        "Transform: ToTensor()"
    )
    assert repr(MNIST(kind(root), train=False)) == (
        f"Dataset MNIST\n    Number of datapoints: 20\n    Root location: {root}\n    Split: Test"
    )
    both = FashionMNIST(root, transform=Compose([ToTensor()]), target_transform=Lambda(str))
    assert repr(both).endswith(
        "    StandardTransform\n"
        "Transform: Compose(\n"
        "               ToTensor()\n"
        "           )\n"
        "Target transform: Lambda()"
    )


def test_home_is_expanded(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.setenv("USERPROFILE", str(root.parent))
    assert len(FashionMNIST("~/data")) == 50


def test_pickles(root):
    dataset = pickle.loads(pickle.dumps(FashionMNIST(root, transform=ToTensor())))
    assert len(dataset) == 50 and dataset[0][0].shape == (1, 28, 28)


def test_not_found(tmp_path):
    with pytest.raises(RuntimeError, match=r"Dataset not found\. You can use download=True to download it"):
        FashionMNIST(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_file_missing(root):
    (root / "FashionMNIST" / "raw" / LABELS).unlink()
    with pytest.raises(RuntimeError, match="Dataset not found"):
        FashionMNIST(root, train=False)


def spoil(root, name, array):
    write_idx(root / "FashionMNIST" / "raw" / name, array)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        (IMAGES, np.zeros((49, 28, 28), np.uint8), ("as many pictures as labels", "49 and 50")),
        (IMAGES, np.zeros((50, 28, 27), np.uint8), ("(28, 28)", "got (28, 27)")),
        (IMAGES, np.zeros((50, 784), np.uint8), ("dimensions must be 3", "got 2")),
        (IMAGES, np.zeros((50, 28, 28), np.float32), ("must be uint8", "got float32")),
        (LABELS, np.zeros((50, 1), np.uint8), ("dimensions must be 1", "got 2")),
        (LABELS, np.zeros(50, np.int32), ("must be uint8", "got int32")),
        (LABELS, np.full(50, 10, np.uint8), ("from 0 to 9", "got 10 at place 0")),
        (LABELS, np.arange(50).astype(np.uint8), ("from 0 to 9", "got 10 at place 10")),
    ],
)
def test_bad_files(root, name, array, words):
    spoil(root, name, array)
    with pytest.raises(IdxError) as caught:
        FashionMNIST(root)
    for word in (name, *words):
        assert word in str(caught.value)


def test_images_and_labels_swapped(root):
    folder = root / "FashionMNIST" / "raw"
    (folder / IMAGES).rename(folder / "x")
    (folder / LABELS).rename(folder / IMAGES)
    (folder / "x").rename(folder / LABELS)
    with pytest.raises(IdxError, match=IMAGES):
        FashionMNIST(root)


@pytest.mark.parametrize("lost", [1, 1000, 39_200])
def test_truncated(root, lost):
    path = root / "FashionMNIST" / "raw" / IMAGES
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(IdxError, match="got only"):
        FashionMNIST(root)


def test_download(Tiny, server, tmp_path, arrays):
    dataset = Tiny(tmp_path / "new", download=True)
    assert len(dataset) == 50
    np.testing.assert_array_equal(dataset.data.numpy(), arrays[IMAGES])
    assert len(server.paths) == 4
    again = Tiny(tmp_path / "new", train=False, download=True)
    assert len(again) == 20 and len(server.paths) == 4  # nothing is fetched twice


def test_download_of_what_is_missing_only(Tiny, server, tmp_path):
    Tiny(tmp_path, download=True)
    (tmp_path / "Tiny" / "raw" / LABELS).unlink()
    server.paths.clear()
    Tiny(tmp_path, download=True)
    assert server.paths == [f"/{LABELS}.gz"]


def test_download_is_silent_when_all_is_there(root, capfd):
    FashionMNIST(root, download=True)
    assert capfd.readouterr() == ("", "")


def test_download_refuses_another_file(Tiny, server, tmp_path):
    server.files[IMAGES + ".gz"] = gzip.compress(b"something else")
    with pytest.raises(RuntimeError, match="MD5"):
        Tiny(tmp_path, download=True)


def test_known_checksums_cover_the_contents():
    from facula.vision.datasets.mnist import _CONTENT_SHA256

    for kind in (MNIST, FashionMNIST):
        assert all(len(_CONTENT_SHA256[md5]) == 64 for _, md5 in kind.resources)


@pytest.mark.skipif("FACULA_DATA" not in os.environ, reason="FACULA_DATA does not name the real data")
def test_the_real_files():
    import hashlib

    from facula.vision.datasets.mnist import _CONTENT_SHA256

    root = os.environ["FACULA_DATA"]
    train, test = FashionMNIST(root), FashionMNIST(root, train=False)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert np.bincount(train.targets.numpy()).tolist() == [6000] * 10
    assert train.targets[:5].tolist() == [9, 0, 0, 3, 0]
    for name, md5 in FashionMNIST.resources:
        path = pathlib.Path(train.raw_folder, name.removesuffix(".gz"))
        if path.exists():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == _CONTENT_SHA256[md5]
