"""Modules beside PyTorch's: printing, first values, saved states, messages, results, hooks."""

from __future__ import annotations

import copy
import math
import warnings
from collections import OrderedDict

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


def both(function):
    """What a call gives with each library: the result, or the exception's type and message; warnings, too."""

    def run(lib):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function(lib)
            except Exception as error:
                result = (type(error).__name__, str(error).replace("facula.", "torch."))
        return result, [w.category for w in caught]

    return run(facula), run(torch)


def arrays(value):
    """Tensors as arrays, containers element by element."""
    if isinstance(value, (facula.Tensor, torch.Tensor)):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {k: arrays(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [arrays(v) for v in value]
    return value


def assert_same(ours, theirs, rtol=0.0, atol=0.0):
    ours, theirs = arrays(ours), arrays(theirs)
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key], rtol, atol)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, rtol, atol)
    else:
        assert ours == theirs


# Constructor calls, and the shape of an input where the result is compared.
LAYERS = {
    "Linear": [((4, 3), {}, (5, 4)), ((4, 3), {"bias": False}, (2, 5, 4)), ((0, 3), {}, None)],
    "Identity": [((1, 2), {"x": 3}, (5, 4))],
    "Bilinear": [((4, 3, 2), {}, None), ((4, 3, 2, False), {}, None)],
    "Flatten": [((), {}, (2, 3, 4)), ((0, 1), {}, (2, 3, 4))],
    "Unflatten": [((1, (2, 3)), {}, (4, 6)), ((-1, [3, -1]), {}, (4, 6))],
    "ReLU": [((), {}, (5, 4)), ((True,), {}, (5, 4))],
    "ReLU6": [((), {}, (5, 4)), ((True,), {}, None)],
    "LeakyReLU": [((), {}, (5, 4)), ((0.2, True), {}, None)],
    "PReLU": [((), {}, (5, 4)), ((4,), {"init": 0.1}, (5, 4))],
    "ELU": [((), {}, (5, 4)), ((0.5, True), {}, None)],
    "SELU": [((), {}, (5, 4)), ((True,), {}, None)],
    "CELU": [((), {}, (5, 4)), ((0.5,), {}, (5, 4))],
    "GELU": [((), {}, (5, 4)), (("tanh",), {}, (5, 4))],
    "SiLU": [((), {}, (5, 4)), ((True,), {}, None)],
    "Mish": [((), {}, (5, 4)), ((True,), {}, None)],
    "Sigmoid": [((), {}, (5, 4))],
    "Tanh": [((), {}, (5, 4))],
    "Hardtanh": [((), {}, (5, 4)), ((-0.5, 0.5, True), {}, None)],
    "Hardsigmoid": [((), {}, (5, 4)), ((True,), {}, None)],
    "Hardswish": [((), {}, (5, 4)), ((True,), {}, None)],
    "Softplus": [((), {}, (5, 4)), ((2.0, 1.0), {}, (5, 4))],
    "Softsign": [((), {}, (5, 4))],
    "LogSigmoid": [((), {}, (5, 4))],
    "Softmax": [((1,), {}, (5, 4)), ((), {}, None)],
    "LogSoftmax": [((1,), {}, (5, 4)), ((), {"dim": 0}, (5, 4))],
    "Softmin": [((1,), {}, (5, 4))],
    "Threshold": [((0.1, 20), {}, (5, 4)), ((0.1, 20, True), {}, None)],
    "Tanhshrink": [((), {}, (5, 4))],
    "Softshrink": [((), {}, (5, 4)), ((0.2,), {}, (5, 4))],
    "Hardshrink": [((), {}, (5, 4)), ((0.2,), {}, (5, 4))],
    "Dropout": [((), {}, None), ((0.2, True), {}, None), ((0.0,), {}, (5, 4))],
    "Dropout1d": [((), {}, None)],
    "Dropout2d": [((0.3,), {}, None)],
    "Dropout3d": [((), {}, None)],
    "AlphaDropout": [((), {}, None)],
    "CrossEntropyLoss": [((), {}, None), ((), {"label_smoothing": 0.1, "reduction": "sum"}, None)],
    "NLLLoss": [((), {}, None)],
    "MSELoss": [((), {}, None)],
    "L1Loss": [((), {}, None)],
    "SmoothL1Loss": [((), {}, None)],
    "HuberLoss": [((), {}, None)],
    "BCELoss": [((), {}, None)],
    "BCEWithLogitsLoss": [((), {}, None)],
    "KLDivLoss": [((), {}, None)],
    "Conv1d": [((4, 6, 3), {}, (2, 4, 9)), ((4, 6, 3), {"padding": "same", "dilation": 2, "groups": 2}, (2,
    4, 9))], "Conv2d": [
        ((3, 4, 3), {}, (2, 3, 7, 6)),
        ((4, 4, (2, 3), (2, 1), 1, 2, 2, False), {}, (2, 4, 7, 8)),
        ((4, 4, 3), {"padding": (1, 2), "padding_mode": "circular"}, (2, 4, 7, 6)),
        ((4, 4, 3), {"padding": 2, "padding_mode": "reflect"}, (4, 7, 6)),
        ((4, 4, (2, 4)), {"padding": "same", "padding_mode": "replicate"}, (2, 4, 7, 6)),
        ((4, 4, 3), {"padding": "valid"}, (2, 4, 7, 6)),
    ],
    "Conv3d": [((2, 4, 3), {"padding": 1}, (2, 2, 4, 4, 4))],
    "MaxPool1d": [((2,), {}, (2, 3, 7)), ((3, 2, 1), {"ceil_mode": True}, (2, 3, 8))],
    "MaxPool2d": [
        ((2,), {}, (2, 3, 7, 6)),
        (((2, 3),), {"stride": (1, 2), "padding": 1, "ceil_mode": True}, (2, 3, 7, 6)),
        ((2,), {"return_indices": True}, (2, 3, 6, 6)),
    ],
    "AvgPool1d": [((2,), {}, (2, 3, 7)), ((2, (3,), 1), {"count_include_pad": False}, (2, 3, 7))],
    "AvgPool2d": [((2,), {}, (2, 3, 7, 6)), (((2, 3),), {"padding": 1, "divisor_override": 5}, (2, 3, 7, 6))],
    "AdaptiveAvgPool1d": [((3,), {}, (2, 3, 7))],
    "AdaptiveAvgPool2d": [((3,), {}, (2, 3, 7, 6)), (((None, 2),), {}, (2, 3, 7, 6))],
    "BatchNorm1d": [((4,), {}, (5, 4)), ((4,), {"momentum": None, "bias": False}, (5, 4, 3))],
    "BatchNorm2d": [
        ((3,), {}, (2, 3, 4, 5)),
        ((3, 1e-3, 0.3, False), {}, (2, 3, 4, 5)),
        ((3,), {"track_running_stats": False}, (2, 3, 4, 5)),
    ],
    "BatchNorm3d": [((3,), {}, (2, 3, 4, 5, 2))],
    "LayerNorm": [((4,), {}, (5, 4)), (([3, 4],), {"bias": False}, (5, 3, 4)), ((4, 1e-3, False), {}, (5,
    4))], "GroupNorm": [((2, 4), {}, (5, 4, 3)), ((2, 4, 1e-3, False), {}, (5, 4, 3)), ((2, 4), {"bias":
    False}, (5, 4))], "Embedding": [
        ((5, 3), {}, None),
        ((5, 3), {"padding_idx": -1, "max_norm": 1.0, "norm_type": 1.0, "scale_grad_by_freq": True}, None),
    ],
}  # fmt: skip
CASES = [(name, *case) for name, cases in LAYERS.items() for case in cases]
IDS = [f"{name}{args}{options or ''}" for name, args, options, _ in CASES]
quiet = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")


