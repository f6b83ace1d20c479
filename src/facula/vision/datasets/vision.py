"""What image data sets have in common: a root folder, transforms, and how they print."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ...utils.data import Dataset


class VisionDataset(Dataset):
    """Base of image data sets.

    Arguments: `root` (a folder, `~` is expanded; None if nothing is on disk); either `transforms`, a function
    of (image, target), or `transform` and `target_transform`, functions of one of them. Raises ValueError for
    both. Subclasses define `__getitem__` and `__len__`.
    """

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "[VisionDataset] transforms and transform or target_transform exclude each other"
            )
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"[VisionDataset] {type(self).__name__} must define __getitem__")

    def __len__(self) -> int:
        raise NotImplementedError(f"[VisionDataset] {type(self).__name__} must define __len__")

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        # Only the first line of the transforms is indented: torchvision prints it so.
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])

    def extra_repr(self) -> str:
        """More lines for the repr; for subclasses."""
        return ""


class StandardTransform:
    """`transform` for the image and `target_transform` for the target, as one function of both."""

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        lines = ["StandardTransform"]
        if self.transform is not None:
            lines += _indented("Transform: ", self.transform)
        if self.target_transform is not None:
            lines += _indented("Target transform: ", self.target_transform)
        return "\n".join(lines)


def _indented(head: str, transform: Callable) -> list[str]:
    first, *rest = repr(transform).splitlines() or [""]
    return [head + first, *(" " * len(head) + line for line in rest)]
