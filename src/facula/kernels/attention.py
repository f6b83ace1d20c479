"""Kernels of scaled-dot-product attention."""

from __future__ import annotations

import numpy as np

from ..ops import attention
from . import cpu

if cpu.native is not None:
    attention.attention.kernel(np.ndarray)(cpu.native.attention)
    attention.attention_grad.kernel(np.ndarray)(cpu.native.attention_grad)