@quiet
@pytest.mark.parametrize(("name", "args", "options", "shape"), CASES, ids=IDS)
def test_layer(name, args, options, shape):
    """Printing, attributes, first values, metadata; then, in training and evaluation, results and
    gradients."""

    def make(lib):
        lib.manual_seed(3)
        return getattr(lib.nn, name)(*args, **options), lib.rand(1)

    (ours, draw), (theirs, their_draw) = make(facula), make(torch)
    assert draw.item() == their_draw.item()  # the same number of draws
    assert repr(ours) == repr(theirs)
    assert list(ours.__dict__) == list(theirs.__dict__)
    members = ("_parameters", "_buffers", "_modules")
    assert {k: v for k, v in ours.__dict__.items() if k not in members} == {
        k: v for k, v in theirs.__dict__.items() if k not in members
    }
    assert [list(getattr(ours, m)) for m in members] == [list(getattr(theirs, m)) for m in members]
    mine, other = ours.state_dict(), theirs.state_dict()
    assert_same(dict(mine), dict(other))
    assert mine._metadata == other._metadata
    if shape is None:
        return
    for train in (True, False):
        ours.train(train)
        theirs.train(train)
        values = np.random.default_rng(1).standard_normal(shape).astype("float32")
        x = facula.from_numpy(values.copy()).requires_grad_()
        y = torch.from_numpy(values.copy()).requires_grad_()
        # Through + 0, so that layers that write into their input do not write into a leaf.
        a, b = ours(x + 0), theirs(y + 0)
        assert_same(a, b, rtol=2e-5, atol=2e-6)
        a, b = (a[0], b[0]) if isinstance(b, tuple) else (a, b)
        weights = np.random.default_rng(2).standard_normal(tuple(b.shape)).astype("float32")
        ours.zero_grad()
        theirs.zero_grad()
        (a * facula.from_numpy(weights)).sum().backward()
        (b * torch.from_numpy(weights)).sum().backward()
        assert_same(x.grad, y.grad, rtol=1e-4, atol=1e-5)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert_same(p.grad, q.grad, rtol=1e-4, atol=1e-5)
        for p, q in zip(ours.buffers(), theirs.buffers(), strict=True):
            assert_same(p, q, rtol=1e-5, atol=1e-6)


