"""The models, their optimizers and the table of layers."""

import pytest

import facula
from facula.cli.models import build_model, build_optimizer, model_table
from facula.cli.recipes import MODELS, settle


@pytest.mark.parametrize("name", MODELS)
def test_models_give_a_score_per_class(name):
    model = build_model(name, 7)
    assert tuple(model(facula.zeros(3, 1, 28, 28)).shape) == (3, 7)


def test_the_mlp_is_the_tutorials():
    names = [name for name, _ in build_model("mlp", 10).named_parameters()]
    assert names == [
        f"linear_relu_stack.{layer}.{part}" for layer in (0, 2, 4) for part in ("weight", "bias")
    ]


@pytest.mark.parametrize(("name", "kind"), [("sgd", "SGD"), ("adam", "Adam"), ("adamw", "AdamW")])
def test_optimizers_get_their_settings(name, kind):
    optimizer = build_optimizer(
        settle({"optimizer": name, "lr": 0.25, "weight_decay": 0.5}), build_model("mlp", 10)
    )
    assert type(optimizer).__name__ == kind
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.5)
    assert len(group["params"]) == 6


def test_table_shows_layers_shapes_and_parameters():
    model = build_model("mlp", 10)
    lines = model_table(model).splitlines()
    assert lines[0].split() == ["layer", "output", "parameters"]
    assert lines[2].split() == ["flatten", "(Flatten)", "(1,", "784)", "0"]
    assert lines[3].split() == ["linear_relu_stack.0", "(Linear)", "(1,", "512)", "401,920"]
    assert lines[-1].split() == ["all", "(NeuralNetwork)", "669,706"]
    assert len(lines) == 2 + 6 + 1


def test_table_leaves_the_model_as_it_was():
    model = build_model("cnn", 10)
    before = facula.get_rng_state()
    model_table(model)
    assert model.training
    assert bool((facula.get_rng_state() == before).all())
    assert not any(module._forward_hooks for module in model.modules())
