"""Single operations, forward and backward, as tasks (see tasks.py for what a task is)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from timing import Run, median_seconds

COLUMNS = 512
TABLE = 10000  # rows of the embedding's table

# How many times the bytes of the float32 input an operation must move at least: each array that forward and
# backward take or give, once. The gradient that comes in is one of them. (The embedding adds its table: op_bytes.)
PASSES = {
    "softmax": 5.0,  # x, y; g, y, gx
    "cross-entropy": 3.0,  # x; x, gx
    "layer norm": 5.0,
    "batch norm": 5.0,
    "GELU (erf)": 5.0,  # x, y; g, x, gx
    "GELU (tanh)": 5.0,
    "ReLU": 5.0,
    "dropout": 4.5,  # x, y, mask; g, mask, gx
    "max-pool 2x2": 2.5,  # x, y; g, gx
    "embedding": 3.0,  # rows of the table, y; g
}


def op_bytes(name: str, rows: int) -> float:
    """The bytes that must be moved at least, forward and backward."""
    extra = TABLE * COLUMNS * 4.0 if name == "embedding" else 0.0  # the table's gradient is dense
    return PASSES[name] * rows * COLUMNS * 4.0 + extra


def op(torch: Any, library: str, name: str, rows: int, seconds: float) -> Run:
    """Seconds of one operation on rows x 512 numbers, forward and backward."""
    nn, F = torch.nn, torch.nn.functional
    rng = np.random.default_rng(0)
    shape: tuple[int, ...] = (rows, COLUMNS)
    if name == "batch norm":
        shape = (rows // 8, 64, 8, 8)  # as many numbers
    elif name == "max-pool 2x2":
        shape = (rows // 32, 16, 32, 32)
    labels = torch.from_numpy(rng.integers(0, COLUMNS, rows))
    indices = torch.from_numpy(rng.integers(0, TABLE, rows))
    if name == "embedding":
        shape = (TABLE, COLUMNS)
    x = torch.from_numpy(rng.standard_normal(shape, np.float32)).requires_grad_()
    norm = {"layer norm": lambda: nn.LayerNorm(COLUMNS), "batch norm": lambda: nn.BatchNorm2d(64)}
    layer = norm[name]() if name in norm else None
    forward: dict[str, Callable[[], Any]] = {
        "softmax": lambda: F.softmax(x, dim=-1),
        "cross-entropy": lambda: F.cross_entropy(x, labels),
        "layer norm": lambda: layer(x),
        "batch norm": lambda: layer(x),
        "GELU (erf)": lambda: F.gelu(x),
        "GELU (tanh)": lambda: F.gelu(x, approximate="tanh"),
        "ReLU": lambda: F.relu(x),
        "dropout": lambda: F.dropout(x, 0.1, training=True),
        "max-pool 2x2": lambda: F.max_pool2d(x, 2),
        "embedding": lambda: F.embedding(indices, x),
    }
    call = forward[name]
    out = call()
    g = torch.from_numpy(rng.standard_normal(tuple(out.shape), np.float32)) if out.dim() else None
    leaves = [x, *(layer.parameters() if layer is not None else ())]
    del out

    def once() -> None:
        for leaf in leaves:
            leaf.grad = None
        call().backward(g)

    return lambda: {"time": median_seconds(once, seconds)}