def test_two_input_and_index_layers():
    def run(lib):
        lib.manual_seed(0)
        bilinear = lib.nn.Bilinear(4, 3, 2)
        table = lib.nn.Embedding(5, 3, padding_idx=2)
        a, b = lib.randn(6, 4), lib.randn(6, 3)
        out = bilinear(a, b)
        looked = table(lib.tensor([[0, 2, 4], [4, 4, 1]]))
        (out.sum() + (looked * looked).sum()).backward()
        return [out, looked, *(p.grad for p in [*bilinear.parameters(), *table.parameters()])]

    assert_same(run(facula), run(torch), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name", ["L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss", "KLDivLoss"]
)
def test_elementwise_losses(name, reduction):
    def run(lib):
        lib.manual_seed(0)
        x = (lib.rand(4, 5) * 0.8 + 0.1).requires_grad_()
        loss = getattr(lib.nn, name)(reduction=reduction)(x, lib.rand(4, 5))
        loss.sum().backward()
        return [loss, x.grad]

    assert_same(run(facula), run(torch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["classes", "ignored", "one sample", "images", "probabilities"])
def test_cross_entropy_loss(kind, smoothing, weighted, reduction):
    def run(lib):
        lib.manual_seed(0)
        shape = {"one sample": (5,), "images": (4, 5, 3, 2)}.get(kind, (4, 5))
        x = lib.randn(*shape).requires_grad_()
        if kind == "probabilities":
            target = lib.rand(4, 5)
        elif kind == "one sample":
            target = lib.tensor(3)
        else:
            target = lib.randint(0, 5, (4, 3, 2) if kind == "images" else (4,))
            if kind == "ignored":
                target[1] = 2
        loss = lib.nn.CrossEntropyLoss(
            lib.tensor([0.5, 1.0, 2.0, 1.5, 0.1]) if weighted else None,
            ignore_index=2 if kind == "ignored" else -100,
            reduction=reduction,
            label_smoothing=smoothing,
        )(x, target)
        loss.sum().backward()
        return [loss, x.grad]

    assert_same(run(facula), run(torch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"])
def test_dropout_draws(layer):
    """The same elements (or channels) fall out."""

    def run(lib):
        lib.manual_seed(0)
        shape = {"Dropout1d": (3, 8, 4), "Dropout2d": (3, 8, 4, 4), "Dropout3d": (3, 8, 2, 2, 2)}.get(
            layer, (7, 31)
        )
        return getattr(lib.nn, layer)(0.4)(lib.ones(*shape))

    assert_same(run(facula), run(torch), rtol=1e-6, atol=1e-6)


def test_weighted_losses():
    def run(lib):
        lib.manual_seed(0)
        x, t, w = lib.randn(4, 5), lib.rand(4, 5), lib.rand(5)
        classes = lib.tensor([0, 3, 1, 1])
        return [
            lib.nn.NLLLoss(w)(x, classes),
            lib.nn.NLLLoss(w, ignore_index=1, reduction="none")(x, classes),
            lib.nn.BCELoss(w)(t, t),
            lib.nn.BCEWithLogitsLoss(w, pos_weight=w + 1)(x, t),
            lib.nn.KLDivLoss(reduction="batchmean", log_target=True)(x, t),
            lib.nn.SmoothL1Loss(beta=0.3)(x, t),
            lib.nn.HuberLoss(delta=0.3)(x, t),
            lib.nn.CrossEntropyLoss(w).state_dict()["weight"],
            lib.nn.BCEWithLogitsLoss(pos_weight=w).state_dict()["pos_weight"],
        ]

    assert_same(run(facula), run(torch), rtol=1e-5, atol=1e-6)


# ---- models


def make_net(lib):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten = lib.nn.Flatten()
            self.stack = lib.nn.Sequential(
                lib.nn.Linear(12, 8), lib.nn.ReLU(), lib.nn.BatchNorm1d(8), lib.nn.Linear(8, 3)
            )
            self.heads = lib.nn.ModuleList([lib.nn.Linear(3, 3) for _ in range(3)] + [lib.nn.ReLU()])
            self.kinds = lib.nn.ModuleDict(
                {"a": lib.nn.Tanh(), "b": lib.nn.Sequential(OrderedDict(one=lib.nn.ReLU()))}
            )
            self.scale = lib.nn.Parameter(lib.ones(3))
            self.nothing = None
            self.register_parameter("absent", None)
            self.register_buffer("seen", lib.zeros(2, dtype=lib.int64))
            self.register_buffer("hidden", lib.zeros(1), persistent=False)
            self.mark = lib.nn.Buffer(lib.full((2,), 3.0))

        def forward(self, x):
            x = self.stack(self.flatten(x))
            for head in self.heads:
                x = head(x)
            return self.kinds["b"](self.kinds["a"](x)) * self.scale

    lib.manual_seed(7)
    return Net()


def test_model_tree():
    ours, theirs = make_net(facula), make_net(torch)
    assert repr(ours) == repr(theirs)
    for method in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(ours, method)()] == [n for n, _ in getattr(theirs, method)()]
    for prefix, recurse in (("x", True), ("", False)):
        names = [[n for n, _ in m.named_parameters(prefix, recurse)] for m in (ours, theirs)]
        assert names[0] == names[1]
    assert_same(dict(ours.state_dict()), dict(theirs.state_dict()))
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    assert list(ours.state_dict(prefix="p.")) == list(theirs.state_dict(prefix="p."))
    assert [n for n in dir(theirs) if not n.startswith("_") and n not in dir(ours)] == [
        "T_destination",
        "ipu",
        "mtia",
        "xpu",
    ]


def test_shared_modules_and_parameters():
    def run(lib):
        layer = lib.nn.Linear(2, 2)
        model = lib.nn.Sequential(layer, lib.nn.ReLU(), layer)
        model.tied = layer.weight
        return [
            repr(model),
            [n for n, _ in model.named_parameters()],
            [n for n, _ in model.named_parameters(remove_duplicate=False)],
            [n for n, _ in model.named_modules()],
            [n for n, _ in model.named_modules(remove_duplicate=False)],
            [n for n, _ in model.named_children()],
            list(model.state_dict()),
        ]

    assert run(facula) == run(torch)


def test_training_follows_pytorch():
    """Same seed, same curve: ten steps of a small model."""

    def run(lib):
        model = make_net(lib)
        optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, y = lib.randn(16, 3, 4), lib.randint(0, 3, (16,))
        losses = []
        for _ in range(10):
            loss = lib.nn.CrossEntropyLoss()(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    np.testing.assert_allclose(run(facula), run(torch), rtol=1e-5)


# Each: a call with the library; results, errors, messages and warnings must agree.
CALLS = {
    "no attribute": lambda lib: make_net(lib).foo,
    "set parameter": lambda lib: setattr(lib.nn.Linear(1, 1), "weight", lib.zeros(1)),
    "set parameter number": lambda lib: setattr(lib.nn.Linear(1, 1), "weight", 3),
    "set module": lambda lib: setattr(make_net(lib), "stack", 3),
    "set module tensor": lambda lib: setattr(make_net(lib), "stack", lib.zeros(1)),
    "set buffer": lambda lib: setattr(make_net(lib), "seen", 3),
    "delete": lambda lib: delattr(make_net(lib), "foo"),
    "delete class attribute": lambda lib: delattr(make_net(lib), "forward"),
    "call": lambda lib: lib.nn.Module()(1),
    "call list": lambda lib: lib.nn.ModuleList()(1),
    "call parameter list": lambda lib: lib.nn.ParameterList()(1),
    "module arguments": lambda lib: lib.nn.Module(3),
    "module options": lambda lib: lib.nn.Module(a=3),
    "train": lambda lib: lib.nn.ReLU().train(3),
    "to": lambda lib: lib.nn.ReLU().to(lib.int32),
    "add none": lambda lib: repr(add_none(lib)),
    "submodule": lambda lib: make_net(lib).get_submodule("stack.x"),
    "submodule parameter": lambda lib: make_net(lib).get_submodule("scale"),
    "submodule found": lambda lib: repr(make_net(lib).get_submodule("kinds.b.one")),
    "submodule itself": lambda lib: repr(make_net(lib).get_submodule("")),
    "parameter": lambda lib: make_net(lib).get_parameter("seen"),
    "parameter missing": lambda lib: make_net(lib).get_parameter("stack.0.foo"),
    "parameter found": lambda lib: list(make_net(lib).get_parameter("stack.0.bias").shape),
    "buffer": lambda lib: make_net(lib).get_buffer("scale"),
    "buffer missing": lambda lib: make_net(lib).get_buffer("x.foo"),
    "buffer found": lambda lib: repr(make_net(lib).get_buffer("mark")),
    "set submodule": lambda lib: set_submodule(lib, "stack.0", lib.nn.ReLU()),
    "set submodule empty": lambda lib: set_submodule(lib, "", lib.nn.ReLU()),
    "set submodule missing": lambda lib: set_submodule(lib, "q.w", lib.nn.ReLU()),
    "set submodule strict": lambda lib: set_submodule(lib, "q", lib.nn.ReLU(), strict=True),
    "set submodule number": lambda lib: set_submodule(lib, "stack", 3),
    "load no dict": lambda lib: make_net(lib).load_state_dict([]),
    "load": lambda lib: repr(make_net(lib).load_state_dict(make_net(lib).state_dict())),
    "load bad": lambda lib: make_net(lib).load_state_dict(bad_state(lib)),
    "load bad, not strict": lambda lib: make_net(lib).load_state_dict(bad_state(lib), strict=False),
    "load some": lambda lib: repr(
        make_net(lib).load_state_dict({"scale": lib.ones(3), "q.x": lib.ones(1), "kinds.b": 1}, strict=False)
    ),
    "load scalar": lambda lib: repr(load_scalar(lib)),
    "parameter of ints": lambda lib: lib.nn.Parameter(lib.zeros(2, dtype=lib.int64)),
    "parameter repr": lambda lib: repr(lib.nn.Parameter(lib.ones(2))),
    "frozen parameter repr": lambda lib: repr(lib.nn.Parameter(lib.ones(2), requires_grad=False)),
    "empty parameter": lambda lib: repr(lib.nn.Parameter()),
    "buffer repr": lambda lib: repr(lib.nn.Buffer(lib.ones(2))),
    "buffer kind": lambda lib: [
        isinstance(lib.nn.Buffer(lib.ones(2)), lib.nn.Buffer),
        isinstance(lib.ones(2), lib.nn.Buffer),
        isinstance(lib.ones(2), lib.nn.Parameter),
        type(lib.nn.Parameter(lib.ones(2)) + 1) is lib.Tensor,
        type(copy.deepcopy(lib.nn.Parameter(lib.ones(2)))) is lib.nn.Parameter,
    ],
    "conv in": lambda lib: lib.nn.Conv2d(3, 4, 2, groups=2),
    "conv out": lambda lib: lib.nn.Conv2d(4, 3, 2, groups=2),
    "conv groups": lambda lib: lib.nn.Conv2d(4, 3, 2, groups=0),
    "conv stride": lambda lib: lib.nn.Conv2d(4, 3, 2, padding="same", stride=2),
    "bilinear": lambda lib: lib.nn.Bilinear(0, 1, 2),
    "dropout": lambda lib: lib.nn.Dropout(1.5),
    "embedding": lambda lib: lib.nn.Embedding(3, 2, padding_idx=5),
    "embedding weight": lambda lib: lib.nn.Embedding(2, 3, _weight=lib.zeros(2, 2)),
    "embedding pretrained": lambda lib: repr(lib.nn.Embedding.from_pretrained(lib.zeros(2, 3)).weight),
    "embedding pretrained bad": lambda lib: lib.nn.Embedding.from_pretrained(lib.zeros(2)),
    "group norm": lambda lib: lib.nn.GroupNorm(3, 4),
    "batch norm 2d": lambda lib: lib.nn.BatchNorm2d(3)(lib.zeros(2, 3)),
    "batch norm 1d": lambda lib: lib.nn.BatchNorm1d(3)(lib.zeros(2)),
    "batch norm one": lambda lib: lib.nn.BatchNorm1d(3)(lib.zeros(1, 3)),
    "hardtanh": lambda lib: lib.nn.Hardtanh(1, 0),
    "hardtanh old": lambda lib: repr(lib.nn.Hardtanh(min_value=-2)),
    "unflatten": lambda lib: lib.nn.Unflatten(1, 3),
    "unflatten float": lambda lib: lib.nn.Unflatten(1, (3, 2.0)),
    "old reduction": lambda lib: lib.nn.MSELoss(size_average=False).reduction,
    "old reduction none": lambda lib: lib.nn.MSELoss(size_average=True, reduce=False).reduction,
    "bad reduction": lambda lib: lib.nn.MSELoss(reduction="x")(lib.zeros(1), lib.zeros(1)),
    "shapes": lambda lib: lib.nn.Linear(4, 3).weight.shape == (3, 4),
    "clip nothing": lambda lib: lib.nn.utils.clip_grad_norm_([lib.nn.Parameter(lib.ones(1))], 1.0).item(),
    "clip nan": lambda lib: clip_nan(lib),
    "vector": lambda lib: lib.nn.utils.vector_to_parameters([1], []),
}


def add_none(lib):
    model = lib.nn.Sequential(lib.nn.ReLU())
    model.add_module("x", None)
    return model


def set_submodule(lib, *args, **options):
    model = make_net(lib)
    model.set_submodule(*args, **options)
    return repr(model)


def bad_state(lib):
    state = make_net(lib).state_dict()
    state["stack.0.weight"] = lib.zeros(3, 3)
    state["stack.3.bias"] = 3
    del state["heads.1.bias"], state["seen"]
    state["more"] = state["heads.7.bias"] = lib.zeros(1)
    return state


def load_scalar(lib):
    model = lib.nn.Module()
    model.register_buffer("x", lib.tensor(0.0))
    model.load_state_dict({"x": lib.tensor([5.0])})
    return model.x


def clip_nan(lib):
    p = lib.nn.Parameter(lib.ones(1))
    p.grad = lib.tensor([float("nan")])
    lib.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize("case", CALLS)
def test_call(case):
    ours, theirs = both(CALLS[case])
    assert ours == theirs


@pytest.mark.parametrize("name", [3, "a.b", "", "stack", "forward", "seen", "scale", "free"], ids=repr)
def test_registration(name):
    for register in (
        lambda lib, m: m.register_buffer(name, lib.zeros(2)),
        lambda lib, m: m.register_parameter(name, lib.nn.Parameter(lib.zeros(2))),
        lambda lib, m: m.add_module(name, lib.nn.ReLU()),
        lambda lib, m: m.register_buffer("new", name),
        lambda lib, m: m.register_parameter("new", name),
        lambda lib, m: m.add_module("new", name),
        lambda lib, m: m.register_parameter("new", lib.zeros(2)),
    ):
        ours, theirs = both(lambda lib, register=register: register(lib, make_net(lib)))
        assert ours == theirs


def test_before_init():
    for kind in (
        lambda lib: lib.nn.Linear(1, 1),
        lambda lib: lib.nn.Parameter(lib.zeros(1)),
        lambda lib: lib.nn.Buffer(lib.zeros(1)),
        lambda lib: 3,
    ):

        def make(lib, kind=kind):
            class Early(lib.nn.Module):
                def __init__(self):
                    self.member = kind(lib)

            Early()

        ours, theirs = both(make)
        assert ours == theirs


def test_reassigning_members():
    """An attribute may change its kind; old registrations go."""

    def run(lib):
        m = lib.nn.Module()
        m.x = 3
        m.x = lib.nn.Parameter(lib.zeros(1))
        seen = [list(m.__dict__)[-1], list(m._parameters)]
        m.x = None
        seen.append(m._parameters)
        del m.x
        m.x = lib.nn.ReLU()
        seen += [list(m._parameters), list(m._modules)]
        del m.x
        m.x = lib.nn.Buffer(lib.zeros(1), persistent=False)
        seen += [list(m._modules), list(m._buffers), m._non_persistent_buffers_set]
        m.x = lib.ones(1)
        seen += [list(m._buffers), list(m.state_dict())]
        del m.x
        seen += [list(m._buffers), m._non_persistent_buffers_set]
        return seen

    assert run(facula) == run(torch)


# ---- containers


def chain(lib, *sizes):
    return lib.nn.Sequential(*(lib.nn.Linear(a, b) for a, b in sizes))


def after(method, *args):
    """The container after a method call on it."""

    def run(lib):
        m = chain(lib, (1, 1), (1, 2), (2, 3), (3, 4))
        getattr(m, method)(*(a(lib) if callable(a) else a for a in args))
        return repr(m)

    return run


CONTAINERS = {
    "index": lambda lib: repr(chain(lib, (1, 2), (2, 3))[-1]),
    "index out": lambda lib: chain(lib, (1, 2))[5],
    "index name": lambda lib: chain(lib, (1, 2))["0"],
    "slice": lambda lib: repr(chain(lib, (1, 2), (2, 3), (3, 4))[1:]),
    "slice step": lambda lib: repr(chain(lib, (1, 2), (2, 3), (3, 4))[::2]),
    "append": after("append", lambda lib: lib.nn.ReLU()),
    "insert": after("insert", 1, lambda lib: lib.nn.ReLU()),
    "insert back": after("insert", -1, lambda lib: lib.nn.ReLU()),
    "insert out": after("insert", 99, lambda lib: lib.nn.ReLU()),
    "extend": after("extend", lambda lib: chain(lib, (7, 7))),
    "pop": after("pop", 1),
    "pop name": after("pop", "x"),
    "delete": after("__delitem__", 1),
    "delete slice": after("__delitem__", slice(0, 2)),
    "delete out": after("__delitem__", 9),
    "set": after("__setitem__", 0, lambda lib: lib.nn.ReLU()),
    "set out": after("__setitem__", 9, lambda lib: lib.nn.ReLU()),
    "set number": after("__setitem__", 0, 3),
    "add": lambda lib: repr(chain(lib, (1, 2)) + chain(lib, (2, 3))),
    "add list": lambda lib: chain(lib, (1, 2)).__add__([3]),
    "times": lambda lib: repr(chain(lib, (1, 2)) * 2),
    "times from the left": lambda lib: repr(2 * chain(lib, (1, 2))),
    "times nothing": lambda lib: chain(lib, (1, 2)) * 0,
    "times float": lambda lib: chain(lib, (1, 2)) * 1.5,
    "times in place": after("__imul__", 2),
    "number": lambda lib: lib.nn.Sequential(3),
    "length": lambda lib: [len(chain(lib, (1, 2), (2, 3))), [repr(m) for m in chain(lib, (1, 2), (2, 3))]],
    "names": lambda lib: [n for n in dir(chain(lib, (1, 2))) if n.isdigit()],
    "list": lambda lib: repr(lib.nn.ModuleList([*chain(lib, (1, 2), (1, 2), (2, 2)), *[lib.nn.ReLU()] * 2])),
    "list empty": lambda lib: repr(lib.nn.ModuleList()),
    "list nested": lambda lib: repr(lib.nn.ModuleList([chain(lib, (1, 2), (2, 1)) for _ in range(3)])),
    "list slice": lambda lib: repr(lib.nn.ModuleList(chain(lib, (1, 2), (2, 3), (3, 4)))[1:]),
    "list add": lambda lib: repr(lib.nn.ModuleList(chain(lib, (1, 2))).__add__([lib.nn.ReLU()])),
    "list number": lambda lib: lib.nn.ModuleList([3]),
    "list of a number": lambda lib: lib.nn.ModuleList(3),
    "list out": lambda lib: lib.nn.ModuleList()[0],
    "list change": lambda lib: repr(list_changed(lib)),
    "dict": lambda lib: repr(lib.nn.ModuleDict({"a": lib.nn.ReLU(), "b": lib.nn.Tanh()})),
    "dict pairs": lambda lib: repr(lib.nn.ModuleDict([["a", lib.nn.ReLU()]])),
    "dict missing": lambda lib: lib.nn.ModuleDict()["q"],
    "dict number": lambda lib: lib.nn.ModuleDict({"a": 3}),
    "dict of a number": lambda lib: lib.nn.ModuleDict(3),
    "dict of triples": lambda lib: lib.nn.ModuleDict([(1, 2, 3)]),
    "dict name": lambda lib: lib.nn.ModuleDict({"keys": lib.nn.ReLU()}),
    "dict change": lambda lib: dict_changed(lib),
    "parameters": lambda lib: repr(lib.nn.ParameterList([lib.zeros(2), lib.nn.Parameter(lib.ones(2, 3)), 4])),
    "parameters state": lambda lib: list(lib.nn.ParameterList([lib.zeros(2), 4]).state_dict()),
    "parameters change": lambda lib: parameters_changed(lib),
    "parameters out": lambda lib: lib.nn.ParameterList([1])[9],
    "parameters of a number": lambda lib: lib.nn.ParameterList(3),
    "parameter dict": lambda lib: repr(lib.nn.ParameterDict({"a": lib.zeros(2), "c": 4})),
    "parameter dict change": lambda lib: parameter_dict_changed(lib),
    "parameter dict missing": lambda lib: lib.nn.ParameterDict()["nope"],
}


def list_changed(lib):
    m = lib.nn.ModuleList(chain(lib, (1, 2), (2, 3), (3, 4), (4, 5)))
    m.insert(1, lib.nn.ReLU())
    m += [lib.nn.Tanh()]
    m[0] = lib.nn.Sigmoid()
    m.pop(2)
    del m[-1]
    return m


def dict_changed(lib):
    m = lib.nn.ModuleDict({"a": lib.nn.ReLU(), "b": lib.nn.Tanh()})
    m.update({"c": lib.nn.Sigmoid()})
    popped = repr(m.pop("a"))
    m["d"] = lib.nn.ReLU()
    del m["b"]
    seen = [
        popped,
        repr(m),
        list(m),
        list(m.keys()),
        len(m),
        "c" in m,
        [k for k, _ in m.items()],
        len(m.values()),
    ]
    m.clear()
    return [*seen, repr(m)]


def parameters_changed(lib):
    p = lib.nn.ParameterList([lib.zeros(2), 4])
    p.append(lib.ones(1))
    p.extend([lib.ones(3)])
    p += [5]
    p[0] = lib.ones(2, 2)
    return [repr(p), repr(p[:2]), len(p), repr(p[-2]), [n for n, _ in p.named_parameters()]]


def parameter_dict_changed(lib):
    p = lib.nn.ParameterDict({"a": lib.zeros(2), "b": lib.nn.Parameter(lib.ones(3)), "c": 4})
    seen = [
        list(p),
        list(p.keys()),
        [k for k, _ in p.items()],
        len(list(p.values())),
        p.get("z", 7),
        "a" in p,
    ]
    seen += [repr(p.pop("a")), p.popitem(), repr(p.setdefault("k", lib.zeros(1)))]
    p.update({"m": lib.zeros(1)})
    seen += [repr(p), repr(p.copy()), repr(p | lib.nn.ParameterDict({"w": lib.ones(1)})), list(reversed(p))]
    seen += [repr(p.fromkeys(["u", "v"], 1))]
    p.clear()
    return [*seen, repr(p)]


@pytest.mark.parametrize("case", CONTAINERS)
def test_container(case):
    ours, theirs = both(CONTAINERS[case])
    assert ours == theirs


# ---- conversion


def test_to():
    def run(lib):
        m = make_net(lib)
        m.stack[0].weight.grad = lib.ones(8, 12)
        first = m.stack[0].weight
        m.to(lib.float64)
        seen = [first is m.stack[0].weight, str(first.dtype), str(first.grad.dtype), str(m.seen.dtype)]
        m.half()
        seen += [str(m.mark.dtype), str(m.scale.dtype), str(m.seen.dtype)]
        m.bfloat16().float().to("cpu", lib.float64).to(lib.zeros(1))
        seen += [str(m.mark.dtype), m.to(device="cpu", dtype=lib.float32, non_blocking=True) is m]
        m.type(lib.float64)
        seen += [str(m.seen.dtype), m.double().cpu() is m, first.requires_grad, first.is_leaf]
        m.requires_grad_(False)
        seen += [first.requires_grad, m.eval() is m, m.stack.training, m.train().stack[0].training]
        m.apply(lambda module: seen.append(type(module).__name__))
        return seen

    assert run(facula) == run(torch)


def test_zero_grad():
    def run(lib):
        m = lib.nn.Linear(2, 1)
        m(lib.ones(1, 2)).sum().backward()
        m.zero_grad(set_to_none=False)
        seen = [m.weight.grad.tolist()]
        m.zero_grad()
        return [*seen, m.weight.grad]

    assert run(facula) == run(torch)


def test_deep_copy_is_independent():
    model = make_net(facula)
    twin = copy.deepcopy(model)
    assert_same(dict(twin.state_dict()), dict(model.state_dict()))
    with facula.no_grad():
        twin.scale.add_(1)
        twin.seen.add_(1)
    assert model.scale.tolist() == [1, 1, 1] and model.seen.tolist() == [0, 0]
    assert [n for n, _ in twin.named_parameters()] == [n for n, _ in model.named_parameters()]


# ---- hooks


def test_forward_hooks():
    def run(lib):
        seen = []
        m = lib.nn.Linear(2, 2)
        with lib.no_grad():
            m.weight.fill_(1)
            m.bias.zero_()
        x = lib.ones(1, 2)
        m.register_forward_pre_hook(lambda mod, args: seen.append(("pre", len(args))))
        double = m.register_forward_pre_hook(lambda mod, args: (args[0] * 2,), prepend=True)
        m.register_forward_pre_hook(
            lambda mod, args, kwargs: (args, {**kwargs}) if seen.append("kwargs") is None else None,
            with_kwargs=True,
        )
        m.register_forward_hook(lambda mod, args, out: seen.append((len(args), out.tolist())))
        m.register_forward_hook(
            lambda mod, args, kwargs, out: out + len(kwargs), with_kwargs=True, prepend=True
        )
        seen.append(m(x).tolist())
        double.remove()
        with m.register_forward_hook(lambda mod, args, out: out * 10):
            seen.append(m(x).tolist())
        seen.append(m(input=x).tolist())
        return seen

    assert run(facula) == run(torch)


def test_always_called_hooks():
    def run(lib):
        seen = []
        m = lib.nn.Linear(2, 2)
        m.register_forward_hook(lambda mod, args, out: seen.append("normal"))
        m.register_forward_hook(lambda mod, args, out: seen.append(("always", out)), always_call=True)
        try:
            m(lib.ones(3))
        except RuntimeError:
            seen.append("raised")
        return seen

    assert run(facula) == run(torch) == [("always", None), "raised"]


@pytest.mark.parametrize("needs", [True, False])
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks(needs):
    def run(lib):
        seen = []
        m = lib.nn.Linear(2, 2)
        with lib.no_grad():
            m.weight.fill_(0.5)
        x = lib.ones(1, 2, requires_grad=needs)

        def note(name):
            return lambda mod, *grads: seen.append(
                (name, [[g if g is None else g.tolist() for g in t] for t in grads])
            )

        m.register_full_backward_hook(note("full"))
        m.register_full_backward_pre_hook(note("pre"))
        y = m(x)
        seen.append(type(y.grad_fn).__name__)
        (y * 3).sum().backward()
        if needs:
            m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 100,))
            m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 10,))
            m(x).sum().backward()
            seen.append(x.grad.tolist())
        seen.append(m.weight.grad.tolist())
        return seen

    assert run(facula) == run(torch)


