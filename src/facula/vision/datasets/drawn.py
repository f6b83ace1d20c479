"""`DrawnFashion`: a stand-in for Fashion-MNIST that needs no download, because the package draws it."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..._tensor import wrap
from .garments import CLASSES, draw_all
from .images import LabelledImages

SIZES = {True: 60_000, False: 10_000}


class DrawnFashion(LabelledImages):
    """Drawings (not photographs) of the ten kinds of garment of Fashion-MNIST, 28 x 28 pixels, grey.

    The same interface as `FashionMNIST`, the same classes in the same order, as many pictures of each.
    Results on it say nothing about results on Fashion-MNIST. A small fully connected network gets about 95 %
    of them right: as there, tops, pullovers, coats and shirts are easily mistaken for one another.

    Arguments: `root` is not used; `train` (default True) selects the part; `transform`, `target_transform` as
    in `FashionMNIST`; `size` (default 60 000 for training, 10 000 for test); `seed` (default 2017), of which
    the pictures are a function: the same bytes on every machine, whatever the global generators are doing.
    The two parts of one seed are independent. Drawing 60 000 takes a few seconds.

    Raises ValueError for a negative `size` or `seed`.

    >>> DrawnFashion(size=20)
    Dataset DrawnFashion
        Number of datapoints: 20
        Split: Train
        Drawn by the package, not photographed: seed 2017
    """

    classes = CLASSES
    drawn = True

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        size: int | None = None,
        seed: int = 2017,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        if size is not None and size < 0:
            raise ValueError(f"[DrawnFashion] size must not be negative: got {size}")
        if seed < 0:
            raise ValueError(f"[DrawnFashion] seed must not be negative: got {seed}")
        self.train = train
        self.seed = seed
        images, labels = draw_all(SIZES[bool(train)] if size is None else size, [seed, 0 if train else 1])
        self.data, self.targets = wrap(images), wrap(labels)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}\nDrawn by the package, not photographed: seed {self.seed}"
