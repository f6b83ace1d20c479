"""The native matrix products against NumPy in float64."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import facula
from facula.kernels import cpu
from facula.ops.activation import relu
from facula.ops.matmul import addmm, linear, linear_relu, matmul

pytestmark = pytest.mark.usefixtures("native", "isa")
native = cpu.native

# Around what the algorithms count in: tiles of 6 (12) by 8 (16, 32), vectors of 4 to 16, up to eight vectors at once,
# groups of four panels and eight strips, dot products for 24 rows, passes over 1024 products, and nothing at all.
SHAPES = [
    (1, 1, 1), (1, 16, 5), (6, 16, 8), (7, 17, 9), (5, 15, 7), (64, 10, 512), (64, 33, 100), (3, 2, 2500),
    (13, 100, 1025), (130, 200, 30), (0, 4, 3), (4, 0, 3), (4, 3, 0), (40, 512, 600), (60, 1040, 20), (12, 32, 64),
    (1, 100, 200), (2, 50, 129), (4, 25, 64), (5, 71, 100), (8, 300, 33), (9, 70, 40), (300, 3, 70), (97, 8, 41),
]  # fmt: skip
LAYOUTS = ["nn", "nt", "tn", "tt"]


def numbers(rng, *shape):
    return rng.standard_normal(shape, np.float32)


def laid_out(x, layout):
    """The same matrices with the last ("n") or the one before it ("t") as the fast dimension."""
    return x if layout == "n" else np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def check(got, a, b, bias=0.0):
    """Each element within the error bound of a float32 sum of that many products."""
    exact = a.astype(np.float64) @ b + bias
    size = np.abs(a).astype(np.float64) @ np.abs(b) + np.abs(bias)
    bound = 4e-7 * np.sqrt(a.shape[-1] + 1) * size + 1e-30
    assert got.dtype == np.float32 and got.shape == exact.shape and got.flags.c_contiguous
    assert (np.abs(got - exact) <= bound).all()


@pytest.mark.parametrize("m, n, k", SHAPES)
def test_matmul_of_either_layout(m, n, k, threads, rng):
    a, b = numbers(rng, m, k), numbers(rng, k, n)
    for layout in LAYOUTS:
        x, y = laid_out(a, layout[0]), laid_out(b, layout[1])
        check(native.matmul(x, y), x, y)


@pytest.mark.parametrize(
    "m, n, k", [(1600, 70, 30), (20, 900, 1100), (150, 200, 1024), (1, 5000, 90), (6, 40, 5000)]
)
def test_blocks_passes_and_shares(m, n, k, threads, rng):
    a, b = numbers(rng, m, k), numbers(rng, k, n)
    for layout in LAYOUTS:
        x, y = laid_out(a, layout[0]), laid_out(b, layout[1])
        check(native.matmul(x, y), x, y)


def test_many_threads_share_tiles_in_both_directions(rng):
    before = cpu.get_num_threads()
    cpu.set_num_threads(8)
    a, b = numbers(rng, 60, 500), numbers(rng, 500, 420)
    try:
        many = native.matmul(a, b)
    finally:
        cpu.set_num_threads(before)
    check(many, a, b)
    cpu.set_num_threads(1)
    try:
        assert np.array_equal(many, native.matmul(a, b))  # and the sums are the same
    finally:
        cpu.set_num_threads(before)


@pytest.mark.parametrize("m, n, k", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_with_and_without_relu(m, n, k, with_bias, threads, rng):
    x, w = numbers(rng, m, k), numbers(rng, n, k)
    bias = numbers(rng, n) if with_bias else None
    plain = native.linear(x, w, bias)
    check(plain, x, w.T, 0.0 if bias is None else bias)
    assert np.array_equal(native.linear_relu(x, w, bias), np.maximum(plain, 0))
    turned = native.linear_relu(laid_out(x, "t"), laid_out(w, "t"), bias)
    check(native.linear(laid_out(x, "t"), laid_out(w, "t"), bias), x, w.T, 0.0 if bias is None else bias)
    assert np.allclose(turned, np.maximum(plain, 0), atol=1e-5 * max(1, k) ** 0.5)


def test_leading_dimensions_are_batches(rng):
    x, w, bias = numbers(rng, 2, 3, 4, 20), numbers(rng, 7, 20), numbers(rng, 7)
    check(native.linear(x, w, bias), x, w.T, bias)
    check(native.linear(x[:, ::2], w, bias), x[:, ::2], w.T, bias)  # rows at no one distance: copied
    turned = x.transpose(0, 1, 3, 2)[..., :4]
    check(native.linear(turned, w[:, :4], bias), turned, w[:, :4].T, bias)
    assert native.linear(x[0, 0, 0], w, bias).shape == (7,)
    assert native.linear(x[:, :0], w, bias).shape == (2, 0, 4, 7)


BATCHES = [
    ((2, 3), (2, 3)), ((3,), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((2, 3), ()), ((), (2, 3)), ((1,), (4,)),
    ((0, 3), (3,)), ((5,), (5,)), ((1, 1), ()), ((40,), (40,)),
]  # fmt: skip


@pytest.mark.parametrize("left, right", BATCHES)
@pytest.mark.parametrize("m, n, k", [(7, 17, 9), (1, 20, 40), (30, 2, 5)])
def test_batches_broadcast(left, right, m, n, k, threads, rng):
    a, b = numbers(rng, *left, m, k), numbers(rng, *right, k, n)
    for layout in LAYOUTS:
        x, y = laid_out(a, layout[0]), laid_out(b, layout[1])
        check(native.matmul(x, y), x, y)


@pytest.mark.parametrize("left, right", [((), ()), ((4,), ()), ((), (5,)), ((2, 3, 4), ()), ((), (2, 3, 5))])
def test_vectors(left, right, rng):
    a = numbers(rng, *left, 40)
    b = numbers(rng, *right[:-1], 40, *right[-1:])
    for x, y in [(a, b), (a[..., ::3], b[::3] if b.ndim == 1 else b[..., ::3, :])]:
        got = native.matmul(x, y)
        check(got, x, y)
        assert isinstance(got, np.ndarray)


def test_attention_scores_of_heads_read_in_place(rng):
    heads = numbers(rng, 2, 9, 3, 20).transpose(0, 2, 1, 3)
    other = numbers(rng, 2, 11, 3, 20).transpose(0, 2, 1, 3)
    check(native.matmul(heads, other.swapaxes(-1, -2)), heads, other.swapaxes(-1, -2))


def test_slices_with_one_contiguous_dimension_are_read_in_place(rng):
    a = numbers(rng, 40, 50)[3:20, 5:41]
    b = numbers(rng, 36, 60)[:, 7:30]
    check(native.matmul(a, b), a, b)
    check(native.matmul(b.T, a.T), b.T, a.T)


def test_other_strides_are_copied(rng):
    a, b = numbers(rng, 40, 50)[::2, ::5], numbers(rng, 10, 24)[:, ::-1]
    check(native.matmul(a, b), a, b)
    a = np.broadcast_to(numbers(rng, 3, 1, 10), (3, 6, 10))
    check(native.matmul(a, b), a, b)


def test_any_alignment(rng):
    for offset in range(4):
        a = numbers(rng, 20 * 30 + 4)[offset : offset + 600].reshape(20, 30)
        b = numbers(rng, 33 * 30 + 4)[offset : offset + 990].reshape(30, 33)
        check(native.matmul(a, b), a, b)
        check(native.matmul(a[:2], b), a[:2], b)
        check(native.linear(a, b.T.copy(), b[0]), a, b, b[0])


def test_single_rows_and_columns_of_any_stride(rng):
    a = numbers(rng, 30, 40)
    check(native.matmul(a[:, :1], a[:1]), a[:, :1], a[:1])
    check(native.matmul(a[::7][:1], a.T[:, ::9][:, :1]), a[:1], a.T[:, :1])


def test_rows_in_reverse_order(rng):
    a, b = numbers(rng, 9, 20)[::-1], numbers(rng, 20, 18)
    check(native.matmul(a, b), a, b)


# The instruction set need not be set anew for each example.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.integers(1, 70)] * 3),
    batches=st.sampled_from(BATCHES),
    order=st.lists(st.booleans(), min_size=2, max_size=2),
    steps=st.lists(st.sampled_from([1, 1, 2, -1]), min_size=4, max_size=4),
    seed=st.integers(0, 99),
)
def test_random_shapes_and_strides(sizes, batches, order, steps, seed):
    m, n, k = sizes
    rng = np.random.default_rng(seed)

    def make(batch, rows, columns, turned, row_step, column_step):
        big = numbers(rng, *batch, 2 * rows + 1, 2 * columns + 1)
        if turned:
            big = np.ascontiguousarray(big.swapaxes(-1, -2)).swapaxes(-1, -2)
        return big[..., ::row_step, ::column_step][..., :rows, :columns]

    a = make(batches[0], m, k, order[0], steps[0], steps[1])
    b = make(batches[1], k, n, order[1], steps[2], steps[3])
    check(native.matmul(a, b), a, b)


def test_out_is_written_and_returned(rng):
    x, w = numbers(rng, 5, 6), numbers(rng, 7, 6)
    out = np.full((5, 7), np.nan, np.float32)
    assert native.linear(x, w, None, out) is out
    check(out, x, w.T)
    assert native.matmul(x, w.T, out) is out


@pytest.mark.parametrize(
    "out",
    [np.empty((5, 8), np.float32), np.empty((5, 7)), np.empty((7, 5), np.float32).T, "text"],
    ids=["shape", "dtype", "strides", "no array"],
)
def test_an_unfit_out_is_declined(out):
    x, w = np.ones((5, 6), np.float32), np.ones((7, 6), np.float32)
    assert native.linear(x, w, None, out) is NotImplemented


def test_what_the_product_does_not_cover_is_declined():
    f = np.ones((4, 4), np.float32)
    for a, b in [
        (f, f[:3]),
        (f, f.astype(np.float64)),
        (f[None, None][[0, 0]], f[None, None][:, [0, 0, 0]][[0, 0, 0]]),
        (f, f.astype(">f4")),
        (f.view(np.recarray), f),
        (f, 2.0),
        (f, f[0, 0]),
        (None, None),
    ]:
        assert native.matmul(a, b) is NotImplemented
    assert native.linear(f, f, np.ones(3, np.float32)) is NotImplemented
    assert native.linear(np.float32(1), f, None) is NotImplemented
    assert native.linear_relu(f, f[0], None) is NotImplemented
    one = np.ones(4, np.float32)
    for arguments in [
        (one, f, f, 2, 1),
        (one, f, f, 1, 0.5),
        (f, f, f, 1, 1),
        (one, f, one, 1, 1),
        (one[:3], f, f, 1, 1),
    ]:
        assert native.addmm(*arguments) is NotImplemented


def test_addmm_with_a_bias(rng):
    bias, a, b = numbers(rng, 21), numbers(rng, 10, 30), numbers(rng, 30, 21)
    check(native.addmm(bias, a, b, 1, 1), a, b, bias)
    assert np.allclose(addmm.op.forward(bias, a, b), native.addmm(bias, a, b, 1, 1), atol=1e-5)


@pytest.mark.parametrize("m, n, k", [(3, 18, 20), (30, 18, 20), (18, 3, 40), (3, 18, 40), (40, 70, 20)])
def test_not_a_number_and_infinity_spread_as_they_should(m, n, k):
    x, w = np.ones((m, k), np.float32), np.ones((n, k), np.float32)
    x[1, 4], x[2, 5] = np.nan, np.inf
    for layout in "nt":
        for f in native.linear, native.linear_relu:
            got = f(laid_out(x, layout), laid_out(w, layout), None)
            assert (got[0] == k).all() and np.isnan(got[1]).all() and np.isposinf(got[2]).all()
            assert (np.delete(got, [1, 2], 0) == k).all()


def test_relu_of_the_definition_and_of_the_kernel_agree(rng):
    x, w, bias = numbers(rng, 30, 40), numbers(rng, 50, 40), numbers(rng, 50)
    expected = linear_relu.op.forward(x, w, bias)
    assert np.allclose(native.linear_relu(x, w, bias), expected, atol=1e-5) and (expected == 0).any()
    empty = native.linear_relu(x[:, :0], w[:, :0], bias)
    assert np.array_equal(empty, np.broadcast_to(np.maximum(bias, 0), (30, 50)))


# ---- as operations ---------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """What the matrix product's kernel was called with."""
    seen = []

    def watching(a, b):
        seen.append((a, b))
        return native.matmul(a, b)

    monkeypatch.setitem(matmul.op.kernels, np.ndarray, watching)
    return seen


