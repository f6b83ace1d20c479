"""Whole networks and optimizers as tasks (see tasks.py for what a task is)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import models
from timing import Run, median_seconds, peak_bytes

SECONDS = 0.3  # a run repeats short jobs until so much time is measured, and gives the median


def _images(torch: Any, batch: int, channels: int, size: int) -> Any:
    return torch.from_numpy(
        np.random.default_rng(0).standard_normal((batch, channels, size, size), np.float32)
    )


def _labels(torch: Any, batch: int, classes: int) -> Any:
    return torch.from_numpy(np.random.default_rng(1).integers(0, classes, batch))


def _measured(function: Callable[[], Any]) -> Run:
    return lambda: {"time": median_seconds(function, SECONDS)}


# ---- forward -----------------------------------------------------------------------------------------------


def _forward(torch: Any, model: Any, x: Any) -> Run:
    model.eval()

    def once() -> None:
        with torch.no_grad():
            model(x)

    return _measured(once)


def vgg_forward(torch: Any, library: str, batch: int, size: int) -> Run:
    """VGG-16's features in evaluation mode."""
    return _forward(torch, models.vgg16_features(torch), _images(torch, batch, 3, size))


def resnet_forward(torch: Any, library: str, batch: int, size: int) -> Run:
    """ResNet-18 in evaluation mode."""
    return _forward(torch, models.resnet18(torch), _images(torch, batch, 3, size))


# ---- backward of VGG's convolutions ------------------------------------------------------------------------


def vgg_backward(torch: Any, library: str, batch: int, size: int) -> Run:
    """Gradients of input and weight of every 3x3 layer of VGG-16 but the first, a layer at a time.

    The forward pass is not timed; one layer's arrays are there at a time.
    """
    noise = np.random.default_rng(0).standard_normal(1 << 20, np.float32)

    def run() -> dict[str, float]:
        total = 0.0
        known: dict[tuple[int, int, int], float] = {}
        for layer in models.vgg_layers(size)[1:]:
            if layer not in known:  # equal layers are measured once
                channels, out, side = layer
                conv = torch.nn.Conv2d(channels, out, 3, padding=1, bias=False)
                x = torch.from_numpy(np.resize(noise, (batch, channels, side, side)))
                g = torch.from_numpy(np.resize(noise, (batch, out, side, side)))
                x.requires_grad_()
                y = conv(x)

                def once(conv: Any = conv, x: Any = x, y: Any = y, g: Any = g) -> None:
                    x.grad = conv.weight.grad = None
                    y.backward(g, retain_graph=True)

                known[layer] = median_seconds(once, 0.0, warm=False)
            total += known[layer]
        return {"time": total}

    return run


# ---- training steps ----------------------------------------------------------------------------------------


def _training(torch: Any, job: str, **options: Any) -> Callable[[], None]:
    """One training step, as a function."""
    nn, optim = torch.nn, torch.optim
    loss_fn: Any = nn.CrossEntropyLoss()
    batch = options["batch"]
    if job == "mlp":
        model = models.mlp(torch)
        optimizer = getattr(optim, options["optimizer"])(model.parameters(), lr=1e-3)
        x, y = _images(torch, batch, 1, 28), _labels(torch, batch, 10)
    elif job == "mnist":
        model, loss_fn = models.mnist_cnn(torch), nn.functional.nll_loss
        optimizer = optim.SGD(model.parameters(), lr=1e-2)
        x, y = _images(torch, batch, 1, 28), _labels(torch, batch, 10)
    elif job == "resnet":
        model = models.resnet18(torch)
        optimizer = optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
        x, y = _images(torch, batch, 3, options["size"]), _labels(torch, batch, 1000)
    elif job == "gpt":
        model = models.gpt(torch, layers=options["layers"])
        optimizer = optim.AdamW(model.parameters(), lr=3e-4)
        x = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (batch, 256)))
        y = torch.from_numpy(np.random.default_rng(1).integers(0, 512, (batch, 256)))
    else:
        raise ValueError(f"no such job: {job}")

    def once() -> None:
        out = model(x)
        loss = loss_fn(out.view(-1, 512), y.view(-1)) if job == "gpt" else loss_fn(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.train()
    return once


def training_step(torch: Any, library: str, job: str, **options: Any) -> Run:
    """Seconds of one training step."""
    return _measured(_training(torch, job, **options))


def training_peak(torch: Any, library: str, job: str, steps: int, **options: Any) -> Run:
    """The largest resident memory of a process that trains for a few steps: for fresh processes."""
    once = _training(torch, job, **options)

    def run() -> dict[str, float]:
        for _ in range(steps):
            once()
        return {"peak": peak_bytes()}

    return run


def optimizer_step(torch: Any, library: str, optimizer: str, fused: bool, **options: Any) -> Run:
    """One step over forty parameters of ten million numbers; `fused` asks PyTorch for its fused kernel."""
    if fused and library == "torch":
        options["fused"] = True
    update = getattr(torch.optim, optimizer)(models.ten_million(torch), lr=1e-3, **options)
    return _measured(update.step)


# ---- the machine -------------------------------------------------------------------------------------------


def peak_flops(torch: Any, library: str, size: int) -> Run:
    """Floating-point operations a second of a large float32 product."""
    a, b = (_images(torch, 1, 1, size).view(size, size) for _ in range(2))

    def once() -> None:
        with torch.no_grad():
            a @ b

    return lambda: {"rate": 2.0 * size**3 / median_seconds(once, SECONDS)}


def peak_copy(torch: Any, library: str, megabytes: int) -> Run:
    """Bytes a second, read and written, of a large copy into memory that is there."""
    source = torch.from_numpy(np.ones(megabytes << 18, np.float32))
    target = torch.zeros_like(source)

    def once() -> None:
        with torch.no_grad():
            target.copy_(source)

    return lambda: {"rate": 2.0 * (megabytes << 20) / median_seconds(once, SECONDS)}
