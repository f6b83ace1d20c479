"""Convolution kernels against the definitions of the ops in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import facula
from facula.kernels import conv as kernels
from facula.kernels import cpu
from facula.nn import functional as F
from facula.ops import conv as ops

native = cpu.native
pytestmark = pytest.mark.skipif(native is None, reason="no native kernels in this installation")

# (x, w, stride, padding, dilation, groups)
CASES = {
    # Products of unfolded windows: places around the width of a panel, channels around the height of a strip.
    "one place": ((1, 3, 3, 3), (5, 3, 3, 3), 1, 0, 1, 1),
    "lines of 15": ((2, 3, 9, 15), (6, 3, 3, 3), 1, 1, 1, 1),
    "lines of 16": ((1, 4, 5, 16), (7, 4, 3, 3), 1, 1, 1, 1),
    "lines of 17": ((1, 5, 4, 17), (13, 5, 3, 3), 1, 1, 1, 1),
    "long lines are cut": ((1, 2, 5, 700), (12, 2, 3, 3), 1, 1, 1, 1),
    "panels across images": ((9, 6, 5, 5), (8, 6, 3, 3), 1, 0, 1, 1),
    "several passes over k": ((2, 90, 8, 8), (20, 90, 3, 3), 1, 1, 1, 1),
    "read in place to the last number": ((1, 40, 6, 6), (6, 40, 1, 1), 1, 0, 1, 1),
    "stride 2": ((2, 6, 15, 14), (8, 6, 3, 3), 2, 1, 1, 1),
    "stride 2, few channels": ((1, 3, 40, 41), (16, 3, 7, 7), 2, 3, 1, 1),
    "stride 3, kernel 1": ((2, 4, 10, 11), (5, 4, 1, 1), 3, 0, 1, 1),
    "stride 3": ((2, 4, 20, 22), (5, 4, 5, 5), 3, 2, 1, 1),
    "stride 9": ((1, 2, 60, 95), (3, 2, 11, 11), 9, 5, 1, 1),
    "a kernel as large as the input": ((3, 2, 6, 7), (4, 2, 6, 7), 1, 0, 1, 1),
    "more padding than input": ((1, 2, 2, 2), (3, 2, 3, 3), 1, 4, 1, 1),
    "dilation": ((2, 5, 12, 13), (6, 5, 3, 3), 1, 2, 2, 1),
    "wide dilation": ((1, 3, 30, 30), (6, 3, 3, 3), 1, 12, 12, 1),
    "groups": ((2, 8, 7, 9), (12, 2, 3, 3), 1, 1, 1, 4),
    "grouped, strided": ((2, 6, 9, 9), (4, 3, 3, 3), 2, 1, 1, 2),
    "different sides": ((2, 3, 9, 14), (5, 3, 2, 4), (1, 2), (0, 3), (2, 1), 1),
    "1-d": ((3, 4, 33), (5, 4, 3), 1, 1, 1, 1),
    "1-d, strided": ((2, 3, 1000), (9, 3, 80), 4, 38, 1, 1),
    "1-d, dilated": ((2, 3, 50), (4, 3, 5), 1, 4, 3, 1),
    "3-d": ((2, 3, 5, 6, 7), (8, 3, 3, 3, 3), 1, 1, 1, 1),
    "3-d, strided": ((1, 2, 7, 6, 9), (5, 2, 3, 3, 3), 2, 1, 1, 1),
    "3-d, sides": ((1, 2, 7, 6, 9), (5, 2, 1, 3, 2), (1, 2, 3), (0, 1, 1), (1, 2, 1), 1),
    # One channel in each group.
    "depthwise 7x7": ((2, 9, 7, 7), (9, 1, 3, 3), 1, 1, 1, 9),
    "depthwise 14x13": ((1, 5, 14, 13), (5, 1, 5, 5), 1, 2, 1, 5),
    "depthwise, one line": ((1, 3, 1, 5), (3, 1, 3, 3), 1, 1, 1, 3),
    "depthwise, wide": ((1, 3, 40, 75), (3, 1, 3, 3), 1, 1, 1, 3),
    "depthwise, bands": ((1, 2, 130, 128), (2, 1, 3, 3), 1, 1, 1, 2),
    "depthwise, stride 2": ((2, 3, 23, 30), (3, 1, 3, 3), 2, 1, 1, 3),
    "depthwise, stride 2 in bands": ((1, 2, 270, 64), (2, 1, 3, 3), 2, 1, 1, 2),
    "depthwise, stride 3": ((1, 3, 23, 31), (3, 1, 5, 5), 3, 2, 1, 3),
    "depthwise, stride beyond the kernel": ((1, 3, 9, 10), (3, 1, 1, 2), 3, 0, 1, 3),
    "depthwise, dilated": ((1, 3, 20, 20), (3, 1, 3, 3), 1, 2, 2, 3),
    "depthwise, valid": ((1, 3, 10, 11), (3, 1, 3, 3), 1, 0, 1, 3),
    "depthwise, 2 filters each": ((2, 3, 9, 9), (6, 1, 3, 3), 1, 1, 1, 3),
    "depthwise 1-d": ((2, 6, 37), (6, 1, 4), 1, 2, 1, 6),
    "depthwise 3-d": ((1, 3, 5, 6, 7), (3, 1, 3, 3, 3), 1, 1, 1, 3),
    "depthwise 3-d, strided": ((1, 3, 5, 6, 17), (3, 1, 3, 3, 3), 2, 1, 1, 3),
    "one channel, 7 filters": ((3, 1, 12, 12), (7, 1, 3, 3), 1, 0, 1, 1),
    "one channel, many filters": ((3, 1, 12, 12), (20, 1, 3, 3), 1, 0, 1, 1),
}  # fmt: skip


def attributes(case: Any) -> tuple[Any, ...]:
    x, _, *numbers, groups = case
    return (*(n if isinstance(n, tuple) else (n,) * (len(x) - 2) for n in numbers), groups)


def check(got: Any, exact: Any, size: Any) -> None:
    """Within the rounding errors of float32 sums of numbers of that size."""
    assert got.dtype == np.float32 and got.flags.c_contiguous and got.shape == exact.shape
    np.testing.assert_array_less(np.abs(got - exact), 1e-6 * size + 1e-30)


def compare(x: Any, w: Any, b: Any, args: tuple[Any, ...]) -> None:
    """All that the kernels compute of a convolution, against the definitions."""
    wide = [None if a is None else a.astype(np.float64) for a in (x, w, b)]
    absolute = [None if a is None else np.abs(a) for a in wide]
    exact, size = ops.conv.op.forward(*wide, *args), ops.conv.op.forward(*absolute, *args)
    check(native.conv(x, w, b, *args), exact, size)
    check(native.conv(x, w, b, *args, True), np.maximum(exact, 0), size)
    g = np.random.default_rng(7).standard_normal(exact.shape, np.float32)
    exact = ops.conv_input.op.forward(g.astype(np.float64), wide[1], x.shape, *args)
    size = ops.conv_input.op.forward(np.abs(g).astype(np.float64), absolute[1], x.shape, *args)
    check(native.conv_input(g, w, x.shape, *args), exact, size)


@pytest.mark.parametrize("name", CASES)
def test_cases(name, threads, isa, rng):
    case = CASES[name]
    x, w = rng.standard_normal(case[0], np.float32), rng.standard_normal(case[1], np.float32)
    compare(x, w, rng.standard_normal(len(w), np.float32), attributes(case))


@st.composite
def convolutions(draw: Any) -> Any:
    dims = draw(st.integers(1, 3))
    kernel, stride, padding, dilation = (
        tuple(draw(st.lists(st.integers(low, high), min_size=dims, max_size=dims)))
        for low, high in ((1, 5), (1, 4), (0, 3), (1, 3))
    )
    sizes = tuple(draw(st.integers(1, (60, 25, 9)[dims - 1])) for _ in range(dims))
    assume(min(ops.out_sizes(sizes, kernel, stride, padding, dilation)) > 0)
    groups, batch = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    ins, outs = draw(st.integers(1, 9)), draw(st.integers(1, 14))
    x, w = (batch, ins * groups, *sizes), (outs * groups, ins, *kernel)
    return x, w, stride, padding, dilation, groups, draw(st.booleans())


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_any_shape(case):
    x_shape, w_shape, *args, with_bias = case
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal(x_shape, np.float32), rng.standard_normal(w_shape, np.float32)
    compare(x, w, rng.standard_normal(len(w), np.float32) if with_bias else None, tuple(args))


@pytest.mark.parametrize("name", ["several passes over k", "depthwise 7x7", "panels across images"])
def test_the_number_of_threads_changes_nothing(name, isa, rng):
    case = CASES[name]
    x, w = rng.standard_normal(case[0], np.float32), rng.standard_normal(case[1], np.float32)
    results = []
    before = cpu.get_num_threads()
    for count in (1, 2, 3):
        cpu.set_num_threads(count)
        y = native.conv(x, w, None, *attributes(case))
        results.append((y, native.conv_input(y, w, x.shape, *attributes(case))))
    cpu.set_num_threads(before)
    for y, dx in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(dx, results[0][1])


@pytest.mark.parametrize("x", [(0, 2, 5, 5), (3, 2, 5, 5)], ids=str)
@pytest.mark.parametrize("outs", [0, 4])
def test_nothing_to_compute(x, outs):
    args = ((1, 1), (0, 0), (1, 1), 1)
    w = np.ones((outs, 2, 3, 3), np.float32)
    y = native.conv(np.ones(x, np.float32), w, None, *args)
    assert y.shape == (x[0], outs, 3, 3) and (y == 18).all()
    dx = ops.conv_input(y, w, x, *args)
    assert dx.shape == x and (outs or not dx.any())


@pytest.mark.parametrize("name", ["lines of 17", "depthwise 7x7", "depthwise, wide", "stride 2"])
def test_any_strides_of_the_arrays(name, rng):
    case = CASES[name]
    x, w = rng.standard_normal(case[0], np.float32), rng.standard_normal(case[1], np.float32)
    args = attributes(case)
    y = native.conv(x, w, None, *args)
    spread = np.repeat(x, 2, -1)[..., ::2]
    turned = np.asfortranarray(w)
    assert not spread.flags.c_contiguous and not turned.flags.c_contiguous
    np.testing.assert_array_equal(native.conv(spread, turned, None, *args), y)
    dx = native.conv_input(y, w, x.shape, *args)
    np.testing.assert_array_equal(native.conv_input(np.asfortranarray(y), turned, x.shape, *args), dx)


@pytest.mark.parametrize("name", ["lines of 17", "panels across images", "depthwise 7x7", "depthwise, wide"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_windows(name, value, isa, rng):
    case = CASES[name]
    x, w = rng.standard_normal(case[0], np.float32), rng.standard_normal(case[1], np.float32)
    x[0, 0, 0, 2] = value
    args = attributes(case)
    exact = ops.conv.op.forward(x.astype(np.float64), w.astype(np.float64), None, *args)
    for relu in (False, True):
        y = native.conv(x, w, None, *args, relu)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))
        np.testing.assert_array_equal(y == np.inf, exact == np.inf)
        np.testing.assert_array_equal(y == -np.inf, (exact == -np.inf) & (not relu))


def test_declined():
    x, w, args = (
        np.ones((1, 2, 4, 4), np.float32),
        np.ones((3, 2, 3, 3), np.float32),
        ((1, 1), (0, 0), (1, 1), 1),
    )
    good = (x, w, None, *args)
    assert native.conv(*good) is not NotImplemented
    for place, bad in [
        (0, x.astype(np.float64)), (0, [x]), (0, x[0]), (0, x[:, :1]), (0, x[..., :2]), (1, w.astype(np.float64)),
        (1, None), (1, w[:, :, :, :0]), (2, np.ones(2, np.float32)), (2, np.ones(3)), (3, (1,)), (3, (0, 1)),
        (4, (-1, 0)), (4, None), (5, ("1", 1)), (6, 2),
    ]:  # fmt: skip
        arguments = list(good)
        arguments[place] = bad
        assert native.conv(*arguments) is NotImplemented, (place, bad)
    g = np.ones((1, 3, 2, 2), np.float32)
    assert native.conv_input(g, w, x.shape, *args) is not NotImplemented
    for shape in [(1, 2, 4, 5), (2, 2, 4, 4), (1, 2, 4), (1, 3, 4, 4), None, (1, 2, 4, -4)]:
        assert native.conv_input(g, w, shape, *args) is NotImplemented


def test_the_ops_use_the_kernels(rng):
    x, w = rng.standard_normal((2, 30, 8, 8), np.float32), rng.standard_normal((4, 30, 5, 5), np.float32)
    args = ((1, 1), (2, 2), (1, 1), 1)
    y = native.conv(x, w, None, *args)
    assert (y != ops.conv.op.forward(x, w, None, *args)).any()  # another order of adding up: it can be told
    np.testing.assert_array_equal(ops.conv(x, w, None, *args), y)
    np.testing.assert_array_equal(kernels.conv(x, w, None, *args), y)
    np.testing.assert_array_equal(ops.conv_relu(x, w, None, *args), np.maximum(y, 0))
    dx = native.conv_input(y, w, x.shape, *args)
    np.testing.assert_array_equal(ops.conv_input(y, w, x.shape, *args), dx)
    np.testing.assert_array_equal(kernels.conv_input(y, w, x.shape, *args), dx)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("stride, extra", [(1, 0), (2, 1), (3, 2)])
def test_transposed_convolution(groups, stride, extra, rng):
    x = rng.standard_normal((2, 4, 5, 6), np.float32)
    w, b = rng.standard_normal((4, 3, 3, 3), np.float32), rng.standard_normal(3 * groups, np.float32)
    both = [
        F.conv_transpose2d(*(facula.tensor(a.astype(t)) for a in (x, w, b)), stride, 1, extra, groups)
        for t in (np.float32, np.float64)
    ]
    assert both[0].dtype == facula.float32
    np.testing.assert_allclose(both[0].numpy(), both[1].numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", [(2, 2), (4, 3), (3, 5)])
def test_same_padding(kernel, rng):
    x, w = rng.standard_normal((2, 3, 9, 10), np.float32), rng.standard_normal((4, 3, *kernel), np.float32)
    both = [F.conv2d(facula.tensor(x.astype(t)), facula.tensor(w.astype(t)), padding="same") for t in "fd"]
    assert both[0].shape == (2, 4, 9, 10)
    np.testing.assert_allclose(both[0].numpy(), both[1].numpy(), rtol=1e-4, atol=1e-4)


def test_gradients_through_the_fused_relu(rng):
    x, w, b = (rng.standard_normal(s, np.float32) for s in ((2, 3, 6, 6), (4, 3, 3, 3), 4))
    args = ((2, 2), (1, 1), (1, 1), 1)
    grads = []
    for fused in (True, False):
        t = [facula.tensor(a, requires_grad=True) for a in (x, w, b)]
        y = ops.conv_relu(*t, *args) if fused else ops.conv(*t, *args).relu()
        assert y.grad_fn is not None and y.grad_fn.name() == "ReluBackward0"
        (y * y).sum().backward()
        grads.append([y, *(a.grad for a in t)])
    for one, other in zip(*grads, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_definitions_take_the_batch_in_pieces(rng, monkeypatch):
    x, w = rng.standard_normal((5, 3, 6, 6)), rng.standard_normal((4, 3, 3, 3))
    args = ((1, 1), (1, 1), (1, 1), 1)

    def all_three() -> list[Any]:
        y = ops.conv(x, w, None, *args)
        return [y, ops.conv_input(y, w, x.shape, *args), ops.conv_weight(y, x, w.shape, *args)]

    whole = all_three()
    for size in (1, 2 * 27 * 36 * 8):
        monkeypatch.setattr(ops, "_PIECE", size)
        for a, b in zip(whole, all_three(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
