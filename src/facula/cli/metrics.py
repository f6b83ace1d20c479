"""Counting right and wrong: accuracy, the confusion matrix and what follows from it class by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn, no_grad
from .console import percent, table

if TYPE_CHECKING:
    from .._tensor import Tensor


@dataclass
class Evaluation:
    """How a model did on some images.

    Attributes:
        loss: mean loss per image.
        confusion: int array (classes, classes); row = actual class, column = predicted class.
        first: predicted and actual class of the first few images.
    """

    loss: float
    confusion: np.ndarray
    first: list[tuple[int, int]]

    @property
    def images(self) -> int:
        """How many images were looked at."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The fraction predicted right."""
        return float(np.trace(self.confusion)) / max(self.images, 1)


def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss_function: Callable[[Tensor, Tensor], Tensor],
    classes: int,
    after_batch: Callable[[int, float, float], bool] = lambda images, loss, accuracy: False,
    keep: int = 10,
) -> Evaluation | None:
    """Run `model` over the batches without learning.

    Args:
        model: gives logits (N, classes); it is put in evaluation mode.
        batches: pairs of images and class numbers (N,).
        loss_function: mean loss of logits and class numbers.
        classes: how many classes there are.
        after_batch: called with the images in the batch, the mean loss and the accuracy so far; a true
            answer stops, and then the result is None.
        keep: of how many of the first images the single predictions are kept.
    """
    model.eval()
    confusion = np.zeros((classes, classes), dtype=np.int64)
    first: list[tuple[int, int]] = []
    loss_sum, seen = 0.0, 0
    with no_grad():
        for images, labels in batches:
            logits = model(images)
            loss_sum += loss_function(logits, labels).item() * len(labels)
            seen += len(labels)
            predicted, actual = logits.argmax(1).numpy(), labels.numpy()
            np.add.at(confusion, (actual, predicted), 1)
            first += zip(predicted.tolist(), actual.tolist(), strict=True)
            del first[keep:]
            if after_batch(len(labels), loss_sum / seen, float(np.trace(confusion)) / seen):
                return None
    return Evaluation(loss_sum / max(seen, 1), confusion, first)


def per_class(confusion: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class, from a confusion matrix (rows = actual).

    A ratio without anything in its denominator counts as 0.

    >>> per_class(np.array([[3, 1], [0, 4]]), ["a", "b"])[1]["precision"]
    0.8
    """
    right = np.diag(confusion).astype(float)
    support, guessed = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = right / np.maximum(guessed, 1)
    recall = right / np.maximum(support, 1)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return [
        {
            "class": name,
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(support[i]),
        }
        for i, name in enumerate(names)
    ]


def per_class_table(evaluation: Evaluation, names: Sequence[str]) -> str:
    """The table of `per_class` with the unweighted mean as the last row."""
    entries = per_class(evaluation.confusion, names)
    measures = ("precision", "recall", "f1")
    rows = [[e["class"], *(percent(e[m]) for m in measures), e["support"]] for e in entries]
    means = [percent(sum(e[m] for e in entries) / len(entries)) for m in measures]
    rows.append(["mean", *means, evaluation.images])
    return table(["class", "precision", "recall", "F1", "images"], rows, "lrrrr")
