"""Which kernel computes a convolution: Winograd's for 3x3 filters where it is the faster, else products of unfolded
windows or a loop of its own (`csrc/conv*.cpp` choose between those).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import determinism
from ..ops import conv as ops
from . import cpu

Ints = tuple[int, ...]
_native: Any = cpu.native


def _fits_winograd(weight: Any, stride: Ints, dilation: Ints, groups: int) -> bool:
    return groups == 1 and stride == (1, 1) and dilation == (1, 1) and weight.shape[2:] == (3, 3)


def _conv(
    input: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int, relu: bool
) -> Any:
    if _fits_winograd(weight, stride, dilation, groups):
        result = _native.winograd(input, weight, bias, relu, padding, False, determinism._exact)
        if result is not NotImplemented:
            return result
    return _native.conv(input, weight, bias, stride, padding, dilation, groups, relu)


def conv(input: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    """The op `conv` for float32: x (N, C, *spatial), w (O, C / groups, *kernel), one to three dimensions."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, False)


def conv_relu(
    input: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """The op `conv_relu` for float32."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, True)


def conv_input(
    g: Any, weight: Any, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """The op `conv_input` for float32."""
    if _fits_winograd(weight, stride, dilation, groups):
        result = _native.winograd(g, weight, None, False, padding, True, determinism._exact)
        # A transposed convolution may ask for another size than that of the convolution's input.
        if result is not NotImplemented and result.shape == shape:
            return result
    return _native.conv_input(g, weight, shape, stride, padding, dilation, groups)


def conv_weight(
    g: Any, input: Any, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """The op `conv_weight` for float32."""
    return _native.conv_weight(g, input, shape, stride, padding, dilation, groups, determinism._exact)


if _native is not None:
    for _kernel in (conv, conv_relu, conv_input, conv_weight):
        getattr(ops, _kernel.__name__).kernel(np.ndarray)(_kernel)