def test_backward_hooks_with_several_values():
    def run(lib):
        class Two(lib.nn.Module):
            def forward(self, x, flag, y=None):
                return x * 2, flag

        seen = []
        m = Two()
        m.register_full_backward_hook(
            lambda mod, gi, go: seen.append(
                [[None if g is None else g.tolist() for g in t] for t in (gi, go)]
            )
        )
        x = lib.ones(2, requires_grad=True)
        m(x, None)[0].sum().backward()
        m(x, 3, y=x)[0].sum().backward()
        return seen

    assert run(facula) == run(torch)


@pytest.mark.parametrize("case", ["too many", "too many before", "kwargs"])
def test_bad_hooks(case):
    def run(lib):
        m = lib.nn.Linear(2, 2)
        if case == "kwargs":
            m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
        elif case == "too many":
            m.register_full_backward_hook(lambda mod, gi, go: (1, 2))
        else:
            m.register_full_backward_pre_hook(lambda mod, go: (1, 2))
        m(lib.ones(1, 2, requires_grad=True)).sum().backward()

    ours, theirs = both(run)
    assert ours == theirs


def test_state_dict_hooks():
    def run(lib):
        seen = []
        m = lib.nn.Sequential(lib.nn.Linear(1, 1))
        m[0].register_state_dict_pre_hook(lambda mod, prefix, keep: seen.append((prefix, keep)))
        m[0].register_state_dict_post_hook(
            lambda mod, state, prefix, meta: seen.append((list(state), prefix, meta))
        )
        m._register_state_dict_hook(lambda mod, state, prefix, meta: {"only": 1})
        seen.append(m.state_dict())
        m[0].register_load_state_dict_pre_hook(
            lambda mod, state, prefix, *rest: seen.append((list(state), prefix))
        )
        m.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
        seen.append(repr(m.load_state_dict({"0.weight": lib.ones(1, 1)})))
        return seen

    assert run(facula) == run(torch)


