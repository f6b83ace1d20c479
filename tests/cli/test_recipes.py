"""Settings and recipes."""

import pytest

from facula.cli.errors import UsageError
from facula.cli.recipes import MODELS, OPTIMIZERS, Settings, settle


def test_the_tutorial_recipe_is_the_tutorials():
    settings = settle({"recipe": "tutorial"})
    assert (settings.model, settings.optimizer, settings.lr, settings.batch_size) == ("mlp", "sgd", 1e-3, 64)
    assert (settings.epochs, settings.seed, settings.shuffle) == (10, 0, False)
    assert (settings.validation, settings.momentum, settings.weight_decay) == (0, 0.0, 0.0)
    assert settings.schedule == "constant"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_model_and_optimizer_has_all_it_needs(model, optimizer):
    settings = settle({"model": model, "optimizer": optimizer})
    assert settings.lr > 0
    assert settings.epochs >= 1
    assert (settings.momentum > 0) == (optimizer == "sgd")
    assert settings.validation is None


def test_what_the_user_gives_wins():
    settings = settle({"recipe": "tutorial", "lr": 0.5, "epochs": 3, "seed": 7, "weight_decay": None})
    assert (settings.lr, settings.epochs, settings.seed, settings.weight_decay) == (0.5, 3, 7, 0.0)


def test_settings_survive_json():
    import json

    settings = settle({"model": "cnn", "patience": 3})
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(KeyError):
        Settings.from_dict({"model": "mlp"})


def test_contradictions():
    with pytest.raises(UsageError, match="momentum"):
        settle({"momentum": 0.9, "optimizer": "adamw"})
    with pytest.raises(UsageError, match="patience"):
        settle({"validation": 0, "patience": 1})


def test_describe_names_what_differs():
    text = settle({"optimizer": "sgd", "weight_decay": 0.1}).describe()
    assert "sgd, lr 0.05 (momentum 0.9, weight decay 0.1, falling linearly to 0)" in text
    assert "(" not in settle({"recipe": "tutorial"}).describe()
