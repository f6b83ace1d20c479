"""Scaled-dot-product attention beside PyTorch's: values, gradients, masks, layouts, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is

HEADS, LENGTH, SIZE = 4, 70, 90
KEPT = np.random.default_rng(4).random((LENGTH, SIZE)) < 0.6
KEPT[3] = False  # nothing counts there
NUMBERS = np.random.default_rng(5).standard_normal((2, 1, LENGTH, SIZE)).astype("float32")
HIDDEN = np.where(KEPT, 0, -np.inf).astype("float32")

CASES: dict[str, dict[str, Any]] = {
    "plain": {}, "causal": {"is_causal": True}, "scale": {"scale": 0.3}, "scale 0": {"scale": 0.0},
    "bool": {"attn_mask": KEPT}, "bool of heads": {"attn_mask": np.stack([KEPT] * HEADS)},
    "numbers": {"attn_mask": NUMBERS}, "minus infinity": {"attn_mask": HIDDEN},
    "padding": {"attn_mask": KEPT[None, :1]},
    "groups": {"enable_gqa": True}, "groups causal": {"enable_gqa": True, "is_causal": True},
    "groups and mask": {"enable_gqa": True, "attn_mask": np.stack([KEPT] * HEADS)},
    "groups and one mask": {"enable_gqa": True, "attn_mask": NUMBERS},
    "dropout": {"dropout_p": 0.3}, "dropout causal": {"dropout_p": 0.3, "is_causal": True},
    "dropout and mask": {"dropout_p": 0.3, "attn_mask": KEPT},
}  # fmt: skip


def both(
    shapes: list[tuple[int, ...]], dtype: str, by_rows: bool, options: dict[str, Any]
) -> list[list[Any]]:
    """Result and gradients of either library, the result first."""
    found = []
    for lib in (facula, torch):
        rng = np.random.default_rng(1)
        leaves = [lib.from_numpy(rng.standard_normal(s).astype(dtype)).requires_grad_() for s in shapes]
        inputs = [x.transpose(-3, -2) for x in leaves] if by_rows else leaves
        given = dict(options)
        if "attn_mask" in given:
            mask = given["attn_mask"]
            given["attn_mask"] = lib.from_numpy(mask if mask.dtype == bool else mask.astype(dtype))
        lib.manual_seed(3)
        result = lib.nn.functional.scaled_dot_product_attention(*inputs, **given)
        weights = lib.from_numpy(rng.standard_normal(tuple(result.shape)).astype(dtype))
        (result * weights).sum().backward()
        found.append([result.detach(), *(x.grad for x in leaves)])
    return found


def assert_close(ours: list[Any], theirs: list[Any], tolerance: float) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("by_rows", [False, True], ids=["dense", "by rows"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case: str, dtype: str, by_rows: bool) -> None:
    options = CASES[case]
    heads = HEADS // 2 if "enable_gqa" in options else HEADS
    shapes = [(2, HEADS, LENGTH, 16), (2, heads, SIZE, 16), (2, heads, SIZE, 16)]
    if by_rows:
        shapes = [(s[0], s[2], s[1], s[3]) for s in shapes]
    ours, theirs = both(shapes, dtype, by_rows, options)
    assert_close(ours, theirs, 2e-5 if dtype == "float32" else 1e-10)
    mask = options.get("attn_mask")
    if "enable_gqa" not in options and "dropout_p" not in options and (mask is None or mask.ndim != 3):
        assert ours[0].stride() == theirs[0].stride()


@pytest.mark.parametrize(
    "shapes",
    [
        [(5, 4), (6, 4), (6, 3)], [(2, 5, 4), (2, 6, 4), (2, 6, 4)], [(2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 9)],
        [(1, 2, 3, 0), (1, 2, 3, 0), (1, 2, 3, 4)], [(1, 2, 3, 4), (1, 2, 0, 4), (1, 2, 0, 4)],
        [(1, 2, 0, 4), (1, 2, 3, 4), (1, 2, 3, 4)], [(1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 0)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("causal", [False, True])
def test_shapes(shapes: list[tuple[int, ...]], causal: bool) -> None:
    ours, theirs = both(shapes, "float32", False, {"is_causal": causal})
    assert_close(ours, theirs, 2e-5)


def test_the_gradient_of_a_mask() -> None:
    found = []
    for lib in (facula, torch):
        rng = np.random.default_rng(1)
        q, mask = (lib.from_numpy(rng.standard_normal(s).astype("float32")) for s in ((2, 3, 5, 4), (5, 5)))
        mask.requires_grad_()
        lib.nn.functional.scaled_dot_product_attention(q, q, q, mask).square().sum().backward()
        found.append([mask.grad])
    assert_close(*found, 2e-5)


def test_second_gradients() -> None:
    found = []
    for lib in (facula, torch):
        rng = np.random.default_rng(1)
        q, k, v = (lib.from_numpy(rng.standard_normal((3, 5, 4))).requires_grad_() for _ in range(3))
        result = lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        first = lib.autograd.grad(result.square().sum(), (q, k, v), create_graph=True)
        found.append(list(lib.autograd.grad(sum(x.square().sum() for x in first), (q, k, v))))
    assert_close(*found, 1e-9)


@pytest.mark.parametrize(
    "arguments",
    [
        lambda lib, q: (q, q.double(), q), lambda lib, q: (q[0, 0], q, q),
        lambda lib, q: (q, q, q, lib.ones(3, 3), 0.0, True), lambda lib, q: (q, q, q, lib.ones(3, 3, dtype=lib.int64)),
        lambda lib, q: (q, q, q, lib.ones(3, 3, dtype=lib.float64)), lambda lib, q: (q, q[..., :3], q),
        lambda lib, q: (q, q, q[:, :2]),
    ],
)  # fmt: skip
def test_errors(arguments: Any) -> None:
    for lib in (facula, torch):
        with pytest.raises(RuntimeError):
            lib.nn.functional.scaled_dot_product_attention(*arguments(lib, lib.ones(2, 3, 4)))


def test_modules_without_weights_take_the_same_way() -> None:
    for training in (True, False):
        found = []
        for lib in (facula, torch):
            lib.manual_seed(1)
            layer = lib.nn.MultiheadAttention(8, 2, dropout=0.2, batch_first=True).train(training)
            x = lib.randn(3, 5, 8)
            hidden = lib.from_numpy(np.triu(np.ones((5, 5), bool), 1))
            result, weights = layer(x, x, x, need_weights=False, attn_mask=hidden)
            assert weights is None
            found.append([result.detach()])
        assert_close(*found, 2e-5)


def test_math_is_the_reference() -> None:
    q = facula.randn(3, 4)
    weights = ((q @ q.T) / math.sqrt(4)).softmax(-1)
    assert_close([facula.nn.functional.scaled_dot_product_attention(q, q, q)], [weights @ q], 1e-6)
