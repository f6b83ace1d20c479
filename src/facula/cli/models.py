"""The two classifiers of the command, their optimizers, and the table that shows their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import nn, no_grad, optim, zeros
from .console import table

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .recipes import Settings

#: Shape of one image: channels, height, width.
IMAGE_SHAPE = (1, 28, 28)


class NeuralNetwork(nn.Module):
    """The tutorial's network: 784-512-512-`classes` with ReLU between.

    Takes float images (N, 1, 28, 28), gives logits (N, classes).
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the images."""
        return self.linear_relu_stack(self.flatten(images))


class SmallConvNet(nn.Module):
    """Two 3x3 convolutions with pooling and a linear layer.

    Takes float images (N, 1, 28, 28), gives logits (N, classes).
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.25)
        self.classifier = nn.Linear(32 * 7 * 7, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the images."""
        return self.classifier(self.dropout(self.flatten(self.features(images))))


_MODELS: dict[str, type[NeuralNetwork | SmallConvNet]] = {"mlp": NeuralNetwork, "cnn": SmallConvNet}


def build_model(name: str, classes: int) -> nn.Module:
    """Make the model called `name` (`mlp` or `cnn`), freshly initialised."""
    return _MODELS[name](classes)


def build_optimizer(settings: Settings, model: nn.Module) -> optim.Optimizer:
    """Make the optimizer that the settings ask for."""
    common: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.optimizer == "sgd":
        return optim.SGD(model.parameters(), momentum=settings.momentum, **common)
    if settings.optimizer == "adam":
        return optim.Adam(model.parameters(), **common)
    return optim.AdamW(model.parameters(), **common)


def model_table(model: nn.Module) -> str:
    """The layers in the order in which they run, each with its output's shape and its parameters.

    The shapes are those of a batch of one image, found by sending an empty one through.
    """
    rows: list[tuple[str, str, str]] = []

    def note(name: str, layer: nn.Module) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            count = sum(parameter.numel() for parameter in layer.parameters())
            rows.append((f"{name} ({type(layer).__name__})", str(tuple(output.shape)), f"{count:,}"))

        return hook

    leaves = [(name, layer) for name, layer in model.named_modules() if not list(layer.children())]
    handles = [layer.register_forward_hook(note(name, layer)) for name, layer in leaves]
    training = model.training
    model.eval()
    try:
        with no_grad():
            model(zeros(1, *IMAGE_SHAPE))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    total = sum(parameter.numel() for parameter in model.parameters())
    rows.append((f"all ({type(model).__name__})", "", f"{total:,}"))
    return table(["layer", "output", "parameters"], rows, "llr")