@pytest.mark.parametrize("shape", [(5, 20), (2, 3, 20), (2, 1, 3, 20)])
@pytest.mark.parametrize("function", [linear, linear_relu], ids=["linear", "linear_relu"])
def test_gradients_of_linear_are_products_without_copies(shape, function, calls, rng):
    x = facula.tensor(numbers(rng, *shape), requires_grad=True)
    w = facula.tensor(numbers(rng, 7, 20), requires_grad=True)
    bias = facula.tensor(numbers(rng, 7), requires_grad=True)
    out = function(x, w, bias)
    g = numbers(rng, *out.shape)
    out.backward(facula.tensor(g))
    rows, columns = g.reshape(-1, 7), x.detach().numpy().reshape(-1, 20)
    if function is linear_relu:
        rows = rows * (out.detach().numpy().reshape(-1, 7) > 0)
    assert np.allclose(x.grad.numpy().reshape(-1, 20), rows @ w.detach().numpy(), atol=1e-5)
    assert np.allclose(w.grad.numpy(), rows.T @ columns, atol=1e-5)
    assert np.allclose(bias.grad.numpy(), rows.sum(0), atol=1e-5)
    assert len(calls) == 2
    assert any(np.shares_memory(b, x.detach().numpy()) and a.strides[0] == 4 for a, b in calls)
    assert any(b is w.detach().numpy() or np.shares_memory(b, w.detach().numpy()) for a, b in calls)