def test_extra_state():
    def run(lib):
        class Extra(lib.nn.Module):
            value = 1

            def get_extra_state(self):
                return self.value

            def set_extra_state(self, state):
                self.value = state

        m = lib.nn.Sequential(Extra())
        state = m.state_dict()
        state["0._extra_state"] = 5
        seen = [list(state), repr(m.load_state_dict(state)), m[0].value]
        try:
            m.load_state_dict({})
        except RuntimeError as error:
            seen.append(str(error))
        return seen

    assert run(facula) == run(torch)


def test_assign():
    def run(lib):
        m = lib.nn.Linear(2, 1)
        m.weight.requires_grad_(False)
        state = {"weight": lib.ones(1, 2, dtype=lib.float64), "bias": lib.nn.Parameter(lib.ones(1))}
        m.load_state_dict(state, assign=True)
        return [str(m.weight.dtype), m.weight.requires_grad, m.bias is state["bias"], type(m.weight).__name__]

    assert run(facula) == run(torch)


def test_old_batch_norm_state():
    """A state from before there was a count of batches."""

    def run(lib):
        m = lib.nn.BatchNorm1d(2)
        state = m.state_dict()
        del state["num_batches_tracked"]
        del state._metadata
        return repr(m.load_state_dict(state))

    assert run(facula) == run(torch)


