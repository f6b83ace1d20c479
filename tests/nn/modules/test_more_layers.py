"""Padding, resizing, normalising, attending, transposed convolution: small cases worked out by hand."""

import math

import pytest

import facula
from facula import nn


def test_transposed_convolution_is_the_gradient_of_the_convolution():
    forward = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
    back = nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1, bias=False)
    back.load_state_dict(forward.state_dict())
    x = facula.randn(2, 3, 6, 6, requires_grad=True)
    y = forward(x)
    g = facula.randn(*y.shape)
    (y * g).sum().backward()
    assert facula.allclose(back(g), x.grad, atol=1e-5)
    assert back(g, output_size=(5, 6)).shape == (2, 3, 5, 6)


def test_instance_norm_uses_its_own_statistics():
    x = facula.randn(2, 3, 4, 5) * 3 + 1
    y = nn.InstanceNorm2d(3)(x)
    assert facula.allclose(y.mean((2, 3)), facula.zeros(2, 3), atol=1e-5)
    assert facula.allclose(y.var((2, 3), unbiased=False), facula.ones(2, 3), atol=1e-4)


def test_instance_norm_running_statistics():
    layer = nn.InstanceNorm1d(1, momentum=0.5, track_running_stats=True)
    layer(facula.tensor([[[1.0, 3.0]]]))
    assert layer.running_mean.item() == 1.0 and layer.running_var.item() == 1.5
    layer.eval()
    assert layer(facula.tensor([[[1.0, 1.0]]])).tolist() == [[[0.0, 0.0]]]


def test_rms_norm():
    layer = nn.RMSNorm(2, eps=0.0)
    root = math.sqrt(12.5)
    assert layer(facula.tensor([3.0, -4.0])).tolist() == pytest.approx([3 / root, -4 / root])


def test_pixel_shuffle_there_and_back():
    x = facula.randn(2, 8, 3, 4)
    assert facula.equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)), x)


def test_fold_counts_what_unfold_took():
    x = facula.randn(1, 2, 4, 4)
    assert facula.allclose(nn.Fold(4, 2, stride=2)(nn.Unfold(2, stride=2)(x)), x)


def test_attention_to_one_key_is_its_value():
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = facula.randn(3, 1, 4)
    result, weights = layer(x, x, x)
    value = x @ layer.in_proj_weight[8:].T + layer.in_proj_bias[8:]
    assert facula.allclose(result, layer.out_proj(value), atol=1e-6)
    assert facula.equal(weights, facula.ones(3, 1, 1))


def test_masked_keys_get_no_weight():
    layer = nn.MultiheadAttention(4, 2)
    x = facula.randn(3, 2, 4)
    causal = nn.Transformer.generate_square_subsequent_mask(3)
    _, weights = layer(x, x, x, attn_mask=causal)
    assert facula.equal(weights[0].triu(1), facula.zeros(3, 3))
    padding = facula.tensor([[False, False, True], [False, False, False]])
    _, weights = layer(x, x, x, key_padding_mask=padding)
    assert facula.equal(weights[0, :, 2], facula.zeros(3)) and bool((weights[1, :, 2] > 0).all())


def test_encoder_layers_are_copies():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    a, b = (layer.linear1.weight for layer in encoder.layers)
    assert facula.equal(a, b) and a is not b


@pytest.mark.parametrize(
    ("loss", "inputs", "expected"),
    [
        (nn.MarginRankingLoss(1.0), ([2.0], [1.5], [1.0]), 0.5),
        (nn.HingeEmbeddingLoss(), ([0.25], [-1.0]), 0.75),
        (nn.CosineEmbeddingLoss(margin=0.5), ([[1.0, 0.0]], [[3.0, 0.0]], [-1.0]), 0.5),
        (nn.TripletMarginLoss(eps=0.0), ([[0.0]], [[3.0]], [[1.0]]), 3.0),
        (nn.SoftMarginLoss(), ([0.0], [1.0]), math.log(2)),
        (nn.PoissonNLLLoss(log_input=False, eps=0.0), ([1.0], [5.0]), 1.0),
        (nn.GaussianNLLLoss(), ([2.0], [0.0], [4.0]), 0.5 * (math.log(4) + 1)),
        (nn.MultiLabelSoftMarginLoss(), ([[0.0, 0.0]], [[1.0, 0.0]]), math.log(2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_losses(loss, inputs, expected):
    assert loss(*map(facula.tensor, inputs)).item() == pytest.approx(expected, abs=1e-5)
