"""Layers of less everyday use beside PyTorch's: printing, first values, messages, results, gradients."""

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


def arrays(value):
    if isinstance(value, (facula.Tensor, torch.Tensor)):
        return value.detach().numpy()
    if isinstance(value, (list, tuple)):
        return [arrays(v) for v in value]
    return value


def assert_same(ours, theirs, rtol=2e-5, atol=2e-6):
    ours, theirs = arrays(ours), arrays(theirs)
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, rtol, atol)
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    else:
        assert ours == theirs


def run_layer(lib, name, args, options, shapes, train=True):
    """Text, parameters, results and gradients of a layer made and called with fixed seeds."""
    lib.manual_seed(3)
    layer = getattr(lib.nn, name)(*args, **options).train(train)
    inputs = []
    for i, shape in enumerate(shapes):
        values = np.random.default_rng(i).standard_normal(shape).astype("float32")
        inputs.append(lib.from_numpy(values).requires_grad_())
    results = layer(*inputs)
    flat = []
    for each in results if isinstance(results, tuple) else (results,):
        flat += each if isinstance(each, tuple) else [each]
    total = sum((r * r).sum() + r.sum() for r in flat if r is not None and r.dtype == lib.float32)
    total.backward()
    members = {k: v for k, v in layer.__dict__.items() if not k.startswith("_")}
    texts = [repr(layer), list(members), list(layer.state_dict())]
    values = [*layer.state_dict().values(), *flat, *(x.grad for x in inputs)]
    return texts, [*values, *(p.grad for p in layer.parameters()), lib.rand(1)]


