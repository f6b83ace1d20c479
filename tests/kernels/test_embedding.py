"""Table look-up and dropout of the compiled kernels against NumPy, and the coins against the stream's definition."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import facula
from facula import random
from facula._rng import draws
from facula._rng.generator import Generator
from facula.kernels import cpu
from facula.nn import functional as F
from facula.ops import dropout, embedding

pytestmark = pytest.mark.usefixtures("isa")

native = cpu.native


@pytest.mark.parametrize("kind", [np.int64, np.int32])
@pytest.mark.parametrize(
    "table, places",
    [((5, 3), (7,)), ((9, 16), (2, 3)), ((4, 1), ()), ((3, 0), (2,)), ((1, 8), (0,)), ((50, 130), (400,))],
    ids=str,
)
def test_rows_and_their_gradient(table, places, kind, threads, rng):
    weight = rng.standard_normal(table, np.float32)
    index = np.asarray(rng.integers(0, table[0], places), kind)
    got = native.embedding_rows(weight, index, None)
    assert got.dtype == np.float32 and got.flags.c_contiguous
    np.testing.assert_array_equal(got, weight[index])
    g = rng.standard_normal(got.shape, np.float32)
    for padding in (None, 0, table[0] - 1):
        exact = np.zeros(table)
        kept = np.ones(places, bool) if padding is None else index != padding
        np.add.at(exact, index[kept], g[kept].astype(np.float64))
        np.testing.assert_allclose(
            native.embedding_grad(g, index, padding, table), exact, rtol=1e-5, atol=1e-5
        )


def test_rows_of_any_dtype_and_stride(rng):
    index = np.array([[3, 0], [1, 3]])
    for dtype in (np.float64, np.float16, np.int8, np.complex128):
        table = rng.integers(0, 9, (4, 5)).astype(dtype)
        got = native.embedding_rows(table, index, None)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, table[index])
    wide = rng.standard_normal((8, 10), np.float32)
    np.testing.assert_array_equal(native.embedding_rows(wide[::-2, 2:7], index, None), wide[::-2, 2:7][index])
    np.testing.assert_array_equal(
        native.embedding_rows(wide[:4], index.T[::-1], None), wide[:4][index.T[::-1]]
    )
    assert native.embedding_rows(wide.T, index, None) is NotImplemented
    g = rng.standard_normal((2, 2, 20), np.float32)[..., ::2]
    dense = native.embedding_grad(np.ascontiguousarray(g), index, None, (4, 10))
    np.testing.assert_array_equal(native.embedding_grad(g, index, None, (4, 10)), dense)


def test_the_same_bits_with_any_number_of_threads_and_at_every_call(rng):
    index, g = rng.integers(0, 6, 900), rng.standard_normal((900, 100), np.float32)
    results, before = [], cpu.get_num_threads()
    for count in (1, 2, 2):
        cpu.set_num_threads(count)
        results.append(native.embedding_grad(g, index, None, (6, 100)))
    cpu.set_num_threads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("index", [[0, 4], [-1, 2], [2**40]])
def test_numbers_of_no_row_are_refused(index):
    weight = facula.zeros(4, 3, requires_grad=True)
    assert native.embedding_rows(weight.detach().numpy(), np.array(index), None) is NotImplemented
    g = np.zeros((len(index), 3), np.float32)
    assert native.embedding_grad(g, np.array(index), None, (4, 3)) is NotImplemented
    with pytest.raises(IndexError, match="index out of range in self"):
        F.embedding(facula.tensor(index), weight)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 30), width=st.integers(1, 70), count=st.integers(0, 80), seed=st.integers(0, 99))
def test_random_tables(rows, width, count, seed):
    random = np.random.default_rng(seed)
    index, g = random.integers(0, rows, count), random.standard_normal((count, width), np.float32)
    defined = embedding.embedding_grad.op.forward(g, index, 0, (rows, width))
    np.testing.assert_allclose(
        native.embedding_grad(g, index, 0, (rows, width)), defined, rtol=1e-5, atol=1e-5
    )


# ---- dropout -----------------------------------------------------------------------------------------------


def bits_of(source, count, p):
    return np.packbits(draws.doubles(source, count) < p, bitorder="little")


@pytest.mark.parametrize("before", [0, 5, 623])
@pytest.mark.parametrize("count", [0, 7, 33, 312, 313, 5000])
@pytest.mark.parametrize("p", [0.9, 1e-9])
def test_coins_are_those_of_the_stream_and_it_goes_on(count, before, p):
    ours, theirs = Generator().manual_seed(3), Generator().manual_seed(3)
    for source in (ours, theirs):
        source._draw32(before)
    np.testing.assert_array_equal(draws.coin_bits(ours, count, p), bits_of(theirs, count, p))
    np.testing.assert_array_equal(ours.get_state().numpy(), theirs.get_state().numpy())
    np.testing.assert_array_equal(ours._draw32(700), theirs._draw32(700))


def test_a_coin_that_only_the_second_draw_decides():
    source = Generator().manual_seed(11)
    first = source._draw32(400)
    for k in (0, 5, 9, 100):  # within a vector and after the last whole one
        high, low = int(first[2 * k]) & 0x1FFFFF, int(first[2 * k + 1])
        for threshold, expected in ((low, False), (low + 1, True)):
            again = Generator().manual_seed(11)
            capsule = again._engine().capsule
            bits = native.coins(capsule, 101, *divmod(high * 2**32 + threshold, 2**32))
            assert bool(np.unpackbits(bits, bitorder="little")[k]) is expected


def test_recorded_masks():
    """Of PyTorch 2.13: `F.dropout(torch.ones(20), 0.5)` after `manual_seed(0)`, and a longer one's digest."""
    facula.manual_seed(0)
    assert F.dropout(facula.ones(20), 0.5).bool().int().tolist() == [
        0,
        0,
        1,
        0,
        0,
        0,
        1,
        1,
        0,
        1,
        1,
        1,
        1,
        0,
        1,
        1,
        1,
        1,
        0,
        0,
    ]
    kept = F.dropout(facula.ones(100, 123), 0.3) != 0
    assert hashlib.sha256(np.packbits(kept.numpy()).tobytes()).hexdigest()[:16] == "05ff18e1c60573a6"


