"""`nn.functional` beside PyTorch's: activations, losses, convolution, pooling, normalisation and the rest."""

# ruff: noqa: E501 - tables of calls, a topic to a paragraph
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

ACTIVATIONS = "relu relu6 elu selu celu leaky_relu gelu silu mish softplus softsign tanhshrink softshrink hardshrink logsigmoid hardsigmoid hardswish hardtanh sigmoid tanh"
ACTIVATION_CALLS = [
    "F.elu(f(5), 0.5)", "F.celu(f(5), 2.0)", "F.leaky_relu(f(5), 0.2)", "F.gelu(f(5), approximate='tanh')", "F.gelu(f(5), approximate='x')", "F.softplus(f(5), 2)", "F.softplus(30 * f(5))", "F.softplus(f(5), 1, 0.5)", "F.softshrink(f(5), 0.1)", "F.softshrink(f(5), -1)", "F.hardshrink(f(5), 0.1)", "F.hardtanh(f(5), -0.5, 0.2)", "F.hardtanh(f(5), 1, -1)", "F.threshold(f(5), 0.1, 20)", "F.prelu(f(2, 3), of([0.25]))", "F.prelu(f(2, 3, 4), f(3))", "F.prelu(f(2, 3), f(2))", "F.glu(f(3, 4))", "F.glu(f(3, 4), 1)", "F.glu(f(3, 3))", "F.relu(i(4))", "F.leaky_relu(i(4))", "F.silu(i(4))", "F.elu(i(3))", "F.gelu(i(3))", "F.softmax(f(2, 3), dim=None)", "F.log_softmax(f(2, 3, 4))", "F.softmax(f(2, 3), 1, dtype=t.float64)", "F.softmin(f(4), 0)",
    "F.relu(of([nan, inf, -inf, -0.0]))", "F.hardtanh(of([nan, inf, -1.0, 1.0]))", "F.relu6(of([0.0, 6.0, 7.0]))", "F.hardsigmoid(of([-3.0, 3.0, 0.0]))", "F.hardswish(of([-3.0, 3.0, 0.0]))", "F.softplus(of([inf, -inf, 100.0, -100.0]))", "F.logsigmoid(of([100.0, -100.0, 0.0]))", "F.gelu(of([10.0, -10.0, 0.0]))", "F.silu(of([100.0, -100.0]))", "F.elu(of([-100.0, 0.0]))", "F.mish(of([100.0, -100.0, 0.0]))", "F.leaky_relu(of([0.0, nan]))", "F.relu(g(4), inplace=True)", "F.elu(g(4), inplace=True)", "F.silu(g(4), inplace=True)", "F.hardtanh(g(4), inplace=True)", "F.leaky_relu(g(4), 0.1, inplace=True)", "F.normalize(f(3, 4))", "F.normalize(f(3, 4), p=1, dim=0)", "F.normalize(t.zeros(2, 3))", "t.prelu(f(2, 3), f(3))", "t.celu(f(3))", "t.selu(f(3))", "t.hardshrink(f(3))",
]  # fmt: skip
LOSSES = [
    "F.mse_loss(f(3, 4), f(3, 4))", "F.mse_loss(f(3, 4), f(3, 4), reduction='sum')", "F.mse_loss(f(3, 4), f(3, 4), reduction='none')", "F.mse_loss(f(3, 4), f(4))", "F.mse_loss(f(3), f(4))", "F.mse_loss(f(3), d(3))", "F.mse_loss(f(3), i(3))", "F.mse_loss(f(3), f(3), reduction='x')", "F.mse_loss(f(3), f(3), size_average=False)", "F.mse_loss(h(3), h(3))", "F.mse_loss(f(0), f(0))", "F.l1_loss(f(3, 4), f(3, 4))", "F.l1_loss(few(5), few(5))", "F.l1_loss(f(3), f(3), reduction='none')", "F.smooth_l1_loss(3 * f(5), f(5))", "F.smooth_l1_loss(f(5), f(5), beta=0.3)", "F.smooth_l1_loss(f(5), f(5), beta=0.0)", "F.smooth_l1_loss(f(5), f(5), reduction='sum')", "F.huber_loss(3 * f(5), f(5))", "F.huber_loss(f(5), f(5), delta=0.3, reduction='none')", "F.huber_loss(f(5), f(5), delta=0)",
    "F.binary_cross_entropy(p(4) / 3, b(4).float())", "F.binary_cross_entropy(p(4) / 3, p(4) / 3)", "F.binary_cross_entropy(p(4) / 3, b(4).float(), weight=p(4).detach())", "F.binary_cross_entropy(p(4), b(4).float())", "F.binary_cross_entropy(of([0.0, 1.0]), of([1.0, 1.0]))", "F.binary_cross_entropy(p(4) / 3, b(3).float())", "F.binary_cross_entropy_with_logits(f(4), b(4).float())", "F.binary_cross_entropy_with_logits(f(4), p(4) / 3)", "F.binary_cross_entropy_with_logits(f(3, 4), b(3, 4).float(), weight=p(4).detach())", "F.binary_cross_entropy_with_logits(f(3, 4), b(3, 4).float(), pos_weight=p(4).detach())", "F.binary_cross_entropy_with_logits(f(3, 4), b(3, 4).float(), pos_weight=p(4).detach(), weight=p(3, 4).detach(), reduction='sum')", "F.binary_cross_entropy_with_logits(100 * f(4), b(4).float(), reduction='none')", "F.binary_cross_entropy_with_logits(f(4), b(3).float())",
    "F.nll_loss(F.log_softmax(f(3, 4), 1), ix(4, 3))", "F.nll_loss(f(3, 4), ix(4, 3), weight=p(4).detach())", "F.nll_loss(f(3, 4), of([1, 2, 0], 'int64'), ignore_index=2)", "F.nll_loss(f(3, 4), ix(4, 3), reduction='none')", "F.nll_loss(f(3, 4), ix(4, 3), reduction='sum')", "F.nll_loss(f(3, 4, 2), ix(4, 3, 2))", "F.nll_loss(f(3, 4, 2, 2), ix(4, 3, 2, 2), reduction='none')", "F.nll_loss(f(4), of(2, 'int64'))", "F.nll_loss(f(3, 4), of([1, 4, 0], 'int64'))", "F.nll_loss(f(3, 4), of([1, -1, 0], 'int64'))", "F.nll_loss(f(3, 4), f(3))", "F.nll_loss(f(3, 4), ix(4, 2))", "F.nll_loss(f(3, 4), ix(4, 3, 1))", "F.nll_loss(f(3, 4), ix(4, 3), weight=p(3))", "F.nll_loss(f(3, 4), of([-100, -100, -100], 'int64'))", "F.nll_loss(f(3, 4), ix(4, 3).int())",
    "F.cross_entropy(f(3, 4), ix(4, 3))", "F.cross_entropy(f(3, 4), ix(4, 3), weight=p(4).detach())", "F.cross_entropy(f(3, 4), ix(4, 3), label_smoothing=0.1)", "F.cross_entropy(f(3, 4), ix(4, 3), weight=p(4).detach(), label_smoothing=0.2)", "F.cross_entropy(f(3, 4), ix(4, 3), weight=p(4).detach(), label_smoothing=0.2, reduction='none')", "F.cross_entropy(f(3, 4), of([1, -100, 0], 'int64'), label_smoothing=0.2)", "F.cross_entropy(f(3, 4), of([1, 3, 0], 'int64'), ignore_index=3, weight=p(4).detach(), label_smoothing=0.2)", "F.cross_entropy(f(3, 4), ix(4, 3), reduction='sum', label_smoothing=0.1)", "F.cross_entropy(f(3, 4), p(3, 4).softmax(1))", "F.cross_entropy(f(3, 4), p(3, 4).softmax(1), weight=p(4).detach(), label_smoothing=0.1)", "F.cross_entropy(f(3, 4), p(3, 4).softmax(1), reduction='none')", "F.cross_entropy(f(3, 4, 2), ix(4, 3, 2))", "F.cross_entropy(f(3, 4, 2), ix(4, 3, 2), label_smoothing=0.1, weight=p(4).detach())", "F.cross_entropy(f(3, 4, 2, 2), p(3, 4, 2, 2).softmax(1))", "F.cross_entropy(f(4), of(2, 'int64'))", "F.cross_entropy(f(4), p(4).softmax(0))", "F.cross_entropy(f(3, 4), f(3))", "F.cross_entropy(f(3, 4), of([1, 4, 0], 'int64'))", "F.cross_entropy(f(3, 4), ix(4, 2))", "F.cross_entropy(f(3, 4), ix(4, 3), label_smoothing=2.0)", "F.cross_entropy(d(3, 4), ix(4, 3))", "F.cross_entropy(h(3, 4), ix(4, 3))", "F.cross_entropy(f(3, 4), ix(4, 3), reduction='x')", "F.cross_entropy(f(0, 4), ix(4, 0))", "F.cross_entropy(f(0, 4), ix(4, 0), reduction='sum')", "F.cross_entropy(f(4), of(2, 'int64'), reduction='none')", "F.cross_entropy(100 * f(3, 4), ix(4, 3))",
    "F.kl_div(F.log_softmax(f(3, 4), 1), p(3, 4).softmax(1))", "F.kl_div(f(3, 4), p(3, 4), reduction='batchmean')", "F.kl_div(f(3, 4), f(3, 4), log_target=True, reduction='sum')", "F.cosine_similarity(f(3, 4), f(3, 4))", "F.cosine_similarity(f(3, 4), f(4), dim=-1)", "F.cosine_similarity(t.zeros(2, 3), f(2, 3))", "F.pairwise_distance(f(3, 4), f(3, 4))", "F.pairwise_distance(f(3, 4), f(3, 4), p=1, keepdim=True)", "F.margin_ranking_loss(f(3), f(3), of([1.0, -1.0, 1.0]))", "F.hinge_embedding_loss(f(3), of([1.0, -1.0, 1.0]))", "F.triplet_margin_loss(f(3, 4), f(3, 4), f(3, 4))", "F.cosine_embedding_loss(f(3, 4), f(3, 4), of([1.0, -1.0, 1.0]))", "F.poisson_nll_loss(f(3), p(3))", "F.gaussian_nll_loss(f(3), f(3), p(3))", "F.multi_margin_loss(f(3, 4), ix(4, 3))", "F.multilabel_soft_margin_loss(f(3, 4), b(3, 4).float())",
]  # fmt: skip
WINDOWS = [
    "F.conv1d(f(2, 3, 8), f(4, 3, 3))", "F.conv1d(f(2, 3, 8), f(4, 3, 3), f(4), stride=2, padding=1)", "F.conv1d(f(3, 8), f(4, 3, 3))", "F.conv2d(f(2, 3, 5, 6), f(4, 3, 3, 2))", "F.conv2d(f(2, 3, 5, 6), f(4, 3, 3, 2), f(4), stride=(2, 1), padding=(1, 0), dilation=(1, 2))", "F.conv2d(f(2, 4, 5, 5), f(6, 2, 3, 3), groups=2)", "F.conv2d(f(2, 4, 5, 5), f(4, 1, 3, 3), f(4), groups=4, padding=1)", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 3, 3), padding='same')", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 2, 4), padding='same')", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 3, 3), padding='valid')", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 3, 3), padding='same', stride=2)", "F.conv2d(f(3, 5, 5), f(4, 3, 3, 3))", "F.conv2d(f(2, 3, 2, 2), f(4, 3, 3, 3))", "F.conv2d(f(2, 3, 5, 5), f(4, 2, 3, 3))", "F.conv2d(f(5, 5), f(4, 3, 3, 3))", "F.conv2d(f(2, 3, 5, 5), d(4, 3, 3, 3))", "F.conv2d(f(0, 3, 5, 5), f(4, 3, 3, 3))", "F.conv2d(d(1, 1, 4, 4), d(1, 1, 2, 2))", "F.conv3d(f(1, 2, 4, 4, 4), f(3, 2, 2, 2, 2), f(3))", "F.conv3d(f(1, 2, 4, 4, 4), f(3, 2, 2, 2, 2), stride=2, padding=1)", "t.conv2d(f(2, 3, 5, 6), f(4, 3, 3, 2))", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 3, 3), f(3))", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 3, 3), stride=0)", "F.conv2d(f(2, 3, 5, 5), f(4, 3, 3, 3), padding=-1)",
    "F.conv_transpose1d(f(2, 3, 5), f(3, 4, 3))", "F.conv_transpose1d(f(2, 3, 5), f(3, 4, 3), f(4), stride=2, padding=1, output_padding=1)", "F.conv_transpose2d(f(2, 3, 4, 4), f(3, 2, 3, 3))", "F.conv_transpose2d(f(2, 4, 4, 4), f(4, 3, 3, 3), f(6), stride=2, padding=1, output_padding=1, groups=2, dilation=2)", "F.conv_transpose3d(f(1, 2, 3, 3, 3), f(2, 3, 2, 2, 2), stride=2)", "F.conv_transpose2d(f(3, 4, 4), f(3, 2, 3, 3))", "F.conv_transpose2d(f(2, 3, 4, 4), f(4, 2, 3, 3))", "F.conv_transpose2d(f(2, 3, 4, 4), f(3, 2, 3, 3), output_padding=2)",
    "F.max_pool1d(f(2, 3, 8), 2)", "F.max_pool1d(f(3, 8), 3, 2, 1)", "F.max_pool2d(f(2, 3, 6, 6), 2)", "F.max_pool2d(f(2, 3, 7, 7), 3, 2, 1)", "F.max_pool2d(f(2, 3, 7, 7), 3, 2, 1, ceil_mode=True)", "F.max_pool2d(f(2, 3, 7, 7), (3, 2), (2, 1), (1, 0), (1, 2))", "F.max_pool2d(f(2, 3, 6, 6), 2, return_indices=True)", "F.max_pool2d(few(2, 3, 6, 6), 2, return_indices=True)", "F.max_pool2d(f(3, 6, 6), 2)", "F.max_pool2d(f(6, 6), 2)", "F.max_pool2d(f(2, 3, 6, 6), 2, padding=2)", "F.max_pool2d(f(2, 3, 1, 1), 2)", "F.max_pool2d(of([[[1.0, nan], [2.0, 3.0]]]), 2)", "F.max_pool2d(i(1, 1, 4, 4), 2)", "F.max_pool3d(f(1, 2, 4, 4, 4), 2)", "F.max_pool2d(f(2, 3, 5, 5), 2, ceil_mode=True)",
    "F.avg_pool1d(f(2, 3, 8), 2)", "F.avg_pool1d(f(2, 3, 8), 3, 2, 1)", "F.avg_pool2d(f(2, 3, 6, 6), 2)", "F.avg_pool2d(f(2, 3, 7, 7), 3, 2, 1)", "F.avg_pool2d(f(2, 3, 7, 7), 3, 2, 1, count_include_pad=False)", "F.avg_pool2d(f(2, 3, 7, 7), 3, 2, 1, ceil_mode=True)", "F.avg_pool2d(f(2, 3, 7, 7), 3, 2, 1, ceil_mode=True, count_include_pad=False)", "F.avg_pool2d(f(2, 3, 6, 6), 2, divisor_override=3)", "F.avg_pool2d(f(2, 3, 6, 6), 2, divisor_override=0)", "F.avg_pool3d(f(1, 2, 4, 4, 4), 2)", "F.avg_pool2d(f(3, 6, 6), 2)", "F.adaptive_avg_pool1d(f(2, 3, 8), 3)", "F.adaptive_avg_pool2d(f(2, 3, 6, 7), (3, 2))", "F.adaptive_avg_pool2d(f(2, 3, 6, 7), (None, 2))", "F.adaptive_avg_pool2d(f(2, 3, 6, 7), 1)", "F.adaptive_avg_pool2d(f(3, 6, 7), 4)", "F.adaptive_avg_pool3d(f(1, 2, 4, 4, 5), 2)", "F.adaptive_max_pool1d(f(2, 3, 8), 3)", "F.adaptive_max_pool2d(f(2, 3, 6, 7), (3, 2))", "F.adaptive_max_pool2d(f(2, 3, 6, 7), 2, return_indices=True)", "F.max_unpool2d(*F.max_pool2d(f(1, 2, 4, 4), 2, return_indices=True), 2)", "F.lp_pool2d(p(1, 2, 4, 4), 2, 2)",
    "F.unfold(f(2, 3, 5, 5), 2)", "F.unfold(f(2, 3, 5, 5), (2, 3), dilation=1, padding=1, stride=2)", "F.fold(f(2, 12, 16), (5, 5), 2)", "F.fold(f(2, 12, 9), (5, 5), 2, padding=1, stride=2)", "F.fold(f(2, 12, 7), (5, 5), 2)", "F.pixel_shuffle(f(2, 8, 3, 3), 2)", "F.pixel_unshuffle(f(2, 2, 4, 6), 2)", "F.pixel_shuffle(f(2, 7, 3, 3), 2)", "F.channel_shuffle(f(2, 4, 2, 2), 2)",
    "F.interpolate(f(1, 2, 3, 4), scale_factor=2)", "F.interpolate(f(1, 2, 3, 4), size=(5, 2))", "F.interpolate(f(1, 2, 5), scale_factor=1.5)", "F.interpolate(f(1, 2, 3, 4), size=(5, 7), mode='bilinear')", "F.interpolate(f(1, 2, 3, 4), size=(5, 7), mode='bilinear', align_corners=True)", "F.interpolate(f(1, 2, 5), size=9, mode='linear')", "F.interpolate(f(1, 2, 3, 4), scale_factor=2, mode='bilinear', align_corners=False)", "F.interpolate(f(1, 1, 2, 3, 3), scale_factor=2, mode='trilinear')", "F.interpolate(f(1, 2, 3, 4), size=(5, 7), mode='bicubic')", "F.interpolate(f(1, 2, 6, 6), size=(4, 3), mode='area')", "F.interpolate(f(1, 2, 6, 6), size=(4, 3), mode='nearest-exact')", "F.interpolate(f(1, 2, 3, 4))", "F.interpolate(f(1, 2, 3, 4), size=2, scale_factor=2)", "F.interpolate(f(2, 3), scale_factor=2)", "F.upsample(f(1, 2, 3, 4), scale_factor=2)",
]  # fmt: skip
MORE = [
    "F.adaptive_max_pool3d(f(1, 2, 4, 4, 5), 2)", "F.lp_pool1d(p(1, 2, 6), 2, 2)", "F.max_pool1d_with_indices(f(1, 2, 6), 2)", "F.max_pool2d_with_indices(f(1, 2, 4, 4), 2)", "F.max_pool3d_with_indices(f(1, 2, 4, 4, 4), 2)", "F.max_unpool1d(*F.max_pool1d(f(1, 2, 6), 2, return_indices=True), 2)",
    "F.soft_margin_loss(f(3), of([1.0, -1.0, 1.0]).detach())", "F.triplet_margin_with_distance_loss(f(3, 4), f(3, 4), f(3, 4), swap=True)", "F.triplet_margin_loss(f(3, 4), f(3, 4), f(3, 4), swap=True, p=1)", "F.triplet_margin_loss(f(3, 4), f(4), f(3, 4))", "F.gaussian_nll_loss(f(3), f(3), p(4))", "F.gaussian_nll_loss(f(3, 2), f(3, 2), p(3), full=True)", "F.poisson_nll_loss(f(3), p(3), full=True)", "F.poisson_nll_loss(p(3), p(3), log_input=False)", "F.multi_margin_loss(f(3, 4), ix(4, 3), p=2, weight=p(4).detach())",
    "F.dropout1d(f(2, 3, 4), 0.5, False)", "F.dropout2d(f(2, 3, 4, 4), 0.0)", "F.dropout3d(f(1, 2, 2, 2, 2), 0.5, False)", "F.alpha_dropout(f(3), 0.5, False)", "F.gumbel_softmax(f(3), tau=-1).shape",
]  # fmt: skip
NORMS = [
    "F.layer_norm(f(3, 4), (4,))", "F.layer_norm(f(3, 4), (4,), f(4), f(4))", "F.layer_norm(f(2, 3, 4), (3, 4), f(3, 4), f(3, 4))", "F.layer_norm(f(3, 4), (4,), f(4))", "F.layer_norm(f(3, 4), (3,))", "F.layer_norm(f(3, 4), (4,), f(3))", "F.layer_norm(h(3, 4), (4,))", "F.layer_norm(d(3, 4), (4,), eps=0.1)", "F.batch_norm(f(5, 3), t.zeros(3), t.ones(3))", "F.batch_norm(f(5, 3), t.zeros(3), t.ones(3), f(3), f(3))", "F.batch_norm(f(5, 3), None, None, f(3), f(3), training=True)", "m = t.zeros(3); v = t.ones(3); F.batch_norm(f(5, 3, 2), m, v, training=True, momentum=0.3), m, v", "F.batch_norm(f(5, 3), None, None)", "F.batch_norm(f(1, 3), None, None, training=True)", "F.batch_norm(f(2, 3, 4, 4), None, None, f(3), f(3), training=True)", "F.batch_norm(f(5, 3), t.zeros(4), t.ones(4))",
    "F.group_norm(f(2, 4, 3), 2)", "F.group_norm(f(2, 4, 3), 2, f(4), f(4))", "F.group_norm(f(2, 4, 3), 3)", "F.group_norm(d(2, 4), 2, eps=0.1)", "F.instance_norm(f(2, 3, 4))", "F.instance_norm(f(2, 3, 4), weight=f(3), bias=f(3))", "m = t.zeros(3); v = t.ones(3); F.instance_norm(f(2, 3, 4), m, v), m, v", "F.instance_norm(f(2, 3, 4), t.zeros(3), t.ones(3), use_input_stats=False)", "F.local_response_norm(f(2, 4, 3), 2)", "F.rms_norm(f(3, 4), (4,))", "F.rms_norm(f(3, 4), (4,), f(4), eps=0.1)", "t.layer_norm(f(3, 4), (4,))",
]  # fmt: skip
REST = [
    "F.linear(f(3, 4), f(5, 4))", "F.linear(f(3, 4), f(5, 4), f(5))", "F.linear(f(4), f(5, 4), f(5))", "F.linear(f(4), f(5, 4))", "F.linear(f(2, 3, 4), f(5, 4), f(5))", "F.linear(f(2, 3, 4), f(5, 4))", "F.linear(f(3, 4), f(4))", "F.linear(f(3, 4), f(5, 3))", "F.linear(f(3, 4), f(5, 4), f(4))", "F.linear(h(3, 4), h(5, 4), h(5))", "F.linear(f(3, 4), d(5, 4))", "F.linear(f(0, 4), f(5, 4), f(5))", "F.linear(bf(3, 4), bf(5, 4), bf(5))", "F.bilinear(f(3, 4), f(3, 5), f(2, 4, 5), f(2))", "F.bilinear(f(3, 4), f(3, 5), f(2, 4, 5))",
    "F.embedding(ix(5, 3), f(5, 4))", "F.embedding(ix(5, 2, 3), f(5, 4))", "F.embedding(of([0, 2, 2], 'int64'), f(5, 4), padding_idx=2)", "F.embedding(of([0, 5], 'int64'), f(5, 4))", "F.embedding(f(3), f(5, 4))", "F.embedding(ix(5, 3), f(5, 4), padding_idx=-1)", "F.embedding(ix(5, 3), f(5, 4), padding_idx=7)", "F.one_hot(ix(4, 5))", "F.one_hot(ix(4, 2, 3), 6)", "F.one_hot(ix(4, 5), 2)", "F.one_hot(of([-1], 'int64'))", "F.one_hot(f(3))",
    "F.pad(f(2, 3), (1, 2))", "F.pad(f(2, 3), (1, 0, 0, 2), value=1.5)", "F.pad(f(2, 3), (-1, 1))", "F.pad(f(2, 3), (1,))", "F.pad(f(2, 3), (1, 1, 1, 1, 1, 1))", "F.pad(f(1, 2, 5), (2, 1), mode='reflect')", "F.pad(f(1, 2, 5), (2, 1), mode='replicate')", "F.pad(f(1, 2, 5), (2, 1), mode='circular')", "F.pad(f(1, 2, 4, 5), (2, 1, 1, 2), mode='reflect')", "F.pad(f(1, 2, 4, 5), (2, 1, 1, 2), mode='replicate')", "F.pad(f(1, 2, 4, 5), (2, 1, 1, 2), mode='circular')", "F.pad(f(1, 2, 5), (5, 1), mode='reflect')", "F.pad(f(2, 3), (1, 1), mode='x')", "F.pad(i(2, 3), (1, 1))", "F.pad(f(2, 3), (-4, 0))",
    "F.dropout(f(3), 0.5, False)", "F.dropout(f(3), 0.0)", "F.dropout(f(3), 1.5)", "F.dropout(f(3), 1.0)", "F.scaled_dot_product_attention(f(2, 3, 4), f(2, 5, 4), f(2, 5, 6))", "F.scaled_dot_product_attention(f(2, 3, 4), f(2, 3, 4), f(2, 3, 6), is_causal=True)", "F.scaled_dot_product_attention(f(2, 3, 4), f(2, 5, 4), f(2, 5, 6), attn_mask=f(3, 5))", "F.scaled_dot_product_attention(f(2, 3, 4), f(2, 5, 4), f(2, 5, 6), scale=0.3)",
]  # fmt: skip
# Composed of other operations than PyTorch's: grad_fn has another name there.
# (hardsigmoid in float64: PyTorch divides by 6 in float32 precision.)
OTHER_NAMES = (
    "cosine",
    "pad",
    "bilinear",
    "attention",
    "instance_norm",
    "interpolate",
    "glu",
    "pairwise",
    "embedding_bag",
    "grid",
    "lp_pool",
    "label_smoothing",
    "rms_norm",
    "kl_div",
    "cross_entropy",
    "margin",
    "nll_loss",
    "response",
    "hinge",
    "normalize",
    "unpool",
    "triplet",
    "gaussian",
    "poisson",
    "soft_margin",
    "shuffle",
    "pool1d",
    "adaptive_avg_pool2d(f(2, 3, 6, 7), 1)",
)


@pytest.mark.parametrize(
    "code",
    [
        f"F.{n}({x})"
        for n in ACTIVATIONS.split()
        for x in ("f(6)", "d(2, 3)", "h(4)", "bf(4)", "f(4, 3).T", "f(0)", "f()")
        if (n, x) != ("hardsigmoid", "d(2, 3)")
    ]
    + ACTIVATION_CALLS,
)
def test_activations(agree, code):
    agree(
        code,
        exact=False,
        names=not any(n in code for n in OTHER_NAMES),
        layout=code != "F.logsigmoid(f(4, 3).T)",
    )


@pytest.mark.parametrize("code", LOSSES)
def test_losses(agree, code):
    agree(code, exact=False, names=not any(n in code for n in OTHER_NAMES))


@pytest.mark.parametrize("code", WINDOWS)
def test_windows(agree, code):
    agree(code, exact=False, names=not any(n in code for n in OTHER_NAMES))


@pytest.mark.parametrize("code", NORMS + REST + MORE)
def test_norms_and_the_rest(agree, code):
    agree(code, exact=False, loose=2, names=not any(n in code for n in OTHER_NAMES))
