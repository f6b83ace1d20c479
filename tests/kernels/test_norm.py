"""The kernels of normalisation against the same formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import facula
from facula.kernels import cpu
from facula.nn import functional as F
from facula.ops import norm

pytestmark = pytest.mark.usefixtures("isa")

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 129]


def numbers(rng, *shape, mean=0.0, spread=1.0):
    return (mean + spread * rng.standard_normal(shape)).astype(np.float32)


def wide(*arrays):
    return [a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in arrays]


def check(function, *args, tolerance=1e-5):
    """The kernel against the definition in float64; returns what the kernel gave."""
    got = getattr(cpu.native, function.op.name)(*args)
    assert got is not NotImplemented
    exact = function.op.forward(*wide(*args))
    for x, y in zip(*[r if isinstance(r, tuple) else (r,) for r in (got, exact)], strict=True):
        assert x.dtype == np.float32 and x.shape == y.shape and x.flags.c_contiguous
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * max(1.0, np.abs(y).max(initial=0)))
    return got


@pytest.mark.parametrize("weighted", [True, False], ids=["weight", "plain"])
@pytest.mark.parametrize("n", [*WIDTHS, 2047, 2048, 5001])
def test_rows(n, weighted, threads, rng):
    x, g = numbers(rng, 6, n), numbers(rng, 6, n)
    w, b = (numbers(rng, n), numbers(rng, n)) if weighted else (None, None)
    check(norm.layer_norm, x, w, b, 1, 1e-5)
    check(norm.layer_norm_grad, g, x, w, 1, 0.1)
    check(norm.rms_norm, x, w, 1, 1e-5)
    check(norm.rms_norm_grad, g, x, w, 1, 0.1)


def test_only_one_of_weight_and_bias(rng):
    x, v = numbers(rng, 3, 21), numbers(rng, 21)
    check(norm.layer_norm, x, v, None, 1, 1e-5)
    check(norm.layer_norm, x, None, v, 1, 1e-5)
    planes, c = numbers(rng, 2, 4, 40), numbers(rng, 4)
    for w, b in [(c, None), (None, c)]:
        check(norm.group_norm, planes, w, b, 2, 1e-5)
        check(norm.batch_norm, planes, w, b, 1e-5)
        check(norm.batch_norm, planes[:, :, 0], w, b, 1e-5)


def test_many_rows_share_out_the_sums_of_weights(threads, rng):
    x, g, w = numbers(rng, 700, 96), numbers(rng, 700, 96), numbers(rng, 96)
    check(norm.layer_norm_grad, g, x, w, 1, 1e-5)
    check(norm.rms_norm_grad, g, x, w, 1, 1e-5)


def test_any_number_of_threads_gives_the_same_bits(rng):
    x, g, w = numbers(rng, 900, 64), numbers(rng, 900, 64), numbers(rng, 64)
    planes = numbers(rng, 40, 3, 300)
    found = []
    before = cpu.get_num_threads()
    try:
        for threads in (1, 2):
            cpu.set_num_threads(threads)
            found.append(
                [
                    *cpu.native.layer_norm_grad(g, x, w, 1, 1e-5),
                    *cpu.native.batch_norm(x, w, w, 1e-5),
                    *cpu.native.batch_norm(planes, None, None, 1e-5),
                ]
            )
    finally:
        cpu.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("places", [(), (1,), (3, 3), (7, 5), (6, 7), (5, 20), (2, 3, 8)], ids=str)
@pytest.mark.parametrize("channels, groups", [(6, 1), (6, 3), (6, 6)])
def test_groups(channels, groups, places, threads, rng):
    shape = (3, channels, *places)
    x, g, w, b = numbers(rng, *shape), numbers(rng, *shape), numbers(rng, channels), numbers(rng, channels)
    for weight, bias in [(w, b), (None, None)]:
        check(norm.group_norm, x, weight, bias, groups, 0.1)
        check(norm.group_norm_grad, g, x, weight, groups, 0.1)


BATCHES = [
    (2, 1), (64, 33), (70, 600), (300, 5), (2, 9, 3), (33, 7, 4), (5, 3, 8, 8), (17, 9, 7, 7), (2, 40, 50),
    (3, 2, 2100), (90, 20, 40), (3, 17, 1500),
    (40, 2, 6, 6), (2, 9, 2, 5, 6), (1, 10, 70), (1, 3, 9),
]  # fmt: skip


@pytest.mark.parametrize("shape", BATCHES, ids=str)
def test_batch(shape, threads, rng):
    x, g = numbers(rng, *shape, mean=2.0), numbers(rng, *shape)
    w, b = numbers(rng, shape[1]), numbers(rng, shape[1])
    for weight, bias in [(w, b), (None, None)]:
        _, mean, var = check(norm.batch_norm, x, weight, bias, 0.1)
        check(norm.batch_norm_grad, g, x, weight, mean, var, 0.1)
        check(norm.batch_norm_eval, x, weight, bias, b, np.abs(w), 0.1)
        check(norm.batch_norm_eval_grad, g, x, weight, b, np.abs(w), 0.1)


@pytest.mark.parametrize("shape", [(4, 2000), (200, 6), (5, 9, 100), (60, 2, 4)], ids=str)
def test_a_large_mean_does_not_cancel(shape, rng):
    x, g = numbers(rng, *shape, mean=1e4), numbers(rng, *shape)
    if len(shape) == 2:
        check(norm.layer_norm, x, None, None, 1, 1e-5, tolerance=2e-6)
        check(norm.layer_norm_grad, g, x, None, 1, 1e-5, tolerance=5e-6)
    _, mean, var = check(norm.batch_norm, x, None, None, 1e-5, tolerance=2e-6)
    check(norm.batch_norm_grad, g, x, None, mean, var, 1e-5, tolerance=1e-5)
    check(norm.group_norm, x, None, None, 1, 1e-5, tolerance=2e-6)
    check(norm.group_norm_grad, g, x, None, 1, 1e-5, tolerance=5e-6)


def test_a_first_number_far_from_the_others(rng):
    """The sums are taken from a guess at the mean, the first number: here a bad one."""
    x, g = numbers(rng, 3, 9, 700), numbers(rng, 3, 9, 700)
    x[:, :, 0] = 3e3
    check(norm.batch_norm, x, None, None, 1e-5, tolerance=2e-6)
    check(norm.group_norm, x, None, None, 3, 1e-5, tolerance=2e-6)
    rows, g = np.full((4, 3000), 1e4, np.float32) + numbers(rng, 4, 3000), numbers(rng, 4, 3000)
    rows[:, 0] = 0
    check(norm.layer_norm, rows, None, None, 1, 1e-5, tolerance=2e-6)
    check(norm.layer_norm_grad, g, rows, None, 1, 1e-5, tolerance=1e-5)
    columns = numbers(rng, 100, 9)
    columns[:8] += 1e4
    check(norm.batch_norm, columns, None, None, 1e-5, tolerance=2e-6)


def test_not_a_number_stays_where_it_belongs(rng):
    x = numbers(rng, 4, 40)
    x[1, 3], x[2, 5] = np.nan, np.inf
    for out in (cpu.native.layer_norm(x, None, None, 1, 1e-5), cpu.native.group_norm(x, None, None, 1, 1e-5)):
        np.testing.assert_array_equal(np.isnan(out), np.repeat([[False], [True], [True], [False]], 40, 1))
    for values in (x, np.repeat(x[:, :, None], 40, 2)):
        out, _, _ = cpu.native.batch_norm(values, None, None, 1e-5)
        bad = np.isnan(out).reshape(4, 40, -1).all((0, 2))
        assert bad.tolist() == [j in (3, 5) for j in range(40)] and np.isnan(out).sum() == 2 * out.size // 40


def test_strides_are_copied_and_misfits_declined(rng):
    x, w = numbers(rng, 12, 10), numbers(rng, 5)
    np.testing.assert_array_equal(
        cpu.native.layer_norm(x[::2, ::2], w, None, 1, 1e-5),
        cpu.native.layer_norm(x[::2, ::2].copy(), w, None, 1, 1e-5),
    )
    np.testing.assert_array_equal(
        cpu.native.batch_norm(x.T, None, None, 1e-5)[0],
        cpu.native.batch_norm(x.T.copy(), None, None, 1e-5)[0],
    )
    for bad in (x.astype(np.float64), x[:0], x[0, 0], 1.0, None):
        assert cpu.native.layer_norm(bad, None, None, 1, 1e-5) is NotImplemented
        assert cpu.native.batch_norm(bad, None, None, 1e-5) is NotImplemented
        assert cpu.native.group_norm(bad, None, None, 1, 1e-5) is NotImplemented
        assert cpu.native.layer_norm_grad(x, bad, None, 1, 1e-5) is NotImplemented
    assert cpu.native.layer_norm(x, w, None, 1, 1e-5) is NotImplemented
    assert cpu.native.layer_norm(x, None, None, 3, 1e-5) is NotImplemented
    assert cpu.native.group_norm(x, None, None, 3, 1e-5) is NotImplemented
    assert cpu.native.batch_norm_eval(x, None, None, w, w, 1e-5) is NotImplemented
    assert cpu.native.batch_norm_grad(x, x, None, w, w, 1e-5) is NotImplemented


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_shapes(data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    groups, channels = draw(1, 4), draw(1, 5)
    shape = (draw(2, 40), groups * channels, *[draw(1, 9) for _ in range(draw(0, 2))])
    rng = np.random.default_rng(draw(0, 99))
    x, g = numbers(rng, *shape, mean=draw(-3, 3)), numbers(rng, *shape)
    w = numbers(rng, shape[1]) if data.draw(st.booleans()) else None
    _, mean, var = check(norm.batch_norm, x, w, w, 0.1)
    check(norm.batch_norm_grad, g, x, w, mean, var, 0.1)
    check(norm.group_norm, x, w, w, groups, 0.1)
    check(norm.group_norm_grad, g, x, w, groups, 0.1)
    rows = x.reshape(shape[0], -1)
    check(norm.layer_norm_grad, g.reshape(rows.shape), rows, None, 1, 0.1)


def test_training_takes_the_kernels_all_the_way(rng):
    """A layer in float32 against one in float64, which has no kernels: running statistics and gradients."""
    layers = [facula.nn.BatchNorm2d(5, dtype=d) for d in (facula.float32, facula.float64)]
    x, g = numbers(rng, 6, 5, 7, 3, mean=1.0), numbers(rng, 6, 5, 7, 3)
    inputs = [facula.tensor(x.astype(d), requires_grad=True) for d in (np.float32, np.float64)]
    for layer, t in zip(layers, inputs, strict=True):
        version = layer.running_mean._version
        layer(t).backward(facula.tensor(g.astype(t._array.dtype)))
        assert layer.running_mean._version > version and layer.num_batches_tracked.item() == 1
    for a, b in [
        (inputs[0].grad, inputs[1].grad), (layers[0].weight.grad, layers[1].weight.grad),
        (layers[0].bias.grad, layers[1].bias.grad), (layers[0].running_mean, layers[1].running_mean),
        (layers[0].running_var, layers[1].running_var),
    ]:  # fmt: skip
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-5)


def test_second_derivatives_in_float32(rng):
    x = facula.tensor(numbers(rng, 5, 12), requires_grad=True)
    y = facula.tensor(x.detach().numpy().astype(np.float64), requires_grad=True)
    found = []
    for t in (x, y):
        out = F.layer_norm(t, (12,)) ** 3
        (first,) = facula.autograd.grad(out.sum(), t, create_graph=True)
        (first**2).sum().backward()
        found.append(t.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-3)
