"""Functions that change the resolution of images: interpolation, pixel shuffling, folding."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..ops import resample as _resample
from ..ops.conv import out_sizes
from ._windows import _adaptive, _numbers


def _sources(n: int, out: int, scale: float | None, align: bool) -> Any:
    """Where each output entry lies on the axis of input entries."""
    at = np.arange(out, dtype=np.float64)
    if align:
        return at * ((n - 1) / (out - 1)) if out > 1 else at * 0
    return (at + 0.5) * (1 / scale if scale else n / out) - 0.5


def _matrix(mode: str, n: int, out: int, scale: float | None, align: bool) -> Any:
    """The weights (out, n) of one dimension."""
    m = np.zeros((out, n))
    rows = np.arange(out)
    if mode in ("nearest", "nearest-exact"):
        step = 1 / scale if scale else n / out
        at = (np.arange(out) + (0.5 if mode == "nearest-exact" else 0)) * step
        m[rows, np.minimum(np.floor(at).astype(int), n - 1)] = 1
        return m
    at = _sources(n, out, scale, align)
    if mode == "linear":
        at = np.maximum(at, 0)
        low = np.minimum(np.floor(at).astype(int), n - 1)
        weight = np.where(low < n - 1, at - low, 0)
        np.add.at(m, (rows, low), 1 - weight)
        np.add.at(m, (rows, np.minimum(low + 1, n - 1)), weight)
        return m
    low = np.floor(at).astype(int)  # cubic convolution with a = -0.75 (Keys 1981)
    a, t = -0.75, at - low
    near = lambda x: ((a + 2) * x - (a + 3)) * x * x + 1  # noqa: E731
    far = lambda x: ((a * x - 5 * a) * x + 8 * a) * x - 4 * a  # noqa: E731
    for k, weight in ((-1, far(t + 1)), (0, near(t)), (1, near(1 - t)), (2, far(2 - t))):
        np.add.at(m, (rows, np.clip(low + k, 0, n - 1)), weight)
    return m


_MODES = {
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "linear": (1,), "bilinear": (2,), "bicubic": (2,),
    "trilinear": (3,), "area": (1, 2, 3),
}  # fmt: skip


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Another resolution of (N, C, L), (N, C, H, W) or (N, C, D, H, W), given by its size or by a factor.

    Modes: "nearest", "nearest-exact", "linear" (3D input), "bilinear" and "bicubic" (4D), "trilinear" (5D),
    "area".

    Raises:
        ValueError: neither or both of `size` and `scale_factor`, or `align_corners` with a mode that has
        none.
        NotImplementedError: a mode that does not go with the number of dimensions, or `antialias=True`.
    """
    dims = input.ndim - 2
    if antialias:
        raise NotImplementedError("[interpolate] antialias=True is not supported")
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | "
                "bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if dims < 1:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: "
            f"{' | '.join(_MODES)} (got {mode})"
        )
    scales: list[float | None] = [None] * dims
    if size is not None:
        sizes = [int(s) for s in size] if isinstance(size, (tuple, list)) else [int(size)] * dims
        if len(sizes) != dims:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with "
                f"{dims} and output size {sizes}"
            )
    else:
        factors = (
            [float(f) for f in scale_factor]
            if isinstance(scale_factor, (tuple, list))
            else [float(scale_factor)] * dims
        )
        if len(factors) != dims:
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got {dims} "
                f"and {factors}"
            )
        sizes = [math.floor(n * f) for n, f in zip(input.shape[2:], factors, strict=True)]
        if not recompute_scale_factor:
            scales = list(factors)
    if dims not in _MODES.get(mode, ()):
        raise NotImplementedError(
            f"[interpolate] mode {mode!r} does not go with an input of {input.ndim} dimensions"
        )
    if mode == "area":
        return _adaptive(dims, input, sizes)
    kind = "linear" if mode.endswith("linear") else mode
    matrices = tuple(
        _matrix(kind, n, o, s, bool(align_corners))
        for n, o, s in zip(input.shape[2:], sizes, scales, strict=True)
    )
    node = "".join(w.capitalize() for w in mode.split("-"))
    return _resample.resample(input, matrices, f"Upsample{node}{dims}DBackward0")


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
) -> Tensor:
    """The old name of `interpolate`."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C * r * r, H, W) as (..., C, H * r, W * r) (Shi et al. 2016)."""
    r = upscale_factor
    if input.ndim < 3 or input.shape[-3] % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            "upscale_factor, but "
            f"got input with size {list(input.shape)} and upscale_factor={r}"
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    x = input.reshape(*lead, c // (r * r), r, r, h, w)
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return x.permute(order).reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`."""
    r = downscale_factor
    if input.ndim < 3 or input.shape[-2] % r or input.shape[-1] % r:
        raise RuntimeError(
            "pixel_unshuffle expects height and width to be divisible by downscale_factor, but got "
            f"{list(input.shape)} and {r}"
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    x = input.reshape(*lead, c, h // r, r, w // r, r)
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return x.permute(order).reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of `groups` groups dealt out in turn (Zhang et al. 2018)."""
    n, c, *rest = input.shape
    if c % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups."
        )
    return input.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(n, c, *rest)


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of (N, C, H, W) as columns (N, C * KH * KW, places)."""
    if input.ndim not in (3, 4):
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor for unfold: got {list(input.shape)}")
    kernel, strides = _numbers("unfold", kernel_size, 2), _numbers("unfold", stride, 2)
    pads, spread = _numbers("unfold", padding, 2), _numbers("unfold", dilation, 2)
    x = input if input.ndim == 4 else input.unsqueeze(0)
    if min(out_sizes(tuple(x.shape[2:]), kernel, strides, pads, spread)) < 1:
        raise RuntimeError(
            f"[unfold] the kernel {kernel} does not fit into the input: got {list(input.shape)}"
        )
    result = _resample.unfold_windows(x, kernel, strides, pads, spread)
    return result if input.ndim == 4 else result.squeeze(0)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The sum of windows (N, C * KH * KW, places) at their places in (N, C, H, W)."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D or 3D (batch mode) tensor for fold: got {list(input.shape)}")
    kernel, strides = _numbers("fold", kernel_size, 2), _numbers("fold", stride, 2)
    pads, spread = _numbers("fold", padding, 2), _numbers("fold", dilation, 2)
    sizes = _numbers("fold", output_size, 2)
    x = input if input.ndim == 3 else input.unsqueeze(0)
    window = kernel[0] * kernel[1]
    places = math.prod(out_sizes(sizes, kernel, strides, pads, spread))
    if x.shape[1] % window or x.shape[2] != places:
        raise RuntimeError(
            f"[fold] expected (N, C * {window}, {places}) for output size {sizes}: got {tuple(input.shape)}"
        )
    shape = (x.shape[0], x.shape[1] // window, *sizes)
    result = _resample.fold_windows(x, shape, kernel, strides, pads, spread)
    return result if input.ndim == 3 else result.squeeze(0)
