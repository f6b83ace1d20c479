"""Kernels of activation functions, their gradients, and other functions of one array."""

from __future__ import annotations

import numpy as np

from ..ops import activation, pointwise
from . import cpu

if cpu.native is not None:
    for _name in ("exp", "log", "sqrt", "tanh"):
        getattr(pointwise, _name).kernel(np.ndarray)(cpu.native.activation(_name, getattr(np, _name)))
    pointwise.rsqrt.kernel(np.ndarray)(cpu.native.activation("rsqrt", None))
    pointwise.tanh_grad.kernel(np.ndarray)(cpu.native.activation_grad("tanh_grad"))
    for _name in (
        "elu", "erf", "erfc", "gelu_erf", "gelu_tanh", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
        "log_sigmoid", "mish", "relu", "sigmoid", "silu", "softplus",
    ):  # fmt: skip
        getattr(activation, _name).kernel(np.ndarray)(cpu.native.activation(_name, None))
    for _name in (
        "elu_grad", "gelu_erf_grad", "gelu_tanh_grad", "hardsigmoid_grad", "hardswish_grad", "hardtanh_grad",
        "leaky_relu_grad", "log_sigmoid_grad", "mish_grad", "relu_grad", "sigmoid_grad", "silu_grad",
        "softplus_grad",
    ):  # fmt: skip
        getattr(activation, _name).kernel(np.ndarray)(cpu.native.activation_grad(_name))
