"""Byte images to float, a batch at a time, against the operations done one by one."""

from __future__ import annotations

import numpy as np
import pytest

from facula.kernels import cpu

pytestmark = pytest.mark.usefixtures("isa")


def one_by_one(images, indices, mean, std):
    chosen = images if indices is None else images[indices]
    chosen = chosen[:, None] if images.ndim == 3 else chosen.transpose(0, 3, 1, 2)
    value = chosen.astype(np.float32) / np.float32(255)
    if mean:
        column = (-1, 1, 1)
        value = value - np.float32(mean).reshape(column)
        value = value / np.float32(std).reshape(column)
    return value


SHAPES = [(7, 28, 28), (5, 3, 3), (300, 9, 1), (4, 6, 5, 3), (4, 6, 5, 1), (3, 0, 4), (0, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("normalize", ["no", "one", "each"])
@pytest.mark.parametrize("gather", [True, False])
def test_exactly_the_operations_one_by_one(shape, normalize, gather, threads, rng):
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    channels = shape[3] if len(shape) == 4 else 1
    count = {"no": 0, "one": 1, "each": channels}[normalize]
    mean, std = rng.random(count).tolist(), (rng.random(count) + 0.1).tolist()
    indices = rng.integers(0, shape[0], 11) if gather and shape[0] else None
    got = cpu.images_to_float(images, indices, mean, std)
    expected = one_by_one(images, indices, mean, std)
    assert got.dtype == np.float32 and got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


def test_every_byte_divides_exactly():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    np.testing.assert_array_equal(
        cpu.images_to_float(images).ravel(), np.arange(256, dtype=np.float32) / np.float32(255)
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros((2, 3, 3)),),
        (np.zeros((2, 3), np.uint8),),
        (np.zeros((2, 3, 4), np.uint8).T,),
        (np.zeros((2, 3, 3), np.uint8), np.array([2])),
        (np.zeros((2, 3, 3), np.uint8), np.array([-1])),
        (np.zeros((2, 3, 3), np.uint8), [0, 1]),
        (np.zeros((2, 3, 3), np.uint8), None, [0.5, 0.5], [1.0, 1.0]),
        (np.zeros((2, 3, 3), np.uint8), None, [0.5], []),
    ],
    ids=["dtype", "dimensions", "strides", "index too large", "negative", "list", "channels", "no deviation"],
)
def test_declined(arguments):
    assert cpu.images_to_float(*arguments) is NotImplemented
