"""Finding the images to learn from, and setting aside those to check with."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import warn
from .errors import CommandError, UsageError
from .recipes import HELD_OUT

if TYPE_CHECKING:
    from ..utils.data import Dataset

DATASETS = ("auto", "fashion-mnist", "mnist", "drawn")

TITLES = {
    "fashion-mnist": "Fashion-MNIST",
    "mnist": "MNIST",
    "drawn": "DrawnFashion (garments drawn by Facula itself, NOT Fashion-MNIST)",
}

#: The same images are held out whatever --seed says, so that runs can be compared.
SPLIT_SEED = 2026

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass
class Data:
    """The images of a training.

    Attributes:
        name: `fashion-mnist`, `mnist` or `drawn`.
        root: the folder they came from; None for drawn ones.
        classes: the classes' names.
        train, validation, test: data sets of (image (1, 28, 28) float, class number); validation may be None.
        digest: checksum of the training images and labels, to notice other data on resuming.
    """

    name: str
    root: str | None
    classes: list[str]
    train: Dataset
    validation: Dataset | None
    test: Dataset
    digest: str

    @property
    def title(self) -> str:
        """The name for people."""
        return TITLES[self.name]

    def describe(self) -> str:
        """What there is, in one line."""
        held = f"{size(self.validation)} validation" if self.validation is not None else "no validation part"
        place = f" in {self.root}" if self.root else ""
        return (
            f"{self.title}{place}: {size(self.train)} training images, {held}, {size(self.test)} test, "
            f"{len(self.classes)} classes"
        )


def size(dataset: Any) -> int:
    """How many samples a data set has (the type `Dataset` does not promise a length)."""
    return len(dataset)


def open_data(dataset: str, folder: str | None, validation: int | None, train_size: int | None) -> Data:
    """Open the data set called `dataset`, downloading it where that is needed and possible.

    `auto` means Fashion-MNIST, or DrawnFashion (with a loud warning) when there is no copy and no network.

    Args:
        dataset: one of DATASETS.
        folder: where `--data` says the data is; None looks at `$FACULA_DATA`, then at `./data`.
        validation: how many training images to hold out; None holds out a twelfth.
        train_size: use only that many training images; None uses all.

    Raises:
        CommandError: no data, damaged data, or fewer images than asked for.
    """
    name, root = _locate(dataset, folder)
    train, test = _open(name, root, train_size)
    digest = _digest(train)
    classes = list(train.classes)
    images: Dataset = train
    if train_size is not None and name != "drawn":
        images = _first(train, train_size)
    count = round(size(images) * HELD_OUT) if validation is None else validation
    if count >= size(images):
        raise CommandError(
            f"--validation {count} leaves nothing of {size(images)} images to train on: hold out fewer"
        )
    held: Dataset | None = None
    if count:
        from .. import Generator
        from ..utils.data import random_split

        split = [size(images) - count, count]
        images, held = random_split(images, split, generator=Generator().manual_seed(SPLIT_SEED))
    return Data(name, root, classes, images, held, test, digest)


def open_test_part(name: str, folder: str | None, train_size: int | None) -> tuple[Dataset, list[str]]:
    """The test part that a run was (or would have been) tested on, and the names of its classes."""
    found, root = _locate(name, folder)
    test = _dataset(found, root, train=False, count=_test_size(train_size) if found == "drawn" else None)
    return test, list(test.classes)


def _first(dataset: Any, count: int) -> Dataset:
    from ..utils.data import Subset

    if count > size(dataset):
        raise CommandError(
            f"--train-size {count} is more than the {size(dataset)} images there are: ask for fewer"
        )
    return Subset(dataset, range(count))


def _test_size(train_size: int | None) -> int | None:
    """Drawn test images come in the proportion of the real data set, 1 to 6."""
    return None if train_size is None else max(1, round(train_size / 6))


def _open(name: str, root: str | None, train_size: int | None) -> tuple[Any, Any]:
    if name == "drawn":
        train = _dataset(name, root, train=True, count=train_size)
        return train, _dataset(name, root, train=False, count=_test_size(train_size))
    return _dataset(name, root, train=True), _dataset(name, root, train=False)


def _dataset(name: str, root: str | None, train: bool, count: int | None = None) -> Any:
    from ..vision import datasets
    from ..vision.transforms import ToTensor

    if name == "drawn":
        return datasets.DrawnFashion(train=train, transform=ToTensor(), size=count)
    assert root is not None  # only drawn images come from nowhere
    kind = datasets.FashionMNIST if name == "fashion-mnist" else datasets.MNIST
    try:
        return kind(root, train=train, transform=ToTensor())
    except (ValueError, OSError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise CommandError(
            f"the {TITLES[name]} files in {root} cannot be used ({text}): delete that file to fetch it again"
        ) from error


def _folder_of(name: str) -> str:
    return {"fashion-mnist": "FashionMNIST", "mnist": "MNIST"}[name]


def _is_complete(root: str, name: str) -> bool:
    from ..vision.datasets.idx import find_idx

    raw = Path(root) / _folder_of(name) / "raw"
    return all(find_idx(raw, file) for file in _FILES)


def _candidates(folder: str | None) -> Sequence[str]:
    """Where the data may be; a folder the user named is the only one looked at."""
    if folder:
        return [folder]
    from_environment = os.environ.get("FACULA_DATA")
    return [from_environment, "data"] if from_environment else ["data"]


def _locate(dataset: str, folder: str | None) -> tuple[str, str | None]:
    """The data set to use and the folder it is in, after a download if there has to be one."""
    if dataset == "drawn":
        if folder:
            raise UsageError("drawn images come from no folder: leave out --data, or take another --dataset")
        return dataset, None
    name = "fashion-mnist" if dataset == "auto" else dataset
    places = _candidates(folder)
    for place in places:
        if _is_complete(place, name):
            return name, place
    try:
        _download(name, places[0])
    except (OSError, RuntimeError) as error:
        if dataset == "auto":
            _announce_fallback(places, str(error))
            return "drawn", None
        text = " ".join(str(error).split())
        raise CommandError(
            f"no {TITLES[name]} in {' or '.join(places)}, and it cannot be downloaded ({text}): "
            f"name its folder with --data, or take --dataset drawn"
        ) from error
    return name, places[0]


def _download(name: str, root: str) -> None:
    from ..vision import datasets

    warn(f"{TITLES[name]} is not in {root}: downloading it there")
    kind = datasets.FashionMNIST if name == "fashion-mnist" else datasets.MNIST
    kind(root, train=True, download=True)


def _announce_fallback(places: Sequence[str], reason: str) -> None:
    line = "!" * 78
    warn(line)
    warn(f"!! Fashion-MNIST is not in {' or '.join(places)} and cannot be downloaded:")
    for part in reason.splitlines():
        warn(f"!!   {part.strip()}")
    warn("!! Training on DrawnFashion instead: garments that Facula draws itself.")
    warn("!! Its accuracy says NOTHING about Fashion-MNIST. With the real files in a folder:")
    warn("!!   facula train --dataset fashion-mnist --data FOLDER")
    warn(line)


def _digest(dataset: Any) -> str:
    """Checksum of a data set's images and labels."""
    images, labels = dataset.data.numpy(), dataset.targets.numpy()
    return f"{zlib.crc32(labels.tobytes(), zlib.crc32(images.tobytes())):08x}"
