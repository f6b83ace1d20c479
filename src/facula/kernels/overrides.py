"""Which ops the compiled kernels override on the CPU; each kernel declines what it does not cover."""

from __future__ import annotations

import numpy as np

from ..ops import pointwise, reduce, shape
from . import activation as activation  # each registers its own
from . import attention as attention
from . import conv as conv
from . import cpu
from . import gemm as gemm
from . import norm as norm
from . import pool as pool
from . import softmax as softmax

if cpu.native is not None:
    pointwise.add.kernel(np.ndarray)(cpu.native.add)
    pointwise.sub.kernel(np.ndarray)(cpu.native.sub)
    pointwise.mul.kernel(np.ndarray)(cpu.native.mul)
    pointwise.div.kernel(np.ndarray)(cpu.native.div)
    reduce.sum.kernel(np.ndarray)(cpu.native.sum)
    reduce.mean.kernel(np.ndarray)(cpu.native.mean)
    reduce.sum_to.kernel(np.ndarray)(cpu.native.sum_to)
    shape.expand.kernel(np.ndarray)(cpu.native.expand)
    pointwise.sin.kernel(np.ndarray)(cpu.native.loop_of(np.sin))
    pointwise.cos.kernel(np.ndarray)(cpu.native.loop_of(np.cos))
