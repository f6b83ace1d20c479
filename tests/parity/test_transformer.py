"""Attention and transformer layers beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is
from facula import _branding  # noqa: E402


@pytest.fixture(autouse=True)
def same_names():
    """Ours print "torch.", so that texts can be compared."""
    name = _branding.name()
    _branding.set_name("torch")
    yield
    _branding.set_name(name)


def assert_same(ours, theirs, rtol=1e-4, atol=1e-5):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if b is None or isinstance(b, (str, list)):
            assert a == b
        else:
            a, b = a.detach().numpy(), b.detach().numpy()
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def values(lib, seed, *shape):
    return lib.from_numpy(
        np.random.default_rng(seed).standard_normal(shape).astype("float32")
    ).requires_grad_()


ATTENTION = {
    "plain": ({}, {}),
    "batch first": ({"batch_first": True}, {}),
    "no bias": ({"bias": False}, {"need_weights": False}),
    "other sizes": ({"kdim": 5, "vdim": 3}, {}),
    "extra rows": ({"add_bias_kv": True, "add_zero_attn": True}, {"mask": "float", "padding": "bool"}),
    "bool mask": ({}, {"mask": "bool", "average_attn_weights": False}),
    "float mask": ({}, {"mask": "float", "need_weights": False}),
    "mask of heads": ({}, {"mask": "heads"}),
    "padding": ({"batch_first": True}, {"padding": "bool"}),
    "no batch": ({}, {"single": True, "mask": "bool"}),
}


@pytest.mark.parametrize("case", ATTENTION)
def test_attention(case):
    options, call = ATTENTION[case]

    def run(lib):
        lib.manual_seed(1)
        layer = lib.nn.MultiheadAttention(8, 2, **options)
        n, length, size = 3, 4, 5
        given = dict(call)
        shapes = [(length, n, 8), (size, n, options.get("kdim", 8)), (size, n, options.get("vdim", 8))]
        if given.pop("single", False):
            shapes = [(shape[0], shape[2]) for shape in shapes]
        elif options.get("batch_first"):
            shapes = [(n, shape[0], shape[2]) for shape in shapes]
        inputs = [values(lib, i, *shape) for i, shape in enumerate(shapes)]
        keep = np.random.default_rng(9).random((length, size)) < 0.3
        mask = {
            "bool": lambda: lib.from_numpy(keep),
            "float": lambda: values(lib, 7, length, size).detach(),
            "heads": lambda: values(lib, 7, 2 * n, length, size).detach(),
        }.get(given.pop("mask", None), lambda: None)()
        padding = None
        if given.pop("padding", None):
            padding = lib.zeros(n, size, dtype=lib.bool if mask is None else lib.float32)
            padding[1, 3:] = True if mask is None else -1.5
        result, weights = layer(*inputs, attn_mask=mask, key_padding_mask=padding, **given)
        loss = (result * result).sum() + (0 if weights is None else (weights * weights).sum())
        loss.backward()
        grads = [p.grad for p in [*inputs, *layer.parameters()]]
        names = list(layer.state_dict())
        return [repr(layer), names, *layer.state_dict().values(), result, weights, *grads]

    assert_same(run(facula), run(torch))


STACKS = {
    "encoder layer": lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, 0.0),
    "gelu, norm first": lambda t: t.nn.TransformerEncoderLayer(
        8, 2, 16, 0.0, activation="gelu", norm_first=True, batch_first=True, bias=False
    ),
    "decoder layer": lambda t: t.nn.TransformerDecoderLayer(8, 2, 16, 0.0),
    "decoder, norm first": lambda t: t.nn.TransformerDecoderLayer(8, 2, 16, 0.0, norm_first=True),
    "encoder": lambda t: t.nn.TransformerEncoder(
        t.nn.TransformerEncoderLayer(8, 2, 16, 0.0), 2, t.nn.LayerNorm(8), enable_nested_tensor=False
    ),
    "decoder": lambda t: t.nn.TransformerDecoder(t.nn.TransformerDecoderLayer(8, 2, 16, 0.0), 2),
    "both": lambda t: t.nn.Transformer(8, 2, 1, 2, 16, 0.0, batch_first=True),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("case", STACKS)
def test_stack(case):
    def run(lib):
        lib.manual_seed(2)
        layer = STACKS[case](lib)
        x, y = values(lib, 0, 4, 4, 8), values(lib, 1, 4, 4, 8)
        mask = lib.nn.Transformer.generate_square_subsequent_mask(4)
        if case == "both":
            result = layer(x, y, src_mask=mask, tgt_mask=mask)
        elif "decoder" in case:
            result = layer(x, y, tgt_mask=mask)
        else:
            result = layer(x, mask)
        (result * result * result).sum().backward()
        grads = [p.grad for p in [x, *layer.parameters()]]
        return [repr(layer), list(layer.state_dict()), *layer.state_dict().values(), mask, result, *grads]

    assert_same(run(facula), run(torch), rtol=5e-4, atol=5e-5)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_errors():
    def run(lib):
        messages = []
        for call in (
            lambda t: t.nn.MultiheadAttention(8, 3),
            lambda t: t.nn.MultiheadAttention(0, 3),
            lambda t: t.nn.TransformerEncoderLayer(8, 2, activation="x"),
            lambda t: t.nn.MultiheadAttention(8, 2)(*[t.ones(2, 3, 8)] * 3, attn_mask=t.ones(3, 3)),
            lambda t: t.nn.MultiheadAttention(8, 2)(*[t.ones(2, 3, 8)] * 3, is_causal=True),
            lambda t: t.nn.MultiheadAttention(8, 2)(*[t.ones(2, 3, 6)] * 3),
            lambda t: t.nn.Transformer(8, 2, 1, 1, 8)(t.ones(2, 3, 8), t.ones(2, 4, 8)),
        ):
            with pytest.raises(Exception) as caught:
                call(lib)
            # Only the first sentence: some of PyTorch's go on with advice.
            messages.append(f"{type(caught.value).__name__}: {str(caught.value).split('. ')[0].rstrip('.')}")
        return messages

    assert run(facula) == run(torch)
