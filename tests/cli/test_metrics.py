"""Accuracy, confusion and the figures of each class."""

import numpy as np
import pytest

import facula
from facula import nn
from facula.cli.metrics import Evaluation, evaluate, per_class, per_class_table


def batches(*sizes):
    """Logits as images for an identity model: 0, 1, 2, 0, 1, ... is predicted, 0, 0, 1, 1, ... is actual."""
    start = 0
    for count in sizes:
        index = np.arange(start, start + count)
        yield facula.from_numpy(np.eye(3, dtype=np.float32)[index % 3]), facula.from_numpy(index // 2 % 3)
        start += count


def test_evaluate_counts_over_batches():
    model = nn.Identity()
    result = evaluate(model, batches(4, 2), nn.CrossEntropyLoss(), 3, keep=2)
    # predicted 0 1 2 0 1 2, actual 0 0 1 1 2 2
    assert result.confusion.tolist() == [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    assert result.images == 6
    assert result.accuracy == pytest.approx(2 / 6)
    assert result.first == [(0, 0), (1, 0)]
    assert not model.training
    right, wrong = np.log(np.e + 2) - 1, np.log(np.e + 2)
    assert result.loss == pytest.approx((2 * right + 4 * wrong) / 6, rel=1e-6)


def test_evaluate_reports_and_can_be_stopped():
    seen = []

    def after_batch(images, loss, accuracy):
        seen.append((images, accuracy))
        return len(seen) == 2

    assert evaluate(nn.Identity(), batches(2, 2, 2), nn.CrossEntropyLoss(), 3, after_batch) is None
    assert seen == [(2, 0.5), (2, 0.25)]


def test_per_class_by_hand():
    first, second, third = per_class(np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), ["a", "b", "c"])
    assert first == {"class": "a", "precision": 6 / 7, "recall": 0.75, "f1": pytest.approx(0.8), "support": 8}
    assert second["precision"] == pytest.approx(0.6)
    assert second["f1"] == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert third == {"class": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_table_ends_with_the_mean():
    table = per_class_table(Evaluation(0.0, np.array([[3, 1], [0, 4]]), []), ["boot", "bag"])
    lines = table.splitlines()
    assert lines[2].split() == ["boot", "100.0", "%", "75.0", "%", "85.7", "%", "4"]
    assert lines[-1].split() == ["mean", "90.0", "%", "87.5", "%", "87.3", "%", "8"]
