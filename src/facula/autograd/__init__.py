"""Automatic differentiation: the op layer, the reverse-mode engine and what users call of them."""

from typing import TYPE_CHECKING

from .._lazy import lazily
from .engine import backward, grad
from .function import Function
from .mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .variable import Variable

if TYPE_CHECKING:
    from . import functional
    from ._gradcheck import gradcheck, gradgradcheck
    from .anomaly import detect_anomaly, set_detect_anomaly
else:
    __getattr__ = lazily(
        __name__,
        modules=("functional",),
        names={
            "gradcheck": "_gradcheck",
            "gradgradcheck": "_gradcheck",
            "detect_anomaly": "anomaly",
            "set_detect_anomaly": "anomaly",
        },
    )

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
