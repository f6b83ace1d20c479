"""Pictures of batches: a grid of images, and saving it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._tensor import Tensor, wrap


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Lay images out in a grid: a tensor (3, height, width), or as many channels as the images have if not
    one.

    Arguments: `tensor`, a batch (count, channels, height, width), one image with or without channels, or a
    list of images of one size; `nrow` (8), images in a row; `padding` (2), pixels between them, of value
    `pad_value` (0); `normalize` (False) maps `value_range` (default: the smallest and largest value) to 0 to
    1, of all images together or of each for itself (`scale_each`, False). Raises TypeError for anything but
    tensors.

    >>> from facula import zeros
    >>> tuple(make_grid(zeros(5, 1, 28, 28), nrow=4).shape)
    (3, 62, 122)
    """
    parts = [tensor] if isinstance(tensor, Tensor) else list(tensor)
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"[make_grid] a tensor or a list of tensors is needed: got {type(part).__name__}")
    # A picture to look at: no gradient goes through it, so it is made with plain arrays.
    arrays = [part.detach().numpy() for part in parts]
    images = arrays[0] if isinstance(tensor, Tensor) else np.stack(arrays)
    if images.ndim == 2:
        images = images[None]
    if images.ndim == 3 and isinstance(tensor, Tensor):
        images = images[None]
    elif images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise ValueError(
            f"[make_grid] images must have 2 or 3 dimensions: got a batch of shape {images.shape}"
        )
    if images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(f"[make_grid] value_range must be a tuple (low, high): got {value_range!r}")
        images = (
            np.stack([_scaled(one, value_range) for one in images])
            if scale_each
            else _scaled(images, value_range)
        )
    if images.shape[0] == 1:
        return wrap(np.array(images[0]))
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = -(-count // columns)
    step_y, step_x = height + padding, width + padding
    grid = np.full((channels, rows * step_y + padding, columns * step_x + padding), pad_value, images.dtype)
    for place, image in enumerate(images):
        y, x = padding + place // columns * step_y, padding + place % columns * step_x
        grid[:, y : y + height, x : x + width] = image
    return wrap(grid)


def _scaled(images: np.ndarray, value_range: tuple[float, float] | None) -> np.ndarray:
    low, high = value_range if value_range is not None else (float(images.min()), float(images.max()))
    return (np.clip(images, low, high) - low) / max(high - low, 1e-5)


def save_image(
    tensor: Tensor | Sequence[Tensor], fp: str | os.PathLike | Any, format: str | None = None, **kwargs: Any
) -> None:
    """Save images from 0 to 1 as one picture file, laid out by `make_grid(tensor, **kwargs)`.

    `fp` is a path or an open file; `format` (default: from the path's ending) one of Pillow's.
    """
    from PIL import Image

    grid = make_grid(tensor, **kwargs).numpy()
    pixels = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    picture = np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    Image.fromarray(picture).save(fp, format=format)
