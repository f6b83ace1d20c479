"""MNIST and Fashion-MNIST: sixty thousand training and ten thousand test pictures of 28 x 28 pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..._tensor import Tensor, wrap
from .garments import CLASSES
from .idx import IdxError, find_idx, read_idx
from .images import LabelledImages

# SHA-256 of the decompressed file by the MD5 of the archive (which torchvision publishes).
_CONTENT_SHA256 = {
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "25c81989df183df01b3e8a0aad5dffbe": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "bef4ecab320f06d8554ea6380940ec79": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "bb300cfdad3c16e7a12a480ee83cd310": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "f68b3c2dcbeaaa9fbdd348bbdeb94873": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "d53e105ee54ea40749a09fcbcd1e9432": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "9fb629c4189551a2d022fa330f9573f3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ec29112dd5afa0611ce80d1b7f02629c": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class MNIST(LabelledImages):
    """Handwritten digits (Y. LeCun, C. Cortes, C. Burges).

    Arguments: `root`, the folder that holds `MNIST/raw/*-ubyte` (raw or `.gz`); `train` (default True)
    selects the training or the test part; `transform` and `target_transform` (default None) are applied to
    each picture and label; `download` (default False) fetches the files that are missing, and nothing else.

    Raises RuntimeError when the files are not there, DownloadError (a RuntimeError) when they cannot be
    fetched, IdxError (a ValueError) naming the file and the rule when they are not what they should be.

    `FashionMNIST("data", train=False, transform=ToTensor())[0]` is a (1, 28, 28) float32 tensor and an int.
    """

    mirrors: ClassVar[Sequence[str]] = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ]
    resources: ClassVar[Sequence[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"  # names of torchvision's first versions; nothing is stored under them
    test_file = "test.pt"
    classes: ClassVar[list[str]] = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]
    image_size = (28, 28)

    def __init__(
        self,
        root: str | os.PathLike,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(
                f"Dataset not found. You can use download=True to download it (looked in {self.raw_folder})"
            )
        self.data, self.targets = self._load_data()

    @property
    def raw_folder(self) -> str:
        """Where the files are: `root/CLASS NAME/raw`."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """Where torchvision's first versions kept their own files; not used."""
        return os.path.join(self.root, type(self).__name__, "processed")

    def download(self) -> None:
        """Fetch the files that are not there, each from the first of `mirrors` that has it."""
        from .download import Resource, download  # brings in the whole of http and ssl

        resources = [Resource(name, md5, _CONTENT_SHA256.get(md5)) for name, md5 in self._archives()]
        download(resources, self.mirrors, self.raw_folder)

    def _archives(self) -> list[tuple[str, str]]:
        # some programs still put whole URLs into `resources`
        return [(name.rpartition("/")[2], md5) for name, md5 in self.resources]

    def _check_exists(self) -> bool:
        return all(find_idx(self.raw_folder, name.removesuffix(".gz")) for name, _ in self._archives())

    def _load_data(self) -> tuple[Tensor, Tensor]:
        part = "train" if self.train else "t10k"
        paths = [find_idx(self.raw_folder, f"{part}-{what}-ubyte") for what in ("images-idx3", "labels-idx1")]
        images_path, labels_path = (path if path is not None else Path() for path in paths)
        images = read_idx(images_path, ndim=3, dtype=np.uint8)
        labels = read_idx(labels_path, ndim=1, dtype=np.uint8)
        if images.shape[1:] != self.image_size:
            raise IdxError(
                f"[{type(self).__name__}] {images_path}: the pictures must be of size {self.image_size}: "
                f"got {images.shape[1:]}"
            )
        if len(images) != len(labels):
            raise IdxError(
                f"[{type(self).__name__}] {images_path} and {labels_path}: there must be as many "
                f"pictures as labels: "
                f"got {len(images)} and {len(labels)}"
            )
        if len(labels) and labels.max() >= len(self.classes):
            place = int(np.argmax(labels >= len(self.classes)))
            raise IdxError(
                f"[{type(self).__name__}] {labels_path}: labels must be from 0 to {len(self.classes) - 1}: "
                f"got {labels[place]} at place {place}"
            )
        return wrap(images), wrap(labels.astype(np.int64))


class FashionMNIST(MNIST):
    """Ten kinds of garment (Xiao, Rasul and Vollgraf 2017). Arguments and errors as in `MNIST`."""

    mirrors: ClassVar[Sequence[str]] = [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ]
    resources: ClassVar[Sequence[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = CLASSES