# ---- initialisation

INITS = {
    "uniform_": [((3, 5), {}), ((40,), {"a": -2, "b": 3})],
    "normal_": [((3, 5), {}), ((40,), {"mean": -2, "std": 3})],
    "trunc_normal_": [
        ((3,), {}),
        ((40, 10), {}),
        ((40, 10), {"std": 0.02}),
        ((30, 30), {"mean": 0.5, "std": 2.0}),
        ((30, 30), {"a": -0.1, "b": 0.1}),
    ],
    "constant_": [((3, 5), {"val": 0.3})],
    "ones_": [((3, 5), {})],
    "zeros_": [((3, 5), {})],
    "eye_": [((3, 5), {})],
    "dirac_": [((4, 2, 3), {}), ((4, 2, 3, 2), {"groups": 2}), ((2, 2, 3, 3, 3), {})],
    "xavier_uniform_": [((6, 5), {}), ((6, 5, 3, 3), {"gain": 2.0})],
    "xavier_normal_": [((6, 5), {}), ((6, 5, 3, 3), {"gain": 2.0})],
    "kaiming_uniform_": [
        ((6, 5), {}),
        ((6, 5, 3), {"a": 0.2, "mode": "fan_out"}),
        ((6, 5), {"nonlinearity": "relu"}),
    ],
    "kaiming_normal_": [
        ((6, 5), {}),
        ((6, 5, 3), {"a": 0.2, "mode": "fan_out"}),
        ((6, 5), {"nonlinearity": "tanh"}),
    ],
    "orthogonal_": [((3, 5), {}), ((5, 3), {"gain": 2}), ((4, 2, 2), {})],
    "sparse_": [((6, 4), {"sparsity": 0.4}), ((10, 3), {"sparsity": 0.1, "std": 1.0})],
}


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [(n, *case) for n, cases in INITS.items() for case in cases],
    ids=[f"{n}{shape}{options}" for n, cases in INITS.items() for shape, options in cases],
)
def test_init(name, shape, options):
    def run(lib):
        lib.manual_seed(1)
        w = lib.empty(*shape).requires_grad_()
        result = getattr(lib.nn.init, name)(w, **options)
        assert result is w and w.is_leaf
        return [w, lib.rand(1)]

    # Draws are the same; a logarithm, a QR decomposition or the scaling may round otherwise.
    tolerance = {"orthogonal_": 2e-6}.get(name, 3e-7)
    assert_same(run(facula), run(torch), rtol=tolerance, atol=tolerance)


