"""Ten kinds of noisy 28x28 pattern in Fashion-MNIST's files: small, the same on every machine."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

TRAIN, TEST = 1300, 320


def write(folder: Path) -> None:
    """Write the four files under `folder/FashionMNIST/raw`."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    stream = np.random.RandomState(1234)  # its stream is frozen, whatever NumPy's version
    patterns = stream.randint(0, 2, (10, 7, 7)).repeat(4, axis=1).repeat(4, axis=2) * 160
    for prefix, count in (("train", TRAIN), ("t10k", TEST)):
        labels = stream.randint(0, 10, count)
        images = patterns[labels] + stream.randint(0, 96, (count, 28, 28))
        write_idx(raw / f"{prefix}-images-idx3-ubyte", images)
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", labels)


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())
