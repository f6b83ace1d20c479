"""Initial values for parameters.

Every function fills its tensor in place, without recording it for autograd, and returns it. The draws come in
PyTorch's order, so a seed gives the same model. `generator` is the source of random numbers (default: the
global one, which `manual_seed` seeds).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .._tensor import Tensor, wrap
from ..autograd.mode import no_grad
from ..factory import empty_like
from ..kernels.namespace import namespace
from ..ops.sampling import randperm
from ..random import Generator

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before a nonlinearity are enlarged, to keep the variance of the signal.

    1 for linear and convolution layers and sigmoid, 5/3 for tanh, sqrt(2) for relu,
    sqrt(2 / (1 + param^2)) for leaky_relu (param: its slope, default 0.01), 3/4 for selu.

    Raises:
        ValueError: another name, or a slope that is no number.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Inputs to each output and outputs of each input, of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from U(a, b). Shape and floating dtype: any.

    >>> import facula
    >>> uniform_(facula.empty(3, 5)).shape
    facula.Size([3, 5])
    """
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with draws from N(mean, std^2). Shape and floating dtype: any.

    >>> import facula
    >>> normal_(facula.empty(3, 5)).shape
    facula.Size([3, 5])
    """
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from N(mean, std^2) restricted to [a, b].

    Where more than 30 % of normal draws fall inside, what falls outside is drawn again; otherwise points
    drawn uniformly from [a, b] are accepted with the probability density relative to its peak.

    >>> import facula
    >>> bool((trunc_normal_(facula.empty(100)).abs() <= 2).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may "
            "be incorrect.",
            stacklevel=3,
        )
    inside = (math.erf((b - mean) / std / math.sqrt(2)) - math.erf((a - mean) / std / math.sqrt(2))) / 2
    if inside > 0.3:
        # Compare in the tensor's precision: a bound may round to a value beyond itself.
        low, high = (tensor.new_tensor(bound).item() for bound in (a, b))
        tensor.normal_(mean, std, generator=generator)
        while True:
            outside = (tensor < low) | (tensor > high)
            if not outside.any():
                return tensor
            _replace(tensor, outside, empty_like(tensor).normal_(mean, std, generator=generator))
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    rejected = None
    while rejected is None or rejected.any():
        candidates = empty_like(tensor).uniform_(a, b, generator=generator)
        if rejected is None:
            tensor.copy_(candidates)
        else:
            _replace(tensor, rejected, candidates)
        log_ratio = candidates.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        refused = empty_like(tensor).uniform_(generator=generator).log_() > log_ratio
        rejected = refused if rejected is None else rejected & refused
    return tensor


def _replace(tensor: Tensor, where: Tensor, values: Tensor) -> None:
    tensor.copy_(values.where(where, tensor))


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    >>> import facula
    >>> constant_(facula.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1.

    >>> import facula
    >>> ones_(facula.empty(2))
    tensor([1., 1.])
    """
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0.

    >>> import facula
    >>> zeros_(facula.empty(2))
    tensor([0., 0.])
    """
    return tensor.zero_()


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with 1 on the diagonal and 0 elsewhere. ValueError for another number of dimensions.

    >>> import facula
    >>> eye_(facula.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    tensor.zero_()
    for i in range(min(tensor.shape)):
        tensor[i, i] = 1
    return tensor


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it hands its channels through (as many as there are outputs).

    Args:
        tensor: (out, in, *kernel) with 1, 2 or 3 kernel dimensions.
        groups: do so for each of so many groups of outputs.

    Raises:
        ValueError: another number of dimensions, or outputs that do not divide into the groups.

    >>> import facula
    >>> dirac_(facula.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    tensor.zero_()
    per_group = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(per_group, tensor.shape[1])):
            tensor[(group * per_group + channel, channel, *middle)] = 1
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(-k, k), k = gain * sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, 2010. ValueError for fewer than two dimensions.

    >>> import facula
    >>> bool((xavier_uniform_(facula.empty(3, 5)).abs() <= (6 / 8) ** 0.5).all())
    True
    """
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(0, std^2), std = gain * sqrt(2 / (fan_in + fan_out)).

    Source: Glorot and Bengio, 2010. ValueError for fewer than two dimensions.

    >>> import facula
    >>> xavier_normal_(facula.empty(3, 5)).shape
    facula.Size([3, 5])
    """
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with U(-k, k), k = gain * sqrt(3 / fan).

    Args:
        tensor: (out, in, *kernel); an empty one is left alone, with a warning.
        a: slope of the leaky_relu that follows.
        mode: "fan_in" keeps the variance in the forward pass, "fan_out" in the backward pass.
        nonlinearity: what follows; see `calculate_gain`.

    Source: He et al., 2015 (arXiv:1502.01852). ValueError for fewer than two dimensions or another mode.

    >>> import facula
    >>> bool((kaiming_uniform_(facula.empty(3, 6), nonlinearity="relu").abs() <= 1).all())
    True
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    fan = _fan(tensor, mode)
    bound = math.sqrt(3.0) * (calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(0, std^2), std = gain / sqrt(fan); the arguments are those of `kaiming_uniform_`.

    >>> import facula
    >>> kaiming_normal_(facula.empty(3, 5), mode="fan_out", nonlinearity="relu").shape
    facula.Size([3, 5])
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix times `gain`; further dimensions count with the second.

    Source: Saxe et al., 2013 (arXiv:1312.6120). ValueError for fewer than two dimensions.

    >>> import facula
    >>> w = orthogonal_(facula.empty(3, 5))
    >>> (w @ w.T).round().abs()
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)._array
    xp = namespace(flat)
    q, r = xp.linalg.qr(flat if rows >= columns else flat.T)
    q = q * xp.sign(xp.diagonal(r))  # makes the decomposition unique, hence the distribution uniform
    tensor.copy_(wrap(q if rows >= columns else q.T).reshape(tensor.shape))
    return tensor.mul_(gain)


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with N(0, std^2), then set a share `sparsity` of every column to 0.

    Source: Martens, 2010. ValueError for another number of dimensions.

    >>> import facula
    >>> (sparse_(facula.empty(10, 2), sparsity=0.3) == 0).sum(0)
    tensor([3, 3])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        # Without `generator`, as PyTorch: the places come from the global one.
        tensor[randperm(rows)[:zeros], column] = 0
    return tensor


def _deprecated(function: Any) -> Any:
    """The function's old name, without the underscore."""
    new = function.__name__
    old = new[:-1]

    def call(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"Deprecated name of `{new}`."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
