"""Softmax, cross-entropy, table look-up and dropout: the ops whose definitions compiled kernels override."""

from __future__ import annotations

import numpy as np

from ..ops import dropout, embedding, loss, softmax
from .cpu import native

if native is not None:
    for _op in (
        softmax.softmax, softmax.softmax_grad, softmax.log_softmax, softmax.log_softmax_grad,
        loss.cross_entropy, loss.cross_entropy_grad,
        embedding.embedding_rows, embedding.embedding_grad,
        dropout.masked_scale,
    ):  # fmt: skip
        _op.kernel(np.ndarray)(getattr(native, _op.__name__))
