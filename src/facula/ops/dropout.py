"""Dropout, once it is drawn what stays."""

from __future__ import annotations

import math
from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace


@op(grad_name="MulBackward0")
def masked_scale(input: Any, /, mask: Any, scale: float) -> Any:
    """`input` times `scale` where the mask's bit is set, times 0 elsewhere.

    `mask` is uint8, eight elements of the flattened input a byte, the first in the lowest bit.
    """
    xp = namespace(input)
    kept = xp.unpackbits(mask, count=math.prod(input.shape), bitorder="little")
    return input * (kept * input.dtype.type(scale)).astype(input.dtype, copy=False).reshape(input.shape)


masked_scale.vjp(input=lambda g, mask, scale: masked_scale(g, mask, scale))
