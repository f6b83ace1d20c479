"""Labelled grey-level pictures in memory, fetched one by one or a whole batch at a time."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..._tensor import Tensor, wrap
from ...utils.data.batch import row_numbers
from ..transforms.batch import BatchFunction, batch_function
from .vision import VisionDataset


class LabelledImages(VisionDataset):
    """Base of the data sets here. Sample i is (picture, class number).

    The picture is a Pillow image of mode L before the transforms. Pillow is not needed where the transforms
    are known ones that end in a tensor (`ToTensor`, `PILToTensor`, `Normalize`, `ConvertImageDtype` and a
    `Compose` of them): those work on the array at once, for one picture or for a batch, with the same result
    to the last bit.

    Attributes: `data` (uint8 tensor, shape (N, height, width)), `targets` (int64 tensor, shape (N,)),
    `classes` (the names), `class_to_idx`, `train`, and `drawn`: whether the pictures are drawings, not
    photographs.
    """

    data: Tensor
    targets: Tensor
    classes: ClassVar[list[str]]
    train: bool = True
    drawn: bool = False

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = self._known_image(index)
        if image is not None:
            target: Any = int(self.targets._array[index])
        else:
            # First the index, whose IndexError ends a plain `for` loop; then Pillow, which may be missing.
            picture, target = self.data[index].numpy(), int(self.targets[index])
            from PIL import Image

            image = Image.fromarray(picture)
            if self.transform is not None:
                image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __getitems__(self, indices: list[int]) -> list[tuple[Any, Any]]:
        batch = self._get_batch(indices)
        if batch is NotImplemented:
            return [self[index] for index in indices]
        images, labels = batch
        return [(wrap(image), label) for image, label in zip(images._array, labels.tolist(), strict=True)]

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    # ---- without going through Pillow ----------------------------------------------------------------------

    def _known_transform(self) -> BatchFunction | None:
        """The transform as a function of a stack; None unless everything is as this class knows it."""
        if type(self.data) is not Tensor or type(self.targets) is not Tensor:
            return None
        data, targets = self.data._array, self.targets._array
        if not (isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 3):
            return None
        if targets.dtype.kind not in "iu" or targets.shape != data.shape[:1]:
            return None
        return batch_function(self.transform)

    def _known_image(self, index: Any) -> Tensor | None:
        function = self._known_transform()
        if isinstance(index, np.integer):
            index = int(index)
        rows = None if function is None else row_numbers([index], len(self.data))
        if function is None or rows is None:
            return None
        return wrap(function(self.data._array[rows])[0])

    def _get_batch(self, indices: list[int]) -> Any:
        """A batch as the loader's default collation makes it of the samples, or NotImplemented."""
        kind = type(self)
        if kind.__getitem__ is not _OWN_METHODS[0] or kind.__getitems__ is not _OWN_METHODS[1]:
            return NotImplemented  # overridden or patched: it must be called
        function = self._known_transform() if self.target_transform is None else None
        rows = None if function is None else row_numbers(indices, len(self.data))
        if function is None or rows is None:
            return NotImplemented
        return [wrap(function(self.data._array[rows])), wrap(self.targets._array[rows].astype(np.int64))]


_OWN_METHODS = (LabelledImages.__getitem__, LabelledImages.__getitems__)
