"""Winograd's convolution against the definition in float64, for both tiles."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facula.kernels import cpu
from facula.ops.conv import conv, conv_input

native = cpu.native
pytestmark = pytest.mark.usefixtures("native")

BOUNDS = {2: 1e-6, 4: 5e-6}  # largest error over largest value


def winograd(x, w, bias=None, relu=False, padding=(1, 1), transposed=False, precise=False, tile=0):
    return native.winograd(x, w, bias, relu, padding, transposed, precise, tile)


def definition(x, w, bias=None, padding=(1, 1), transposed=False):
    x, w = x.astype(np.float64), w.astype(np.float64)
    ones = (1, 1)
    if not transposed:
        return conv.op.forward(x, w, bias, ones, padding, ones, 1)
    sizes = tuple(n + 2 - 2 * p for n, p in zip(x.shape[2:], padding, strict=True))
    result = conv_input.op.forward(x, w, (x.shape[0], w.shape[1], *sizes), ones, padding, ones, 1)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


def check(x, w, bias=None, relu=False, padding=(1, 1), transposed=False, tiles=(2, 4), exact=None):
    """Compares the tiles' results with the definition (`exact` is it without ReLU) and returns the last of them."""
    if exact is None:
        exact = definition(x, w, bias, padding, transposed)
    scale = np.abs(exact).max()
    exact = np.maximum(exact, 0) if relu else exact
    for tile in tiles:
        got = winograd(x, w, bias, relu, padding, transposed, tile=tile)
        assert got is not NotImplemented
        assert got.dtype == np.float32 and got.shape == exact.shape and got.flags.c_contiguous
        assert np.abs(got - exact).max() <= BOUNDS[tile] * scale
    return got


def arrays(rng, n, c, o, height, width, transposed=False):
    """Input, weight and bias; the input has no sign in half of its channels, as after a ReLU."""
    x = rng.standard_normal((n, c, height, width), np.float32)
    x[:, ::2] = np.abs(x[:, ::2])
    w = rng.standard_normal((c, o, 3, 3) if transposed else (o, c, 3, 3), np.float32)
    return x, w, rng.standard_normal(o, np.float32)


# Strips are of 6 or 12 outputs, panels of 8, 16 or 32 tiles, filters turned 64 channels at a time; blocks hold up to
# 208 tiles, and where there are more, 96. Tiles are 2 or 4 wide, so that most of these maps end within one.
SHAPES = [
    (1, 1, 1, 3, 3), (1, 2, 5, 4, 4), (2, 16, 12, 8, 8), (3, 7, 13, 7, 9), (1, 65, 6, 14, 14), (2, 130, 19, 5, 6),
    (1, 64, 64, 28, 28), (1, 5, 7, 1, 1), (1, 3, 4, 1, 30), (2, 4, 3, 57, 2), (1, 9, 14, 71, 63), (5, 3, 8, 40, 27),
    (1, 2, 3, 5, 500), (40, 6, 8, 9, 9),
]  # fmt: skip


@functools.cache
def sample(shape, padding, transposed):
    x, w, bias = arrays(np.random.default_rng(20), *shape, transposed=transposed)
    return x, w, bias, definition(x, w, None, padding, transposed)


