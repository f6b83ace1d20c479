"""Every layer: its documented shape, that it learns, and its gradient by finite differences.

The values are compared with PyTorch's in tests/parity/test_nn.py.
"""

from __future__ import annotations

import pytest

import facula
from facula import nn

F64 = facula.float64

# Layer, input shape, output shape.
LAYERS = [
    (nn.Linear(4, 3, dtype=F64), (2, 4), (2, 3)),
    (nn.Identity(), (2, 4), (2, 4)),
    (nn.Flatten(), (2, 3, 4), (2, 12)),
    (nn.Unflatten(1, (2, 3)), (2, 6), (2, 2, 3)),
    (nn.ELU(), (2, 4), (2, 4)),
    (nn.SELU(), (2, 4), (2, 4)),
    (nn.CELU(), (2, 4), (2, 4)),
    (nn.GELU(), (2, 4), (2, 4)),
    (nn.GELU("tanh"), (2, 4), (2, 4)),
    (nn.SiLU(), (2, 4), (2, 4)),
    (nn.Mish(), (2, 4), (2, 4)),
    (nn.Sigmoid(), (2, 4), (2, 4)),
    (nn.Tanh(), (2, 4), (2, 4)),
    (nn.Softplus(), (2, 4), (2, 4)),
    (nn.Softsign(), (2, 4), (2, 4)),
    (nn.LogSigmoid(), (2, 4), (2, 4)),
    (nn.Tanhshrink(), (2, 4), (2, 4)),
    (nn.PReLU(dtype=F64), (2, 4), (2, 4)),
    (nn.Softmax(1), (2, 4), (2, 4)),
    (nn.LogSoftmax(1), (2, 4), (2, 4)),
    (nn.Softmin(1), (2, 4), (2, 4)),
    (nn.Conv1d(2, 3, 3, stride=2, padding=1, dtype=F64), (1, 2, 5), (1, 3, 3)),
    (nn.Conv2d(2, 2, 3, padding="same", groups=2, dtype=F64), (1, 2, 4, 4), (1, 2, 4, 4)),
    (nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect", dtype=F64), (1, 1, 3, 4), (1, 2, 3, 4)),
    (nn.Conv3d(1, 1, 2, dtype=F64), (1, 1, 2, 3, 2), (1, 1, 1, 2, 1)),
    (nn.MaxPool1d(2), (1, 2, 5), (1, 2, 2)),
    (nn.MaxPool2d(2, ceil_mode=True), (1, 1, 3, 4), (1, 1, 2, 2)),
    (nn.AvgPool1d(2), (1, 2, 5), (1, 2, 2)),
    (nn.AvgPool2d(2, padding=1), (1, 1, 3, 4), (1, 1, 2, 3)),
    (nn.AdaptiveAvgPool1d(2), (1, 2, 5), (1, 2, 2)),
    (nn.AdaptiveAvgPool2d((None, 1)), (1, 1, 3, 4), (1, 1, 3, 1)),
    (nn.BatchNorm1d(3, dtype=F64), (4, 3), (4, 3)),
    (nn.BatchNorm2d(2, dtype=F64), (2, 2, 2, 2), (2, 2, 2, 2)),
    (nn.LayerNorm((2, 3), dtype=F64), (2, 2, 3), (2, 2, 3)),
    (nn.GroupNorm(2, 4, dtype=F64), (2, 4, 2), (2, 4, 2)),
]


@pytest.mark.parametrize(("layer", "shape", "result"), LAYERS, ids=[repr(layer) for layer, *_ in LAYERS])
def test_shape_and_gradient(layer, shape, result):
    facula.manual_seed(0)
    x = facula.randn(*shape, dtype=F64)
    assert tuple(layer(x).shape) == result
    parameters = tuple(layer.parameters())
    assert facula.autograd.gradcheck(lambda t, *_: layer(t), (x.requires_grad_(), *parameters))


@pytest.mark.parametrize(
    "loss",
    [
        nn.MSELoss(),
        nn.SmoothL1Loss(),
        nn.HuberLoss(delta=0.1),
        nn.BCELoss(),
        nn.BCEWithLogitsLoss(),
        nn.KLDivLoss(reduction="sum"),
        nn.CrossEntropyLoss(label_smoothing=0.1),
    ],
    ids=repr,
)
def test_loss_gradient(loss):
    facula.manual_seed(0)
    x = (facula.rand(3, 4, dtype=F64) * 0.8 + 0.1).requires_grad_()
    target = facula.rand(3, 4, dtype=F64)
    assert loss(x, target).ndim == 0
    assert facula.autograd.gradcheck(lambda t: loss(t, target), (x,))


def test_batch_norm_keeps_running_statistics():
    layer = nn.BatchNorm1d(1, momentum=0.5)
    layer(facula.tensor([[1.0], [3.0]]))
    # Mean 2, unbiased variance 2; each half way from 0 and 1.
    assert layer.running_mean.item() == 1 and layer.running_var.item() == 1.5
    assert layer.num_batches_tracked.item() == 1
    layer.eval()(facula.zeros(2, 1))
    assert layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    assert layer.running_var.item() == 1 and layer.running_mean.item() == 0


def test_batch_norm_without_momentum_averages_all_batches():
    layer = nn.BatchNorm1d(1, momentum=None)
    for value in (2.0, 4.0, 9.0):
        layer(facula.tensor([[value - 1], [value + 1]]))
    assert layer.running_mean.item() == pytest.approx(5)


def test_dropout_is_off_in_evaluation():
    layer = nn.Dropout(0.5)
    x = facula.ones(1000)
    kept = layer(x)
    assert set(kept.tolist()) == {0.0, 2.0} and 400 < (kept == 0).sum().item() < 600
    assert layer.eval()(x) is x or facula.equal(layer(x), x)


def test_dropout_of_channels():
    out = nn.Dropout2d(0.5)(facula.ones(4, 16, 2, 2)).reshape(64, 4)
    assert {tuple(row) for row in out.tolist()} == {(0.0,) * 4, (2.0,) * 4}


def test_embedding_padding_gets_no_gradient():
    table = nn.Embedding(4, 2, padding_idx=1)
    assert table.weight[1].tolist() == [0, 0]
    table(facula.tensor([1, 2, 2])).sum().backward()
    assert table.weight.grad.tolist() == [[0, 0], [0, 0], [2, 2], [0, 0]]


def test_embedding_from_pretrained_is_frozen():
    table = nn.Embedding.from_pretrained(facula.eye(3))
    assert not table.weight.requires_grad and table(facula.tensor(1)).tolist() == [0, 1, 0]
    with pytest.raises(NotImplementedError, match="sparse"):
        nn.Embedding(3, 2, sparse=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv2d(4, 4, 3, padding="x"),
        lambda: nn.Conv2d(4, 4, 3, padding_mode="x"),
        lambda: nn.Dropout(-0.1),
        lambda: nn.GroupNorm(3, 4),
    ],
)
def test_impossible_arguments(make):
    with pytest.raises(ValueError):
        make()


def test_unflatten_has_no_named_dimensions():
    with pytest.raises(NotImplementedError, match="named"):
        nn.Unflatten("a", (2, 3))
