"""Automatic differentiation: the op layer, the reverse-mode engine and what users call of them."""

from . import function as function
from .engine import backward as backward
from .engine import grad as grad
from .function import Function as Function
from .gradcheck import gradcheck as gradcheck
from .gradcheck import gradgradcheck as gradgradcheck
from .mode import enable_grad as enable_grad
from .mode import inference_mode as inference_mode
from .mode import no_grad as no_grad
from .mode import set_grad_enabled as set_grad_enabled

