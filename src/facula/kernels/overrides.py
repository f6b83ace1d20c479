"""Which ops the compiled kernels override on the CPU; each kernel declines what it does not cover."""

from __future__ import annotations

import numpy as np

from ..ops import activation, matmul, pointwise, reduce, shape
from ..ops import loss, matmul, pointwise, reduce, shape, softmax
from . import activation as activation  # registers its own
from . import attention as attention  # registers its own
from . import conv as conv  # registers its own
from . import cpu
from ..ops import activation, loss, pointwise, reduce, shape, softmax
from . import cpu, gemm  # noqa: F401

if cpu.native is not None:
    pointwise.add.kernel(np.ndarray)(cpu.native.add)
    pointwise.sub.kernel(np.ndarray)(cpu.native.sub)
    pointwise.mul.kernel(np.ndarray)(cpu.native.mul)
    pointwise.div.kernel(np.ndarray)(cpu.native.div)
    reduce.sum.kernel(np.ndarray)(cpu.native.sum)
    reduce.mean.kernel(np.ndarray)(cpu.native.mean)
    reduce.sum_to.kernel(np.ndarray)(cpu.native.sum_to)
    shape.expand.kernel(np.ndarray)(cpu.native.expand)
    for _function, _ufunc in {
        pointwise.tanh: np.tanh, pointwise.exp: np.exp, pointwise.log: np.log, pointwise.sqrt: np.sqrt,
        pointwise.sin: np.sin, pointwise.cos: np.cos,
    }.items():  # fmt: skip
        _function.kernel(np.ndarray)(cpu.native.loop_of(_ufunc))
    activation.relu.kernel(np.ndarray)(cpu.native.relu)
    activation.relu_grad.kernel(np.ndarray)(cpu.native.relu_grad)
    from . import softmax as _softmax  # noqa: F401
    pointwise.sin.kernel(np.ndarray)(cpu.native.loop_of(np.sin))
    pointwise.cos.kernel(np.ndarray)(cpu.native.loop_of(np.cos))
    matmul.matmul.kernel(np.ndarray)(cpu.native.matmul)
    matmul.linear.kernel(np.ndarray)(cpu.native.linear)
    softmax.softmax.kernel(np.ndarray)(cpu.softmax)
    softmax.softmax_grad.kernel(np.ndarray)(cpu.softmax_grad)
    softmax.log_softmax.kernel(np.ndarray)(cpu.log_softmax)
    softmax.log_softmax_grad.kernel(np.ndarray)(cpu.log_softmax_grad)
    loss.cross_entropy.kernel(np.ndarray)(cpu.cross_entropy)
    loss.cross_entropy_grad.kernel(np.ndarray)(cpu.cross_entropy_grad)