PADS = [
    (f"{kind}Pad{n}d", args, {}, [(2, 3, 5, 4, 6)[: n + 2]])
    for kind in ("Reflection", "Replication", "Circular", "Zero")
    for n in (1, 2, 3)
    for args in ((1,), (tuple(range(1, 1 + 2 * n))[::-1] if kind == "Replication" else (2, 1) * n,))
]
LAYERS = [
    *PADS,
    ("ConstantPad1d", (2, 1.5), {}, [(2, 3, 4)]),
    ("ConstantPad2d", ((1, -1, 0, 2), 0.5), {}, [(2, 3, 4, 4)]),
    ("ConstantPad3d", (1, 0.5), {}, [(2, 2, 3, 2)]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "groups": 2}, [(2, 4, 5)]),
    ("ConvTranspose2d", (3, 4, 3, 2, 1, 1), {}, [(2, 3, 4, 5)]),
    ("ConvTranspose2d", (3, 4, (2, 3)), {"dilation": 2, "bias": False, "padding": (0, 1)}, [(3, 4, 5)]),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2}, [(1, 2, 2, 3, 2)]),
    ("InstanceNorm1d", (3,), {}, [(2, 3, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True}, [(2, 3, 4, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True, "bias": False}, [(3, 4, 5)]),
    ("InstanceNorm2d", (3,), {"track_running_stats": True, "momentum": 0.3}, [(2, 3, 4, 5)]),
    ("InstanceNorm3d", (3,), {}, [(2, 3, 2, 4, 5)]),
    ("RMSNorm", (4,), {}, [(2, 3, 4)]),
    ("RMSNorm", ([3, 4],), {"eps": 1e-3, "elementwise_affine": False}, [(2, 3, 4)]),
    ("GLU", (), {}, [(3, 6)]),
    ("GLU", (0,), {}, [(4, 3)]),
    ("Softmax2d", (), {}, [(2, 3, 4, 5)]),
    ("MaxPool3d", (2,), {}, [(2, 3, 4, 6, 4)]),
    ("AvgPool3d", (2,), {"padding": 1, "count_include_pad": False}, [(2, 3, 4, 6, 4)]),
    ("AdaptiveAvgPool3d", ((2, None, 1),), {}, [(2, 3, 5, 4, 6)]),
    ("AdaptiveMaxPool1d", (3,), {}, [(2, 3, 7)]),
    ("AdaptiveMaxPool2d", ((2, 3),), {"return_indices": True}, [(2, 3, 5, 7)]),
    ("AdaptiveMaxPool3d", (2,), {}, [(2, 3, 5, 4, 3)]),
    ("Upsample", (), {"scale_factor": 2}, [(2, 3, 4, 5)]),
    ("Upsample", ((5, 7),), {"mode": "bilinear", "align_corners": True}, [(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": (2, 1.5), "mode": "bilinear"}, [(2, 3, 4, 6)]),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, [(2, 3, 2, 3)]),
    ("UpsamplingBilinear2d", (), {"size": (4, 6)}, [(2, 3, 2, 3)]),
    ("PixelShuffle", (2,), {}, [(2, 8, 3, 4)]),
    ("PixelUnshuffle", (2,), {}, [(2, 2, 6, 4)]),
    ("ChannelShuffle", (2,), {}, [(2, 6, 3, 4)]),
    ("Unfold", (2,), {"stride": 2}, [(2, 3, 4, 6)]),
    ("Fold", ((4, 5), (2, 3)), {"padding": (0, 1)}, [(2, 12, 15)]),
    ("PairwiseDistance", (), {}, [(4, 5), (4, 5)]),
    ("PairwiseDistance", (1.0,), {"keepdim": True}, [(4, 5), (5,)]),
    ("CosineSimilarity", (), {"dim": -1}, [(4, 5), (4, 5)]),
    ("RNNCell", (3, 4), {"nonlinearity": "relu"}, [(2, 3)]),
    ("RNNCell", (3, 4, False), {}, [(2, 3), (2, 4)]),
    ("GRUCell", (3, 4), {}, [(2, 3), (2, 4)]),
    ("LSTMCell", (3, 4), {"bias": False}, [(3,)]),
]


def named(cases):
    return [f"{name}{args}{options or ''}" for name, args, options, _ in cases]


@pytest.mark.parametrize(("name", "args", "options", "shapes"), LAYERS, ids=named(LAYERS))
def test_layer(name, args, options, shapes):
    for train in (True, False):
        ours, our_values = run_layer(facula, name, args, options, shapes, train)
        theirs, their_values = run_layer(torch, name, args, options, shapes, train)
        assert ours == theirs
        assert_same(our_values, their_values, rtol=1e-4, atol=1e-5)


RECURRENT = [
    (kind, (3, 4), options, [shape])
    for kind in ("RNN", "GRU", "LSTM")
    for options, shape in (
        ({}, (5, 2, 3)),
        ({"num_layers": 2, "bidirectional": True, "batch_first": True}, (2, 5, 3)),
        ({"num_layers": 3, "dropout": 0.3, "bias": False}, (5, 2, 3)),
        ({"bidirectional": True}, (5, 3)),
    )
]
RECURRENT += [
    ("RNN", (3, 4), {"nonlinearity": "relu"}, [(5, 2, 3)]),
    ("LSTM", (3, 4), {"proj_size": 2, "num_layers": 2, "bidirectional": True}, [(5, 2, 3)]),
    ("GRU", (3, 4), {}, [(5, 2, 3), (1, 2, 4)]),
]


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("name", "args", "options", "shapes"), RECURRENT, ids=named(RECURRENT))
def test_recurrent(name, args, options, shapes):
    for train in (True, False):
        ours, our_values = run_layer(facula, name, args, options, shapes, train)
        theirs, their_values = run_layer(torch, name, args, options, shapes, train)
        assert (ours[0], ours[2]) == (theirs[0], theirs[2])
        assert_same(our_values, their_values, rtol=1e-4, atol=1e-5)


def test_lstm_state_is_given_and_returned():
    def run(lib):
        lib.manual_seed(0)
        layer = lib.nn.LSTM(3, 4, 2)
        _, state = layer(lib.randn(5, 2, 3))
        output, (h, c) = layer(lib.randn(1, 2, 3), state)
        layer.flatten_parameters()
        return [output, h, c, [p for part in layer.all_weights for p in part]]

    assert_same(run(facula), run(torch))


LOSSES = {
    "CosineEmbeddingLoss": ({"margin": 0.2}, "xxs"),
    "MarginRankingLoss": ({"margin": 0.1}, "vvs"),
    "HingeEmbeddingLoss": ({}, "xS"),
    "TripletMarginLoss": ({"swap": True, "p": 1.5}, "xxx"),
    "SoftMarginLoss": ({}, "xS"),
    "MultiMarginLoss": ({"p": 2, "weight": [0.5, 1.0, 2.0, 1.0]}, "xc"),
    "MultiLabelSoftMarginLoss": ({"weight": [0.5, 1.0, 2.0, 1.0]}, "xb"),
    "PoissonNLLLoss": ({"full": True}, "xp"),
    "GaussianNLLLoss": ({"full": True}, "xxp"),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name, plain, reduction):
    options, kinds = LOSSES[name]

    def run(lib):
        rng = np.random.default_rng(0)
        made = {
            "x": lambda: rng.standard_normal((6, 4)).astype("float32"),
            "v": lambda: rng.standard_normal(6).astype("float32"),
            "s": lambda: rng.choice([-1.0, 1.0], 6).astype("float32"),
            "S": lambda: rng.choice([-1.0, 1.0], (6, 4)).astype("float32"),
            "c": lambda: rng.integers(0, 4, 6),
            "b": lambda: rng.integers(0, 2, (6, 4)).astype("float32"),
            "p": lambda: rng.integers(0, 6, (6, 4)).astype("float32"),
        }
        inputs = [lib.from_numpy(made[kind]()) for kind in kinds]
        for value, kind in zip(inputs, kinds, strict=True):
            value.requires_grad_(kind in "xv")
        given = {} if plain else {k: lib.tensor(v) if k == "weight" else v for k, v in options.items()}
        layer = getattr(lib.nn, name)(**given, reduction=reduction)
        loss = layer(*inputs)
        loss.sum().backward()
        members = {k: v for k, v in layer.__dict__.items() if not k.startswith("_")}
        return [repr(layer), str(members), loss, *(x.grad for x in inputs if x.requires_grad)]

    assert_same(run(facula), run(torch), rtol=1e-4, atol=1e-5)


def message(lib, call):
    with pytest.raises(Exception) as caught:
        call(lib)
    return type(caught.value).__name__, str(caught.value)


ERRORS = {
    "triplet margin": lambda t: t.nn.TripletMarginLoss(margin=0.0),
    "triplet dims": lambda t: t.nn.TripletMarginLoss()(t.ones(2, 3), t.ones(2, 3), t.ones(3)),
    "multi margin p": lambda t: t.nn.MultiMarginLoss(p=3),
    "multi margin weight": lambda t: t.nn.MultiMarginLoss(weight=t.ones(2, 2)),
    "gaussian": lambda t: t.nn.GaussianNLLLoss()(t.ones(2, 3), t.ones(2, 3), -t.ones(2, 3)),
    "gaussian shape": lambda t: t.nn.GaussianNLLLoss()(t.ones(2, 3), t.ones(2, 3), t.ones(5)),
    "padding mode": lambda t: t.nn.ConvTranspose2d(1, 1, 1, padding_mode="reflect"),
    "size": lambda t: t.nn.ConvTranspose2d(1, 1, 3, 2)(t.ones(1, 1, 4, 4), output_size=(20, 20)),
    "sizes": lambda t: t.nn.ConvTranspose2d(1, 1, 3, 2)(t.ones(1, 1, 4, 4), output_size=(9, 9, 9)),
    "instance channels": lambda t: t.nn.InstanceNorm2d(3, affine=True)(t.ones(2, 4, 3, 3)),
    "instance one": lambda t: t.nn.InstanceNorm2d(3)(t.ones(2, 3, 1, 1)),
    "instance dims": lambda t: t.nn.InstanceNorm2d(3)(t.ones(2, 3)),
    "softmax dims": lambda t: t.nn.Softmax2d()(t.ones(2, 2)),
    "rnn nonlinearity": lambda t: t.nn.RNN(2, 3, nonlinearity="x"),
    "rnn hidden": lambda t: t.nn.RNN(2, 0),
    "rnn layers": lambda t: t.nn.RNN(2, 3, 0),
    "rnn dropout": lambda t: t.nn.RNN(2, 3, dropout=2),
    "rnn proj": lambda t: t.nn.LSTM(2, 3, proj_size=3),
    "rnn dims": lambda t: t.nn.GRU(2, 3)(t.ones(1, 2, 3, 4)),
    "rnn input": lambda t: t.nn.LSTM(2, 3)(t.ones(1, 2, 4)),
    "rnn state dims": lambda t: t.nn.GRU(2, 3)(t.ones(4, 1, 2), t.ones(1)),
    "rnn state": lambda t: t.nn.GRU(2, 3)(t.ones(4, 1, 2), t.ones(1, 2, 3)),
    "lstm state": lambda t: t.nn.LSTM(2, 3)(t.ones(4, 1, 2), (t.ones(1, 2, 3), t.ones(1, 1, 3))),
    "cell dims": lambda t: t.nn.LSTMCell(2, 3)(t.ones(1, 1, 2)),
    "cell input": lambda t: t.nn.GRUCell(2, 3)(t.ones(1, 3)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(case):
    assert message(facula, ERRORS[case]) == message(torch, ERRORS[case])


def test_output_size():
    def run(lib):
        lib.manual_seed(1)
        return lib.nn.ConvTranspose2d(1, 2, 3, stride=2)(lib.ones(1, 1, 4, 4), output_size=(10, 9))

    assert_same(run(facula), run(torch))


@pytest.mark.parametrize(
    "options", [{"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0}, {"scale_grad_by_freq": True}]
)
def test_embedding_options(options):
    def run(lib):
        lib.manual_seed(4)
        table = lib.nn.Embedding(6, 3, padding_idx=0, **options)
        optimizer = lib.optim.SGD(table.parameters(), lr=0.3)
        seen = []
        for row in ([[0, 2, 2], [5, 2, 1]], [[1, 1, 4], [0, 3, 1]]):
            out = table(lib.tensor(row))
            optimizer.zero_grad()
            (out * out + out).sum().backward()
            seen += [out, table.weight.grad.clone()]
            optimizer.step()
        return [*seen, table.weight]

    assert_same(run(facula), run(torch))