def test_the_gradient_of_a_matrix_used_by_a_batch_is_one_product(calls, rng):
    x = facula.tensor(numbers(rng, 4, 5, 6), requires_grad=True)
    w = facula.tensor(numbers(rng, 6, 7), requires_grad=True)
    (x @ w).sum().backward()
    assert [len(a.shape) for a, b in calls] == [3, 3, 2] or [len(a.shape) for a, b in calls] == [3, 2, 3]
    assert np.allclose(
        w.grad.numpy(), np.tensordot(x.detach().numpy(), np.ones((4, 5, 7)), ((0, 1), (0, 1))), atol=1e-5
    )


def test_linear_relu_is_relu_of_linear(rng):
    x, w, bias = (facula.tensor(numbers(rng, *s)) for s in [(6, 20), (7, 20), (7,)])
    assert facula.allclose(linear_relu(x, w, bias), relu(linear(x, w, bias)), atol=1e-5)
    assert linear_relu(x, w.requires_grad_(), bias).grad_fn.name() == "ReluBackward0"


def test_a_forked_child_multiplies_batches(isa):
    if isa == "base" or not hasattr(os, "fork"):
        pytest.skip("needs fork, once")
    code = """
import os, numpy as np
from facula.kernels import cpu
cpu.set_num_threads(2)
a = np.ones((16, 64, 64), np.float32)
assert (cpu.native.matmul(a, a) == 64).all()
child = os.fork()
ok = (cpu.native.matmul(a, a) == 64).all()
if child == 0: os._exit(0 if ok else 1)
assert ok and os.waitpid(child, 0)[1] == 0
"""
    source = os.path.dirname(os.path.dirname(os.path.dirname(cpu.__file__)))
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, env={**os.environ, "PYTHONPATH": path}
    )
