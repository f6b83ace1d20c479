"""What is measured; the program is the same for both libraries.

Each task takes a library (`torch` is facula or PyTorch) and returns a function that runs it once and gives
what it measured, by name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import models
from timing import Run, peak_bytes

# ---- the data ----------------------------------------------------------------------------------------------


def _arrays(train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 28, 28] and labels [n]: real where FACULA_DATA has them, else drawn."""
    folder = os.environ.get("FACULA_DATA")
    if folder:
        stem = Path(folder) / "FashionMNIST" / "raw" / ("train" if train else "t10k")
        images = np.fromfile(f"{stem}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 28, 28)
        return images, np.fromfile(f"{stem}-labels-idx1-ubyte", np.uint8)[8:].astype(np.int64)
    from facula.vision.datasets import DrawnFashion

    drawn = DrawnFashion(train=train)
    return np.asarray(drawn.data), np.asarray(drawn.targets)


def _torch_dataset(torch: Any, train: bool) -> Any:
    """A Dataset that does for each sample what torchvision's FashionMNIST with ToTensor does.

    An image object is made of the bytes, and turned into a float tensor, channels first, divided by 255.
    """
    from PIL import Image

    images, labels = _arrays(train)

    class FashionMNIST(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.data, self.targets = torch.from_numpy(images.copy()), torch.from_numpy(labels.copy())

        def __len__(self) -> int:
            return len(self.data)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            picture, target = Image.fromarray(self.data[index].numpy()), int(self.targets[index])
            pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
            pixels = pixels.view(picture.size[1], picture.size[0], len(picture.getbands()))
            return pixels.permute((2, 0, 1)).contiguous().to(dtype=torch.get_default_dtype()).div(255), target

    return FashionMNIST()


def _dataset(torch: Any, library: str, train: bool) -> Any:
    if library == "torch":
        return _torch_dataset(torch, train)
    from facula.vision import datasets
    from facula.vision.transforms import ToTensor

    folder = os.environ.get("FACULA_DATA")
    if folder:
        return datasets.FashionMNIST(root=folder, train=train, download=False, transform=ToTensor())
    return datasets.DrawnFashion(train=train, transform=ToTensor())


# ---- the tutorial's program --------------------------------------------------------------------------------


def epoch(torch: Any, library: str, batches: int | None = None) -> Run:
    """One epoch of the tutorial: its DataLoaders, transforms, training loop and test loop."""
    data = {train: _dataset(torch, library, train) for train in (True, False)}
    if batches is not None:
        data = {train: torch.utils.data.Subset(d, range(64 * batches)) for train, d in data.items()}
    train_loader, test_loader = (
        torch.utils.data.DataLoader(data[train], batch_size=64) for train in (True, False)
    )
    model, loss_fn = models.mlp(torch), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def train_loop() -> None:
        size = len(train_loader.dataset)
        for batch, (x, y) in enumerate(train_loader):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if batch % 100 == 0:
                print(f"loss: {loss.item():>7f}  [{batch * len(x):>5d}/{size:>5d}]")

    def test_loop() -> None:
        size = len(test_loader.dataset)
        test_loss, correct = 0.0, 0.0
        with torch.no_grad():
            for x, y in test_loader:
                pred = model(x)
                test_loss += loss_fn(pred, y).item()
                correct += (pred.argmax(1) == y).type(torch.float).sum().item()
        print(f"Test Error: Accuracy: {100 * correct / size:>0.1f}%, Avg loss: {test_loss / size:>8f}")

    def run() -> dict[str, float]:
        start = time.perf_counter()
        train_loop()
        middle = time.perf_counter()
        test_loop()
        end = time.perf_counter()
        return {"epoch": end - start, "train": middle - start, "test": end - middle, "peak": peak_bytes()}

    return run


def loading(torch: Any, library: str, batches: int | None = None) -> Run:
    """The training part's DataLoader alone, read to its end."""
    data = _dataset(torch, library, True)
    if batches is not None:
        data = torch.utils.data.Subset(data, range(64 * batches))
    loader = torch.utils.data.DataLoader(data, batch_size=64)

    def run() -> dict[str, float]:
        start = time.perf_counter()
        for _ in loader:
            pass
        return {"loading": time.perf_counter() - start}

    return run


# ---- parts -------------------------------------------------------------------------------------------------


def _each(function: Callable[[], Any], count: int) -> float:
    """Median seconds of one call."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def tiny_ops(torch: Any, library: str, calls: int = 200) -> Run:
    """Twenty operations on sixteen elements: what a call costs, not what it computes."""
    rng = np.random.default_rng(0)
    x, a, b = (torch.from_numpy(rng.random(16, np.float32)) for _ in range(3))
    x.requires_grad_()

    def chain() -> Any:
        y = x
        for _ in range(5):
            y = y * a
            y = y + b
            y = torch.tanh(y)
            y = y - 0.5
        return y

    def forward() -> None:
        with torch.no_grad():
            chain()

    def both() -> None:
        x.grad = None
        chain().sum().backward()

    return lambda: {"forward": _each(forward, calls), "both": _each(both, calls)}
