"""The pictures of a training."""

import numpy as np
import pytest

from facula.cli.plots import draw_all
from facula.cli.runs import Run

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def rows(validation):
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_loss": 1.1 / epoch if validation else "",
            "validation_accuracy": 1 - 0.6 / epoch if validation else "",
        }
        for epoch in range(1, 4)
    ]


@pytest.mark.parametrize("validation", [True, False])
def test_both_pictures_are_drawn(tmp_path, validation):
    import matplotlib.pyplot as plt

    drawn = draw_all(Run(tmp_path), "a", "b", rows(validation), np.diag([3, 0, 5]), ["x", "y", "z"])
    assert drawn == ["curves.png", "confusion.png"]
    for name in drawn:
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 300
            assert len(picture.convert("L").getcolors()) > 20
    assert plt.get_fignums() == []  # the caller's figures are left alone


def test_a_training_of_no_epoch_has_no_curves(tmp_path):
    assert draw_all(Run(tmp_path), "a", "b", [], np.eye(2, dtype=int), ["x", "y"]) == ["confusion.png"]
