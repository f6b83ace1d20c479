"""What a training is made of: the settings, and the recipes that fill in what the user left open."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from .errors import UsageError

MODELS = ("mlp", "cnn")
RECIPES = ("default", "tutorial")
OPTIMIZERS = ("sgd", "adam", "adamw")
SCHEDULES = ("constant", "linear")

#: The part of the training images that the default recipe holds out: 5000 of 60000.
HELD_OUT = 1 / 12


@dataclass
class Settings:
    """Everything that decides what a training computes, as written to `args.json`."""

    model: str
    recipe: str
    dataset: str
    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    shuffle: bool
    validation: int | None
    seed: int
    threads: int | None
    train_size: int | None
    limit_batches: int | None
    patience: int | None

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """Read back what `to_dict` gave; raises KeyError when a setting is missing."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def describe(self) -> str:
        """The settings in one line for people."""
        extras = [f"momentum {self.momentum:g}"] if self.momentum else []
        extras += [f"weight decay {self.weight_decay:g}"] if self.weight_decay else []
        extras += ["falling linearly to 0"] if self.schedule == "linear" else []
        extra = f" ({', '.join(extras)})" if extras else ""
        order = "shuffled" if self.shuffle else "in order"
        return (
            f"{self.recipe}: {self.optimizer}, lr {self.lr:g}{extra}, batches of {self.batch_size} {order}, "
            f"{self.epochs} epochs, seed {self.seed}"
        )


# Found by trying on Fashion-MNIST's validation part.
_LEARNING_RATES = {
    "mlp": {"sgd": 0.05, "adam": 2e-3, "adamw": 2e-3},
    "cnn": {"sgd": 0.05, "adam": 3e-3, "adamw": 3e-3},
}

_DEFAULTS: dict[str, dict[str, Any]] = {
    "mlp": {"epochs": 5, "batch_size": 128, "optimizer": "adamw"},
    "cnn": {"epochs": 5, "batch_size": 128, "optimizer": "adamw"},
}

_TUTORIAL: dict[str, Any] = {
    "epochs": 10, "batch_size": 64, "optimizer": "sgd", "lr": 1e-3, "momentum": 0.0, "weight_decay": 0.0,
    "schedule": "constant", "shuffle": False, "validation": 0,
}  # fmt: skip


def settle(given: dict[str, Any]) -> Settings:
    """Fill in from the recipe whatever is None in `given` (the command's options by name).

    Raises:
        UsageError: options that contradict each other.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    model, recipe = chosen.get("model", "mlp"), chosen.get("recipe", "default")
    values: dict[str, Any] = {field.name: None for field in fields(Settings)}
    values |= {"model": model, "recipe": recipe, "dataset": "auto", "seed": 0}
    if recipe == "tutorial":
        values |= _TUTORIAL
    else:
        values |= {"schedule": "linear", "shuffle": True} | _DEFAULTS[model]
    values |= chosen
    optimizer = values["optimizer"]
    if values["lr"] is None:
        values["lr"] = _LEARNING_RATES[model][optimizer]
    if values["momentum"] is None:
        values["momentum"] = 0.9 if optimizer == "sgd" else 0.0
    if values["weight_decay"] is None:
        values["weight_decay"] = 0.01 if optimizer == "adamw" else 0.0
    if values["momentum"] and optimizer != "sgd":
        raise UsageError(f"--momentum belongs to --optimizer sgd, not to {optimizer}: leave it out")
    if values["patience"] is not None and values["validation"] == 0:
        raise UsageError("--patience needs a validation part to watch: add --validation 5000")
    return Settings.from_dict(values)
