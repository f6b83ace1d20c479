"""The native kernels of normalisation."""

from __future__ import annotations

import numpy as np

from ..ops import norm
from .cpu import native

if native is not None:
    for _function in (
        norm.layer_norm, norm.layer_norm_grad, norm.rms_norm, norm.rms_norm_grad, norm.group_norm,
        norm.group_norm_grad, norm.batch_norm, norm.batch_norm_grad, norm.batch_norm_eval, norm.batch_norm_eval_grad,
    ):  # fmt: skip
        _function.kernel(np.ndarray)(getattr(native, _function.op.name))
