"""The native kernels of pooling."""

from __future__ import annotations

import numpy as np

from ..ops import pool
from .cpu import native

if native is not None:
    for _function in (
        pool.max_pool, pool.max_pool_compact, pool.unpool_compact, pool.unpool, pool.pooled, pool.avg_pool,
        pool.avg_unpool, pool.adaptive_avg_pool, pool.adaptive_avg_unpool, pool.adaptive_max_pool,
    ):  # fmt: skip
        _function.kernel(np.ndarray)(getattr(native, _function.op.name))
