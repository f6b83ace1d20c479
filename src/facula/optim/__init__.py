"""Optimizers and learning-rate schedules, with PyTorch's names, arguments and numbers."""

from typing import TYPE_CHECKING

from .._lazy import lazily
from .adagrad import Adagrad
from .adam import Adam
from .adamw import AdamW
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

if TYPE_CHECKING:
    from . import lr_scheduler
else:
    __getattr__ = lazily(__name__, modules=("lr_scheduler",))

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
