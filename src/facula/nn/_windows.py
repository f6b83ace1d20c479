"""The functions that slide a window over their input: convolution and pooling in one, two and three
dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._tensor import Tensor
from ..ops import conv as _conv
from ..ops import pool as _pool


def _numbers(name: str, value: Any, dims: int) -> tuple[int, ...]:
    if isinstance(value, Sequence):
        if len(value) == 1:
            value = tuple(value) * dims
        if len(value) != dims:
            raise RuntimeError(f"[{name}] expected one number or {dims}: got {tuple(value)}")
        return tuple(int(v) for v in value)
    return (int(value),) * dims


def _check_batched(name: str, input: Tensor, dims: int) -> None:
    if input.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of "
            f"size: {list(input.shape)}"
        )


def _batched(name: str, input: Tensor, dims: int) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether that had to be added."""
    if input.ndim == dims + 1:
        return input.unsqueeze(0), True
    if input.ndim != dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of "
            f"size: {list(input.shape)}"
        )
    return input, False


def convolve(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    op: Any = _conv.conv,
) -> Tensor:
    """`op` (`conv` or `conv_relu`) with arguments as the public functions take them."""
    name = f"conv{dims}d"
    x, single = _batched(name, input, dims)
    if weight.ndim != dims + 2:
        raise RuntimeError(f"[{name}] weight must have {dims + 2} dimensions: got {tuple(weight.shape)}")
    stride, dilation = _numbers(name, stride, dims), _numbers(name, dilation, dims)
    kernel = tuple(weight.shape[2:])
    if x._array.dtype != weight._array.dtype:
        raise RuntimeError(
            f"[{name}] input and weight must have the same dtype: got {input.dtype} and {weight.dtype}"
        )
    if x.shape[1] != weight.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to "
            "have "
            f"{weight.shape[1] * groups} channels, but got {x.shape[1]} channels instead"
        )
    if groups < 1 or weight.shape[0] % groups:
        raise RuntimeError(
            f"[{name}] the number of filters must be divisible by groups: got {weight.shape[0]} and {groups}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise RuntimeError(
            f"[{name}] bias must have one number for each filter: got {tuple(bias.shape)} and "
            f"{weight.shape[0]}"
        )
    if min(stride) < 1 or min(dilation) < 1:
        raise RuntimeError(f"[{name}] stride and dilation must be positive: got {stride} and {dilation}")
    if isinstance(padding, str):
        x, amounts = _named_padding(name, x, padding, kernel, stride, dilation)
    else:
        amounts = _numbers(name, padding, dims)
    if min(amounts) < 0:
        raise RuntimeError("negative padding is not supported")
    for n, k, p, d in zip(x.shape[2:], kernel, amounts, dilation, strict=True):
        if n + 2 * p < d * (k - 1) + 1:
            padded = " x ".join(str(m + 2 * q) for m, q in zip(x.shape[2:], amounts, strict=True))
            raise RuntimeError(
                f"Calculated padded input size per channel: ({padded}). Kernel size: "
                f"({' x '.join(map(str, kernel))}). "
                "Kernel size can't be greater than actual input size"
            )
    result = op(x, weight, bias, stride, amounts, dilation, groups)
    return result.squeeze(0) if single else result


def _named_padding(
    name: str,
    x: Tensor,
    padding: str,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[Tensor, tuple[int, ...]]:
    """ "valid" is none; "same" keeps the spatial sizes, an odd amount giving one more at the end."""
    if padding == "valid":
        return x, (0,) * len(kernel)
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if max(stride) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(t % 2 for t in totals):
        from .functional import pad

        extra = [side for t in reversed(totals) for side in (0, t % 2)]
        x = pad(x, extra)
    return x, tuple(t // 2 for t in totals)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation: input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,)."""
    return convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,).

    `padding`: numbers, "valid" (none) or "same" (keeps the size; stride 1 only).

    >>> import facula
    >>> conv2d(facula.ones(1, 1, 3, 3), facula.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, KD, KH, KW), bias
    (O,).
    """
    return convolve(3, input, weight, bias, stride, padding, dilation, groups)


def _windows(
    name: str, input: Tensor, dims: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Any, ...]:
    kernel = _numbers(name, kernel_size, dims)
    strides = (
        kernel
        if stride is None or (isinstance(stride, Sequence) and not stride)
        else _numbers(name, stride, dims)
    )
    pads, spread = _numbers(name, padding, dims), _numbers(name, dilation, dims)
    if min(strides) < 1:
        raise RuntimeError(f"[{name}] stride must be positive: got {strides}")
    if any(2 * p > k for p, k in zip(pads, kernel, strict=True)) or min(pads) < 0:
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={pads[0]}, "
            f"kernel_size={kernel[0]} and "
            f"dilation={spread[0]}"
        )
    return kernel, strides, pads, spread


def _check_windows(name: str, input: Tensor, dims: int, args: tuple[Any, ...], ceil_mode: bool) -> None:
    out = _pool._sizes(tuple(input.shape), args[0], args[1], args[2], args[3], ceil_mode)
    if min(out) < 1:
        raise RuntimeError(
            f"[{name}] the output would be too small: got input {tuple(input.shape)} and kernel {args[0]}"
        )


def _max_pool(
    dims: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    name = f"max_pool{dims}d"
    _check_batched(name, input, dims)
    args = _windows(name, input, dims, kernel_size, stride, padding, dilation)
    _check_windows(name, input, dims, args, ceil_mode)
    if return_indices or math.prod(args[0]) > 256:
        values, indices = _pool.max_pool(input, *args, ceil_mode)
        return (values, indices) if return_indices else values
    return _pool.max_pool_compact(input, *args, ceil_mode)[0]


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool
    = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (N, C, L) or (C, L)."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool
    = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (N, C, H, W) or (C, H, W); with `return_indices` also where it
    was.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool
    = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (N, C, D, H, W) or (C, D, H, W)."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """`max_pool1d` with `return_indices=True`."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """`max_pool2d` with `return_indices=True`."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """`max_pool3d` with `return_indices=True`."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def _avg_pool(
    dims: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    name = f"avg_pool{dims}d"
    _check_batched(name, input, dims)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    args = _windows(name, input, dims, kernel_size, stride, padding, 1)
    _check_windows(name, input, dims, args, ceil_mode)
    return _pool.avg_pool(input, *args[:3], ceil_mode, count_include_pad, divisor)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of (N, C, L) or (C, L)."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, H, W) or (C, H, W)."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W)."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _adaptive(dims: int, input: Tensor, output_size: Any) -> Tensor:
    return _pool.adaptive_avg_pool(
        input, _adaptive_sizes(f"adaptive_avg_pool{dims}d", dims, input, output_size)
    )


