"""The drawings: deterministic to the byte, varied, and different enough from class to class."""

import hashlib

import numpy as np
import pytest

from facula.vision.datasets import garments


def test_shapes_and_balance():
    pictures, labels = garments.draw_all(205, [1])
    assert pictures.shape == (205, 28, 28) and pictures.dtype == np.uint8
    assert labels.dtype == np.int64
    assert set(np.bincount(labels).tolist()) == {20, 21}
    assert labels.tolist() != sorted(labels)


def test_same_seed_same_bytes_everywhere():
    pictures, labels = garments.draw_all(1000, [2017, 0])
    digest = hashlib.sha256(pictures.tobytes() + labels.tobytes()).hexdigest()
    # If this fails after a change to the drawings, put the new value here: results on them are new ones.
    assert digest == "17ff37acb1d40e7a082a39863757c06f152e46de9199623ff7edf10450f2d2e7"


def test_other_seed_other_pictures():
    one, two = garments.draw(3, 20, [1]), garments.draw(3, 20, [2])
    assert (one != two).any(axis=(1, 2)).all()


def test_the_global_generators_are_not_touched():
    np.random.seed(0)
    state = np.random.get_state()[1].tolist()
    garments.draw_all(30, [1])
    assert np.random.get_state()[1].tolist() == state


def test_nothing_and_one():
    assert garments.draw_all(0, [1])[0].shape == (0, 28, 28)
    assert garments.draw_all(1, [1])[0].any()


@pytest.mark.parametrize("label", range(10))
def test_every_picture_shows_something_on_black(label):
    pictures = garments.draw(label, 300, [5])
    bright = (pictures > 20).mean(axis=(1, 2))
    assert bright.min() > 0.02 and bright.max() < 0.95
    assert (pictures[:, 0, 0] < 30).mean() > 0.95
    assert len({picture.tobytes() for picture in pictures}) == 300


def test_masks_stay_in_single_precision(monkeypatch):
    # double precision somewhere would double the time, and make the result depend on NumPy's promotion rules
    paint = garments.Canvas.paint

    def checked(self, mask, shade):
        assert mask.dtype == np.float32
        paint(self, mask, shade)
        assert self.ink.dtype == np.float32

    monkeypatch.setattr(garments.Canvas, "paint", checked)
    garments.draw_all(10, [1])


def test_classes_can_be_told_apart_but_not_at_a_glance():
    """Nearest class mean: far better than chance, far from perfect."""
    pictures, labels = garments.draw_all(3000, [7])
    flat = pictures.reshape(3000, -1).astype(np.float32)
    means = np.stack([flat[:2000][labels[:2000] == label].mean(axis=0) for label in range(10)])
    distances = ((flat[2000:, None] - means) ** 2).sum(axis=2)
    accuracy = (distances.argmin(axis=1) == labels[2000:]).mean()
    assert 0.5 < accuracy < 0.85
