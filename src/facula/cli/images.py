"""Making a picture of any kind look like an image of the data set: 28x28, grey, light on dark."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CommandError

SIZE = 28

#: Border brighter than this (0 to 1) means dark on light.
BRIGHT = 0.5


@dataclass
class Picture:
    """A picture as the model sees it.

    Attributes:
        pixels: float32 array (28, 28) from 0 (background) to 1.
        description: size and kind of the file, for people.
        inverted: whether light and dark were swapped.
    """

    pixels: np.ndarray
    description: str
    inverted: bool


def read_picture(path: str, invert: str = "auto") -> Picture:
    """Read a picture file and make it 28x28.

    Colour becomes grey, 16 bits become 8, what is transparent becomes background, and a picture that is not
    square is widened with its border's brightness before it is scaled down.

    Args:
        path: any file that Pillow reads; of an animation the first picture.
        invert: `yes`, `no`, or `auto`: swap light and dark when the border is bright, because the data sets
            show light things on black.

    Raises:
        CommandError: missing file, no picture, or Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise CommandError("reading pictures needs Pillow: pip install pillow") from None
    if not Path(path).is_file():
        raise CommandError("there is no such file")
    try:
        with warnings.catch_warnings():
            # A picture of that many pixels is refused below like any other that cannot be read.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                description = f"{file.width}x{file.height} {file.mode} {file.format}"
                file.load()
                grey = _grey(ImageOps.exif_transpose(file))
    except MemoryError:
        raise CommandError("the picture does not fit into memory") from None
    except Exception as error:  # each of Pillow's readers fails in its own ways on damaged files
        text = (
            "it is no picture that Pillow knows"
            if "cannot identify" in str(error)
            else " ".join(str(error).split())
        )
        raise CommandError(text or type(error).__name__) from error
    border = _border(grey)
    inverted = invert == "yes" or (invert == "auto" and border > BRIGHT)
    pixels = _fit(grey, border)
    return Picture((1 - pixels if inverted else pixels).astype(np.float32), description, inverted)


def _grey(picture: Any) -> np.ndarray:
    """Brightness of each pixel, float from 0 to 1."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        values = np.asarray(picture).astype(np.float64)
        if values.size and not np.isfinite(values).all():
            raise ValueError("it has pixels that are no numbers")
        # Files of more than 8 bits rarely say what white is: the smallest usual scale that holds all of them.
        top = float(values.max())
        white = next((scale for scale in (1.0, 255.0, 65535.0) if top <= scale), top)
        white = 65535.0 if picture.mode.startswith("I;16") else white
        return np.clip(values / white, 0, 1)
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        return _flatten(np.asarray(picture.convert("RGBA").convert("LA"), dtype=np.float64) / 255)
    if picture.mode not in ("L", "RGB", "1"):
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("L"), dtype=np.float64) / 255


def _flatten(layers: np.ndarray) -> np.ndarray:
    """Put (height, width, 2) brightness and opacity on a background that what is shown stands out from."""
    brightness, opacity = layers[..., 0], layers[..., 1]
    shown = opacity.sum()
    background = 1.0 if shown and (brightness * opacity).sum() / shown < 0.5 else 0.0
    return brightness * opacity + background * (1 - opacity)


def _border(grey: np.ndarray) -> float:
    """The brightness of the picture's edge: its median, which a corner or a strap does not change."""
    return float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def _fit(grey: np.ndarray, border: float) -> np.ndarray:
    """Centre on a square of the border's brightness and scale to 28x28; 28x28 stays exactly as it is."""
    height, width = grey.shape
    if (height, width) == (SIZE, SIZE):
        return grey
    from PIL import Image

    side = max(height, width)
    # Scale first, widen then: a strip of a million pixels by one must not become a square of that side.
    scaled = (max(1, round(width * SIZE / side)), max(1, round(height * SIZE / side)))
    small = Image.fromarray(grey.astype(np.float32)).resize(scaled, Image.Resampling.LANCZOS)
    square = np.full((SIZE, SIZE), border)
    top, left = (SIZE - scaled[1]) // 2, (SIZE - scaled[0]) // 2
    square[top : top + scaled[1], left : left + scaled[0]] = np.asarray(small)
    return np.clip(square, 0, 1)
