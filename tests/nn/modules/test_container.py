"""Containers: what the comparison with PyTorch does not cover."""

from __future__ import annotations

import numpy as np
import pytest

import facula
from facula import nn


def test_sequential_runs_in_order():
    double = nn.Linear(1, 1, bias=False)
    with facula.no_grad():
        double.weight.fill_(2)
    assert nn.Sequential(double, nn.ReLU(), double)(facula.tensor([[3.0]])).item() == 12
    assert nn.Sequential()(5) == 5


def test_slices_share_modules_and_keep_subclasses():
    class Chain(nn.Sequential):
        pass

    model = Chain(nn.ReLU(), nn.Tanh())
    assert type(model[:1]) is Chain and model[:1][0] is model[0]


def test_numbers_close_up_after_a_deletion():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    del model[1]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
    del layers[0:2]
    assert repr(layers) == "ModuleList(\n  (0): Sigmoid()\n)"


def test_lists_register_parameters():
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(2))
    assert [n for n, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert layers[-1] in layers and len(layers) == 2


def test_parameter_containers_are_trained_and_converted():
    p = nn.ParameterDict({"a": facula.ones(2)})
    p["a"].sum().backward()
    assert p["a"].grad.tolist() == [1, 1]
    assert p.double()["a"].dtype is facula.float64
    q = nn.ParameterList([facula.ones(2), "text"])
    assert [type(x) for x in q] == [nn.Parameter, str]


def test_bad_pairs():
    with pytest.raises(TypeError, match="#0 should be Iterable"):
        nn.ModuleDict([3])
    with pytest.raises(ValueError, match="has length 3"):
        nn.ModuleDict([(1, 2, 3)])
    with pytest.raises(TypeError, match="string"):
        nn.ParameterDict({3: 1})


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-5)


LAYERS = {
    "linear": (lambda: nn.Linear(6, 5), (4, 6)),
    "linear, no bias": (lambda: nn.Linear(6, 5, bias=False), (2, 3, 6)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3, padding=1), (2, 3, 9)),
    "conv2d": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1, padding_mode="reflect"), (2, 3, 9, 8)),
    "conv2d, single": (lambda: nn.Conv2d(3, 4, 3, padding="same"), (3, 9, 8)),
    "conv3d": (lambda: nn.Conv3d(2, 4, 2, groups=2, bias=False), (1, 2, 4, 5, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("inplace", [False, True])
def test_a_layer_and_the_relu_behind_it_are_what_they_are_one_after_the_other(name, inplace):
    make, shape = LAYERS[name]
    facula.manual_seed(1)
    layer = make()
    x = facula.randn(*shape, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    together = nn.Sequential(layer, nn.ReLU(inplace))(x)
    assert together.grad_fn.name() == "ReluBackward0"
    if "single" not in name and "reflect" not in repr(layer):  # one node: from the ReLU straight to the input
        assert "AccumulateGrad" in together.grad_fn.next_functions[0][0].name()
    apart = facula.relu(layer(y))
    close(together, apart)
    g = facula.randn(*together.shape)
    first = facula.autograd.grad(together, [x, *layer.parameters()], g)
    second = facula.autograd.grad(apart, [y, *layer.parameters()], g)
    for a, b in zip(first, second, strict=True):
        close(a, b)


def test_whoever_watches_a_layer_sees_its_own_result():
    seen = []
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    handle = model[0].register_forward_hook(lambda module, args, out: seen.append(out.min().item()))
    x = facula.randn(50, 3)
    with_hook = model(x)
    assert seen and seen[0] < 0
    handle.remove()
    close(model(x), with_hook)

    class Doubled(nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    layer = Doubled(3, 4)
    close(nn.Sequential(layer, nn.ReLU())(x), facula.relu(layer(x)))
    plain = nn.Linear(3, 4)
    plain.forward = lambda input: input + 1
    close(nn.Sequential(plain, nn.ReLU())(x), facula.relu(x + 1))