@pytest.mark.parametrize("transposed", [False, True], ids=["forward", "transposed"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_the_definition(shape, transposed, threads, isa):
    x, w, bias, exact = sample(shape, (1, 1), transposed)
    check(x, w, transposed=transposed, exact=exact)
    check(x, w, bias, True, transposed=transposed, exact=exact + bias.reshape(-1, 1, 1))


@pytest.mark.parametrize("transposed", [False, True], ids=["forward", "transposed"])
@pytest.mark.parametrize("padding", [(0, 0), (0, 2), (2, 1), (2, 2)], ids=str)
def test_paddings(padding, transposed, isa):
    for size in (3, 4), (6, 5), (18, 33):
        x, w, bias, exact = sample((2, 5, 7, *size), padding, transposed)
        check(x, w, bias, False, padding, transposed, exact=exact + bias.reshape(-1, 1, 1))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_shape(data):
    def number(low, high):
        return data.draw(st.integers(low, high))

    transposed, relu = data.draw(st.booleans()), data.draw(st.booleans())
    padding = (number(0, 2), number(0, 2))
    least = [1 + 2 * p if transposed else 3 - 2 * p for p in padding]
    height, width = (max(number(1, 40), low, 1) for low in least)
    rng = np.random.default_rng(number(0, 99))
    x, w, bias = arrays(rng, number(1, 4), number(1, 40), number(1, 40), height, width, transposed)
    bias = bias if data.draw(st.booleans()) else None
    check(x, w, bias, relu, padding, transposed)


def test_many_channels_round_no_worse(isa, rng):
    x, w, bias = arrays(rng, 1, 512, 20, 14, 14)
    check(x, w, bias)
    check(x, w.swapaxes(0, 1), bias, transposed=True)


def test_the_result_does_not_depend_on_the_number_of_threads(rng):
    before = cpu.get_num_threads()
    for shape in (1, 40, 40, 28, 28), (1, 16, 16, 64, 64), (8, 20, 30, 33, 31):
        x, w, bias = arrays(rng, *shape)
        results = []
        for count in 1, 2, 3:
            cpu.set_num_threads(count)
            results.append(winograd(x, w, bias, tile=4))
        cpu.set_num_threads(before)
        assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


def test_results_are_the_same_for_changed_weights_and_back(rng):
    """Nothing may be kept of weights that change in place."""
    x, w, _ = arrays(rng, 1, 64, 64, 14, 14)
    first = check(x, w)
    alias = w.reshape(-1)[::-1]
    alias[::7] *= 2
    second = check(x, w)
    assert not np.allclose(first, second)
    alias[::7] /= 2
    np.testing.assert_array_equal(winograd(x, w, tile=4), first)


def test_arrays_of_any_strides_are_copied(rng):
    x, w, bias = arrays(rng, 2, 20, 20, 12, 13)
    wide = np.zeros((2, 20, 24, 26), np.float32)
    wide[:, :, ::2, ::2] = x
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    expected = check(x, w, bias)
    for other in wide[:, :, ::2, ::2], channels_last, x[:, :, ::-1].copy()[:, :, ::-1]:
        np.testing.assert_array_equal(winograd(other, w, bias, tile=4), expected)
    np.testing.assert_array_equal(
        winograd(x, w[::-1].copy()[::-1], np.repeat(bias, 2)[::2], tile=4), expected
    )
    turned = np.asfortranarray(w)
    np.testing.assert_array_equal(winograd(x, turned, bias, tile=4), expected)


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_is_left_to_the_definition(value, tile, isa, rng):
    """A tile would spread it over results that have nothing to do with it."""
    shape = (2, 8, 6, 13, 15)
    for place in (0, 0, 0, 0), (1, 7, 12, 14), (0, 3, 6, 7), (1, 2, 0, 14), (1, 0, 12, 3):
        x, w, bias = arrays(rng, *shape)
        x[place] = value
        assert winograd(x, w, bias, True, tile=tile) is NotImplemented
    x, w, bias = arrays(rng, *shape)
    w[3, 2, 1, 1] = value
    assert winograd(x, w, bias, True, tile=tile) is NotImplemented


def test_a_bias_that_is_not_finite_is_added_as_it_is(rng):
    x, w, bias = arrays(rng, 1, 8, 3, 9, 9)
    bias[:] = [np.nan, np.inf, -np.inf]
    got = winograd(x, w, bias, True, tile=4)
    assert np.isnan(got[:, 0]).all() and np.isposinf(got[:, 1]).all() and (got[:, 2] == 0).all()


@pytest.mark.parametrize("transposed", [False, True])
def test_the_choice_of_the_tile(transposed, rng):
    x, w, _ = arrays(rng, 1, 64, 64, 28, 28, transposed)
    large, precise = (winograd(x, w, transposed=transposed, tile=t) for t in (4, 2))
    np.testing.assert_array_equal(winograd(x, w, transposed=transposed), large)
    np.testing.assert_array_equal(winograd(x, w, transposed=transposed, precise=True), precise)
    x, w, _ = arrays(rng, 1, 64, 64, 7, 7, transposed)
    small = winograd(x, w, transposed=transposed, tile=2)
    np.testing.assert_array_equal(winograd(x, w, transposed=transposed), small)


@pytest.mark.parametrize(
    "shape", [(1, 3, 64, 32, 32), (4, 4, 4, 28, 28), (1, 64, 64, 2, 2), (8, 64, 1, 28, 28)], ids=str
)
def test_where_the_transforms_cost_more_than_they_save_it_declines(shape, rng):
    x, w, _ = arrays(rng, *shape)
    assert winograd(x, w) is winograd(x, w, precise=True) is NotImplemented


def test_what_does_not_fit_is_declined(rng):
    x, w, bias = arrays(rng, 2, 16, 16, 12, 12)
    assert winograd(x, w, bias, tile=4) is not NotImplemented
    for bad_x in x[:, :8], x[0], x.astype(np.float64), x[:0], x[:, :, :0], x.astype(">f4"), None:
        assert winograd(bad_x, w, bias, tile=4) is NotImplemented
    for bad_w in w[:, :8], w[..., :2], w[:, :, :1], w.astype(np.float64), w[:0], w[0], None:
        assert winograd(x, bad_w, None, tile=4) is NotImplemented
    for bad_bias in bias[:8], bias.astype(np.float64), bias[None], "text":
        assert winograd(x, w, bad_bias, tile=4) is NotImplemented
    for padding in (3, 1), (-1, 0), (1, 3):
        assert winograd(x, w, bias, padding=padding, tile=4) is NotImplemented
    assert winograd(x[:, :, :2], w, padding=(0, 1), tile=4) is NotImplemented  # no result at all
    assert winograd(x[:, :0], w[:, :0], tile=4) is NotImplemented
    assert winograd(x[:, :, :2, :2], w, padding=(2, 2), transposed=True, tile=4) is NotImplemented
