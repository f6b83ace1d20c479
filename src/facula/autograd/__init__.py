"""Automatic differentiation: the op layer, the reverse-mode engine and what users call of them."""

from typing import TYPE_CHECKING

from .._lazy import lazily
from .._tensor import Tensor as Variable
from .engine import backward, grad
from .function import Function
from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled

if TYPE_CHECKING:
    from ._gradcheck import gradcheck, gradgradcheck
else:
    __getattr__ = lazily(__name__, names={"gradcheck": "_gradcheck", "gradgradcheck": "_gradcheck"})

__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
