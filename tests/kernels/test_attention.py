"""The kernels of attention against its definition in float64."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import facula
import facula.nn.functional as F
from facula.autograd.op import OPS
from facula.kernels import cpu

pytestmark = pytest.mark.usefixtures("isa")

FORWARD, BACKWARD = OPS["attention"], OPS["attention_grad"]


def wide(x: Any) -> Any:
    return x.astype(np.float64) if x is not None and x.dtype == np.float32 else x


def close(got: Any, wanted: Any, tolerance: float = 3e-6) -> None:
    """Errors relative to the largest value."""
    assert got.shape == wanted.shape and got.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    largest = np.nanmax(np.abs(wanted), initial=1)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * largest)


def compare(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    causal: bool = False,
    scale: float = 0.3,
    tolerance: float = 3e-6,
) -> tuple[Any, Any, list[Any]]:
    """Both kernels against both definitions; gives what the kernels gave."""
    out, sums = FORWARD.kernels[np.ndarray](q, k, v, mask, causal, scale)
    with np.errstate(all="ignore"):
        exact_out, exact_sums = FORWARD.forward(wide(q), wide(k), wide(v), wide(mask), causal, scale)
    close(out, exact_out, tolerance)
    finite = np.isfinite(exact_sums)
    np.testing.assert_array_equal(sums[~finite], exact_sums[~finite])
    np.testing.assert_allclose(sums[finite], exact_sums[finite], rtol=1e-5, atol=1e-5)
    g = np.random.default_rng(7).standard_normal(out.shape, np.float32)
    grads = BACKWARD.kernels[np.ndarray](g, q, k, v, mask, out, sums, causal, scale)
    with np.errstate(all="ignore"):
        exact = BACKWARD.forward(wide(g), wide(q), wide(k), wide(v), wide(mask), None, None, causal, scale)
    for one, other in zip(grads, exact, strict=True):
        close(one, other, tolerance)
    return out, sums, list(grads)


def inputs(
    lead: tuple[int, ...], length: int, size: int, width: int, values: int, seed: int = 1
) -> list[Any]:
    rng = np.random.default_rng(seed)
    shapes = [(*lead, length, width), (*lead, size, width), (*lead, size, values)]
    return [rng.standard_normal(s, np.float32) for s in shapes]


def mask_of(kind: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(2)
    if kind == "bool":
        return rng.random(shape) < 0.7
    return rng.standard_normal(shape, np.float32) if kind == "float" else None


@pytest.mark.parametrize("width, values", [(1, 1), (8, 33), (33, 8), (64, 64)])
@pytest.mark.parametrize("length, size", [(1, 1), (7, 64), (64, 65), (65, 7), (300, 70), (1, 300)])
def test_lengths_around_the_blocks(length: int, size: int, width: int, values: int) -> None:
    for causal in (False, True):
        compare(*inputs((2,), length, size, width, values), causal=causal)


@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length, size", [(300, 300), (70, 600), (600, 70), (40, 1100)])
def test_several_blocks(length: int, size: int, causal: bool, kind: str, threads: int) -> None:
    compare(*inputs((2,), length, size, 16, 16), mask_of(kind, (2, length, size)), causal)


@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize(
    "shape", [(70, 66), (1, 66), (70, 1), (1, 1), (2, 1, 1, 66), (1, 3, 70, 66), (3, 1, 66)]
)
def test_masks_broadcast(shape: tuple[int, ...], kind: str) -> None:
    q, k, v = inputs((2, 3), 70, 66, 8, 8)
    compare(q, k, v, mask_of(kind, shape))
    compare(q, k, v, np.broadcast_to(mask_of(kind, shape), (2, 3, 70, 66)))
    compare(q, k, v, mask_of(kind, (66, 70)).T)


@pytest.mark.parametrize("numbers", [False, True])
def test_rows_in_which_nothing_counts_give_zero(numbers: bool) -> None:
    mask = np.ones((70, 300), bool)
    mask[3] = mask[69] = False
    mask[5, :290] = False  # nothing in the first block of keys
    mask[6, 10:] = False
    put = np.where(mask, 0, -np.inf).astype(np.float32) if numbers else mask
    out, sums, grads = compare(*inputs((2,), 70, 300, 8, 8), put)
    assert (out[:, 3] == 0).all() and np.isneginf(sums[:, 69]).all() and (grads[0][:, 3] == 0).all()


def test_leading_dimensions_broadcast() -> None:
    q, k, v = inputs((2, 3), 9, 10, 8, 5)
    compare(q, k[:, :1], v[:1])
    compare(q[0], k[:, :1], v)
    compare(q, k[0, 0], v[1])
    compare(q[0, 0], k[0, 0], v[0, 0])
    compare(q[:, None], k, v)


@pytest.mark.parametrize("lead", [(), (0,), (2, 0), (2,)])
@pytest.mark.parametrize(
    "length, size, width, values", [(0, 3, 4, 5), (3, 0, 4, 5), (3, 4, 0, 5), (3, 4, 5, 0)]
)
def test_sizes_of_zero(lead: Any, length: int, size: int, width: int, values: int) -> None:
    for causal in (False, True):
        compare(*inputs(lead, length, size, width, values), causal=causal)


def test_strided_inputs_and_the_layout_of_the_result() -> None:
    rows = np.random.default_rng(3).standard_normal((2, 70, 3, 4, 8), np.float32)  # q, k and v side by side
    q, k, v = (rows[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    out, _, grads = compare(q, k, v, causal=True)
    for x in (out, *grads):
        assert x.transpose(0, 2, 1, 3).flags.c_contiguous  # heads are joined without a copy
    dense = [np.ascontiguousarray(x) for x in (q, k, v)]
    again, _, dense_grads = compare(*dense, causal=True)
    np.testing.assert_array_equal(out, again)
    assert all(x.flags.c_contiguous for x in (again, *dense_grads))
    compare(q[..., ::2], k[:, :, ::2, ::2], v[:, :, ::-2])


def test_a_nan_or_an_infinite_score_spoils_its_row_only() -> None:
    q, k, v = inputs((1,), 60, 70, 8, 8)
    q[0, 5, 3] = np.nan
    out, *_ = FORWARD.kernels[np.ndarray](q, k, v, None, False, 0.3)
    assert np.isnan(out[0, 5]).all() and np.isfinite(np.delete(out, 5, 1)).all()
    mask = np.zeros((60, 70), np.float32)
    mask[7, 2] = np.inf
    out, *_ = FORWARD.kernels[np.ndarray](np.nan_to_num(q), k, v, mask, False, 0.3)
    assert np.isnan(out[0, 7]).all() and np.isfinite(np.delete(out, 7, 1)).all()


def test_large_scores_do_not_overflow() -> None:
    q, k, v = inputs((1,), 50, 600, 8, 8)
    compare(60 * q, k, v, tolerance=1e-4)
    compare(q, k, v, scale=-2.0)


def test_threads_change_no_bit(isa: str) -> None:
    q, k, v = inputs((3,), 600, 1100, 8, 8)
    before, results = cpu.get_num_threads(), []
    for count in (1, 2, 3):
        cpu.set_num_threads(count)
        out, sums = FORWARD.kernels[np.ndarray](q, k, v, None, True, 0.3)
        results.append([out, sums, *BACKWARD.kernels[np.ndarray](out, q, k, v, None, out, sums, True, 0.3)])
    cpu.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 3), max_size=3), st.integers(0, 80), st.integers(0, 80), st.integers(0, 40),
    st.integers(0, 40), st.sampled_from(["none", "bool", "float"]), st.booleans(),
)  # fmt: skip
def test_random_shapes(
    lead: list[int], length: int, size: int, width: int, values: int, kind: str, causal: bool
) -> None:
    compare(*inputs(tuple(lead), length, size, width, values), mask_of(kind, (length, size)), causal)


def test_what_is_declined() -> None:
    q, k, v = inputs((2,), 5, 6, 4, 4)
    forward, backward = FORWARD.kernels[np.ndarray], BACKWARD.kernels[np.ndarray]
    out, sums = forward(q, k, v, None, False, 0.5)
    for bad in [
        (q.astype(np.float64), k, v, None), (q, k[:, :5], v, None), (q, k[..., :3], v, None), (q, k[:, 0], v[0], None),
        (q, k, v, np.ones((4, 6), bool)), (q, k, v, np.ones((5, 6), np.int64)), (q, k, v, np.ones(6, bool)),
        (q, k, None, None), (q[:, None], k[0], np.stack([v] * 3), None),
    ]:  # fmt: skip
        assert forward(*bad, False, 0.5) is NotImplemented
        assert backward(out, *bad, out, sums, False, 0.5) is NotImplemented
    assert forward(q, k, v, None, False, "wide") is NotImplemented
    assert backward(out[:1], q, k, v, None, out[:1], sums[:1], False, 0.5) is NotImplemented
    assert backward(out, q, k, v, None, out, sums[:1], False, 0.5) is NotImplemented


def test_memory_grows_with_the_length_only(isa: str) -> None:
    """A matrix of all scores would take 64 MB here."""
    x = facula.ones(1, 4096, 8, requires_grad=True)
    tracemalloc.start()
    F.scaled_dot_product_attention(x, x, x, is_causal=True).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert x.grad is not None and peak < 4_000_000
