"""The pictures of a training: its learning curves and its confusion matrix."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .console import warn
from .runs import Run

CURVES, CONFUSION = "curves.png", "confusion.png"

_TRAIN, _VALIDATION, _INK = "#3b6fb6", "#d9822b", "#333333"


def draw_all(
    run: Run,
    title: str,
    tested: str,
    rows: Sequence[Mapping[str, Any]],
    confusion: np.ndarray,
    names: Sequence[str],
) -> list[str]:
    """Draw both pictures into the run's folder and return their names; none when matplotlib is missing.

    Args:
        run: whose folder.
        title, tested: what stands above the learning curves and above the confusion matrix.
        rows: the epochs as in `results.csv`.
        confusion: int array (classes, classes), rows = actual.
        names: of the classes.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        warn("no pictures: matplotlib is not installed (pip install matplotlib)")
        return []
    if rows:
        _write(run, CURVES, _curves(title, rows))
    _write(run, CONFUSION, _confusion(tested, confusion, names))
    return [CURVES, CONFUSION] if rows else [CONFUSION]


def _figure(width: float, height: float) -> Any:
    """A figure of its own, without pyplot: no window, and no traces in the caller's figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _write(run: Run, name: str, figure: Any) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=130)
    run.write_bytes(name, picture.getvalue())


def _curves(title: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Loss and accuracy by epoch, side by side."""
    figure = _figure(9, 3.8)
    figure.suptitle(title, fontsize=11, color=_INK)
    epochs = [row["epoch"] for row in rows]
    panels = (("loss", "loss", 1.0), ("accuracy", "accuracy (%)", 100.0))
    for axes, (key, label, factor) in zip(figure.subplots(1, 2), panels, strict=True):
        for part, colour in (("train", _TRAIN), ("validation", _VALIDATION)):
            values = [row[f"{part}_{key}"] for row in rows]
            if "" not in values:  # no validation part
                axes.plot(epochs, [factor * v for v in values], color=colour, marker="o", ms=4, label=part)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def _confusion(title: str, confusion: np.ndarray, names: Sequence[str]) -> Any:
    """How often each class was taken for each other, in per cent of the actual class."""
    figure = _figure(7.4, 6.6)
    axes = figure.subplots()
    share = 100 * confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(share):
        if confusion[row, column]:
            text = f"{value:.0f}" if value >= 1 else "<1"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=8, color="white" if value > 55 else _INK
            )
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(title, fontsize=11, color=_INK)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.8, label="% of the actual class")
    return figure
