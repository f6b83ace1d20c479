"""Who was the first whose output was not finite?"""

import math

import pytest

import facula
from facula import nn
from facula.cli.nonfinite import blame


def network():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("0.weight", "`0` (Linear); its weight is"), ("2.0.bias", "`2.0` (Linear); its bias is")],
)
def test_the_innermost_module_with_the_broken_parameter_is_named(name, expected):
    model = network()
    with facula.no_grad():
        dict(model.named_parameters())[name].fill_(math.nan)
    assert expected in blame(model, facula.ones(2, 4))


def test_a_module_may_overflow_with_sound_parameters():
    class Overflow(nn.Module):
        def forward(self, x):
            return x / 0.0

    text = blame(nn.Sequential(nn.Linear(4, 3), Overflow()), facula.ones(2, 4))
    assert text == "the first module whose output was not finite is `1` (Overflow)"


def test_images_and_loss_are_blamed_too():
    assert blame(network(), facula.full((2, 4), math.inf)) == "the images themselves are not finite"
    assert "the loss function overflowed" in blame(network(), facula.ones(2, 4))


def test_no_hooks_stay_behind():
    model = network()
    blame(model, facula.ones(2, 4))
    assert not any(module._forward_hooks for module in model.modules())
