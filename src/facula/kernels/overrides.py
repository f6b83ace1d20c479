"""Which ops the compiled kernels override on the CPU; each kernel declines what it does not cover."""

from __future__ import annotations

import numpy as np

from ..ops import activation, matmul, softmax
from . import cpu

if cpu.native is not None:
    matmul.matmul.kernel(np.ndarray)(cpu.native.matmul)
    matmul.linear.kernel(np.ndarray)(cpu.native.linear)
    activation.relu.kernel(np.ndarray)(cpu.native.relu)
    activation.relu_grad.kernel(np.ndarray)(cpu.native.relu_grad)
    softmax.softmax.kernel(np.ndarray)(cpu.softmax)
    softmax.softmax_grad.kernel(np.ndarray)(cpu.softmax_grad)
    softmax.log_softmax.kernel(np.ndarray)(cpu.log_softmax)
    softmax.log_softmax_grad.kernel(np.ndarray)(cpu.log_softmax_grad)