@pytest.mark.parametrize("shape", [(1,), (7,), (8,), (3, 11), (0, 4), (2, 20_001)], ids=str)
def test_masked_scale(shape, threads, rng):
    x, size = rng.standard_normal(shape, np.float32), int(np.prod(shape))
    x.reshape(-1)[:3] = np.array([np.nan, np.inf, -1], np.float32)[:size]
    mask = rng.integers(0, 256, (size + 7) // 8).astype(np.uint8)
    kept = np.unpackbits(mask, count=size, bitorder="little").reshape(shape)
    with np.errstate(invalid="ignore"):
        expected = x * (kept * np.float32(1.25))
        defined = dropout.masked_scale.op.forward(x, mask, 1.25)
    for result in (
        native.masked_scale(x, mask, 1.25),
        defined,
        native.masked_scale(np.asfortranarray(x), mask, 1.25),
    ):
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))
    if size:
        assert native.masked_scale(x, mask[:-1], 1.25) is NotImplemented
    assert native.masked_scale(x.astype(np.float64), mask, 1.25) is NotImplemented


@pytest.mark.parametrize("dtype", [facula.float32, facula.float64, facula.float16])
@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_dropout_is_the_noise_times_the_input(dtype, p):
    x = facula.randn(40, 9).to(dtype).requires_grad_()
    facula.manual_seed(4)
    out = F.dropout(x, p)
    facula.manual_seed(4)
    noise = random.dropout_noise((40, 9), x.detach().numpy().dtype, p)
    np.testing.assert_array_equal(out.detach().numpy(), x.detach().numpy() * noise)
    g = facula.randn(40, 9).to(dtype)
    (first,) = facula.autograd.grad(out, x, g.requires_grad_(), create_graph=True)
    np.testing.assert_array_equal(first.detach().numpy(), g.detach().numpy() * noise)
    (second,) = facula.autograd.grad(first.sum(), g)
    np.testing.assert_array_equal(second.numpy(), noise)
    facula.manual_seed(4)
    inside = F.dropout(x.detach().clone(), p, inplace=True)
    np.testing.assert_array_equal(inside.numpy(), out.detach().numpy())