INIT_CALLS = {
    "gains": lambda lib: [
        lib.nn.init.calculate_gain(n)
        for n in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    ],
    "gain slope": lambda lib: lib.nn.init.calculate_gain("leaky_relu", 0.3),
    "gain unknown": lambda lib: lib.nn.init.calculate_gain("x"),
    "gain text": lambda lib: lib.nn.init.calculate_gain("leaky_relu", "x"),
    "gain flag": lambda lib: lib.nn.init.calculate_gain("leaky_relu", True),
    "eye": lambda lib: lib.nn.init.eye_(lib.empty(3)),
    "dirac": lambda lib: lib.nn.init.dirac_(lib.empty(3, 3)),
    "dirac groups": lambda lib: lib.nn.init.dirac_(lib.empty(3, 3, 3), 2),
    "xavier": lambda lib: lib.nn.init.xavier_uniform_(lib.empty(3)),
    "kaiming": lambda lib: lib.nn.init.kaiming_uniform_(lib.empty(3, 3), mode="x"),
    "kaiming empty": lambda lib: list(lib.nn.init.kaiming_uniform_(lib.empty(0, 3)).shape),
    "orthogonal": lambda lib: lib.nn.init.orthogonal_(lib.empty(3)),
    "orthogonal empty": lambda lib: list(lib.nn.init.orthogonal_(lib.empty(0, 3)).shape),
    "sparse": lambda lib: lib.nn.init.sparse_(lib.empty(3), 0.1),
    "old name": lambda lib: list(lib.nn.init.uniform(lib.empty(3)).shape),
    "fans": lambda lib: list(lib.nn.init._calculate_fan_in_and_fan_out(lib.empty(3, 4, 5, 6))),
    "far mean": lambda lib: list(lib.nn.init.trunc_normal_(lib.empty(2), mean=9.0).shape),
}


