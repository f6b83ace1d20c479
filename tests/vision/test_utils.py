"""Grids of images."""

import io

import numpy as np
import pytest

import facula
from facula.vision.utils import make_grid, save_image


def test_layout():
    images = facula.arange(5).reshape(5, 1, 1, 1).expand(5, 1, 2, 3).to(facula.float32)
    grid = make_grid(images, nrow=3, padding=1, pad_value=9.0)
    assert tuple(grid.shape) == (3, 7, 13)
    assert grid[0].tolist() == grid[2].tolist()
    assert grid[0, 1].tolist() == [9, 0, 0, 0, 9, 1, 1, 1, 9, 2, 2, 2, 9]
    assert grid[0, 4].tolist() == [9, 3, 3, 3, 9, 4, 4, 4, 9, 9, 9, 9, 9]
    assert set(grid[0, 0].tolist()) == {9.0}


def test_one_image():
    assert tuple(make_grid(facula.ones(4, 5)).shape) == (3, 4, 5)
    assert tuple(make_grid(facula.ones(1, 4, 5)).shape) == (3, 4, 5)
    image = facula.ones(3, 4, 5)
    make_grid(image).fill_(0)
    assert image.sum() == 60


def test_lists():
    assert tuple(make_grid([facula.ones(3, 4, 5)] * 3, padding=0).shape) == (3, 4, 15)
    assert tuple(make_grid([facula.ones(4, 5)] * 3, padding=0).shape) == (3, 4, 15)


def test_normalize():
    images = facula.tensor([[0.0, 10.0], [20.0, 40.0]]).reshape(2, 1, 1, 2)
    together = make_grid(images, normalize=True, padding=0)
    assert together[0].tolist() == [[0.0, 0.25, 0.5, 1.0]]
    each = make_grid(images, normalize=True, scale_each=True, padding=0)
    assert each[0].tolist() == [[0.0, 1.0, 0.0, 1.0]]
    ranged = make_grid(images, normalize=True, value_range=(10, 20), padding=0)
    assert ranged[0].tolist() == [[0.0, 0.0, 1.0, 1.0]]
    with pytest.raises(TypeError, match="value_range"):
        make_grid(images, normalize=True, value_range=[0, 1])


@pytest.mark.parametrize("thing", [np.ones((1, 2, 2)), [1], "x"])
def test_refuses(thing):
    with pytest.raises(TypeError, match=r"\[make_grid\]"):
        make_grid(thing)


def test_save(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    image = facula.tensor([[0.0, 0.5], [1.0, 2.0]])
    save_image(image, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.mode == "RGB" and np.array(picture)[:, :, 0].tolist() == [[0, 128], [255, 255]]
    file = io.BytesIO()
    save_image(facula.ones(4, 3, 2, 2), file, format="png", nrow=2, padding=0)
    with Image.open(file) as picture:
        assert picture.size == (4, 4)