def _adaptive_sizes(name: str, dims: int, input: Tensor, output_size: Any) -> tuple[int, ...]:
    """One size for each spatial dimension; None keeps what the input has."""
    _check_batched(name, input, dims)
    wanted = (output_size,) * dims if not isinstance(output_size, Sequence) else tuple(output_size)
    return tuple(n if w is None else int(w) for w, n in zip(wanted, input.shape[-dims:], strict=True))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` nearly equal parts of (N, C, L) or (C, L)."""
    return _adaptive(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of nearly equal parts of (N, C, H, W) or (C, H, W); None keeps a size."""
    return _adaptive(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of nearly equal parts of (N, C, D, H, W) or (C, D, H, W); None keeps a size."""
    return _adaptive(3, input, output_size)


def _adaptive_max(dims: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    values, indices = _pool.adaptive_max_pool(
        input, _adaptive_sizes(f"adaptive_max_pool{dims}d", dims, input, output_size)
    )
    return (values, indices) if return_indices else values


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of `output_size` nearly equal parts of (N, C, L) or (C, L)."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of nearly equal parts of (N, C, H, W) or (C, H, W); None keeps a size."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of nearly equal parts of (N, C, D, H, W) or (C, D, H, W); None keeps a size."""
    return _adaptive_max(3, input, output_size, return_indices)


def _unpool(
    dims: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    name = f"max_unpool{dims}d"
    _check_batched(name, input, dims)
    kernel, strides, pads, _ = _windows(name, input, dims, kernel_size, stride, padding, 1)
    sizes = tuple(
        (n - 1) * s - 2 * p + k for n, k, s, p in zip(input.shape[-dims:], kernel, strides, pads, strict=True)
    )
    if output_size is not None:
        sizes = tuple(int(n) for n in output_size)[-dims:]
    return _pool.unpool(input, (*input.shape[:-dims], *sizes), indices._array, dims)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros with the elements of `input` at the places that `max_pool1d` found."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros with the elements of `input` at the places that `max_pool2d` found."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of each window of (N, C, L): (sum of x^p)^(1/p)."""
    k = _numbers("lp_pool1d", kernel_size, 1)
    return (avg_pool1d(input**norm_type, kernel_size, stride, 0, ceil_mode) * k[0]) ** (1 / norm_type)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of each window of (N, C, H, W): (sum of x^p)^(1/p)."""
    k = _numbers("lp_pool2d", kernel_size, 2)
    return (avg_pool2d(input**norm_type, kernel_size, stride, 0, ceil_mode) * (k[0] * k[1])) ** (
        1 / norm_type
    )


def _transposed(
    dims: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, output_padding:
    Any,
    groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    name = f"conv_transpose{dims}d"
    x, single = _batched(name, input, dims)
    if weight.ndim != dims + 2:
        raise RuntimeError(f"[{name}] weight must have {dims + 2} dimensions: got {tuple(weight.shape)}")
    if x._array.dtype != weight._array.dtype:
        raise RuntimeError(
            f"[{name}] input and weight must have the same dtype: got {input.dtype} and {weight.dtype}"
        )
    strides, pads = _numbers(name, stride, dims), _numbers(name, padding, dims)
    extra, spread = _numbers(name, output_padding, dims), _numbers(name, dilation, dims)
    if x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{weight.shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, spread, strict=True)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding={extra}, stride={strides}, "
            f"dilation={spread}"
        )
    channels = weight.shape[1] * groups
    if bias is not None and tuple(bias.shape) != (channels,):
        raise RuntimeError(
            f"[{name}] bias must have one number for each channel: got {tuple(bias.shape)} and {channels}"
        )
    sizes = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(x.shape[2:], strides, pads, spread, weight.shape[2:], extra, strict=True)
    )
    result = _conv.conv_input(x, weight, (x.shape[0], channels, *sizes), strides, pads, spread, groups)
    if bias is not None:
        result = result + bias.reshape(-1, *(1,) * dims)
    return result.squeeze(0) if single else result


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv1d`: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,)."""
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv2d`: input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O,)."""
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv3d`: input (N, C, D, H, W), weight (C, O / groups, KD, KH, KW), bias (O,)."""
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