@pytest.mark.parametrize("case", INIT_CALLS)
def test_init_call(case):
    ours, theirs = both(INIT_CALLS[case])
    assert ours == theirs


# ---- utils


@pytest.mark.parametrize("norm", [2.0, 1, 3, 0.5, 0, -1, math.inf, -math.inf, "inf"])
def test_clip_grad_norm(norm):
    def run(lib):
        lib.manual_seed(0)
        parameters = [
            lib.nn.Parameter(lib.zeros(3, 2)),
            lib.nn.Parameter(lib.zeros(4)),
            lib.nn.Parameter(lib.zeros(2)),
        ]
        for p in parameters[:2]:
            p.grad = lib.randn(*p.shape)
        total = lib.nn.utils.clip_grad_norm_(iter(parameters), 0.5, norm)
        largest = lib.nn.utils.clip_grad_norm_(parameters[0], 1e6)
        return [total, largest, *(p.grad for p in parameters[:2])]

    assert_same(run(facula), run(torch), rtol=1e-5, atol=1e-6)


def test_other_utils():
    def run(lib):
        parameters = [lib.nn.Parameter(lib.zeros(2, 2)), lib.nn.Parameter(lib.ones(3))]
        vector = lib.nn.utils.parameters_to_vector(parameters)
        lib.nn.utils.vector_to_parameters(lib.arange(9.0), parameters)
        parameters[0].grad = lib.tensor([[-3.0, 0.5], [2.0, 0.0]])
        lib.nn.utils.clip_grad_value_(parameters, 1.0)
        return [vector, *parameters, parameters[0].grad, lib.nn.utils.get_total_norm([])]

    assert_same(run(facula), run(torch))
