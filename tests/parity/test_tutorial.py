"""The tutorial's training beside PyTorch: the same seed gives the same weights, so the same losses."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - after importorskip
from facula.vision import datasets, transforms  # noqa: E402

BATCHES, BATCH_SIZE, SEED = 100, 64, 0
MAKE = Path(__file__).parents[1] / "tutorial" / "made_data.py"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.environ.get("FACULA_DATA"):
        return Path(os.environ["FACULA_DATA"])
    folder = tmp_path_factory.mktemp("made")
    runpy.run_path(str(MAKE))["write"](folder)
    return folder


def read_idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8, offset=header)


def pytorch_batches(root: Path):
    """What torchvision's FashionMNIST, ToTensor and a DataLoader without shuffling give."""
    raw = root / "FashionMNIST" / "raw"
    images = read_idx(raw / "train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    labels = read_idx(raw / "train-labels-idx1-ubyte", 8)
    while True:
        for start in range(0, len(labels), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            yield torch.tensor(images[part]).float().div(255), torch.tensor(labels[part]).long()


def facula_batches(root: Path):
    data = datasets.FashionMNIST(str(root), train=True, transform=transforms.ToTensor())
    while True:
        yield from facula.utils.data.DataLoader(data, batch_size=BATCH_SIZE)


def losses(library, batches, final_relu: bool) -> list[float]:
    nn = library.nn
    library.manual_seed(SEED)
    layers = [
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10),
    ]  # fmt: skip
    model = nn.Sequential(*layers, *([nn.ReLU()] if final_relu else []))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = library.optim.SGD(model.parameters(), lr=1e-3)
    values = []
    for _, (X, y) in zip(range(BATCHES), batches, strict=False):
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        values.append(loss.item())
    return values


@pytest.mark.parametrize("final_relu", [False, True])
def test_the_first_hundred_losses(root: Path, final_relu: bool) -> None:
    ours = losses(facula, facula_batches(root), final_relu)
    theirs = losses(torch, pytorch_batches(root), final_relu)
    assert len(ours) == BATCHES
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
