"""Activation functions as modules; each calls the function of the same name in `nn.functional`."""

from __future__ import annotations

import warnings
from typing import Any

from ..._tensor import Tensor
from ...factory import full
from .. import functional as F
from ..parameter import Parameter
from .module import Module


class _Inplace(Module):
    """Base of the activations whose only option is to overwrite their input."""

    inplace: bool

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Threshold(Module):
    """`x` where `x > threshold`, else `value`. Shape: any, kept.

    Args:
        threshold: below and at it, elements are replaced.
        value: by this.
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.Threshold(0.1, 20.0)(facula.tensor([0.0, 1.0]))
    tensor([20.,  1.])
    """

    __constants__ = ("threshold", "value", "inplace")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class ReLU(_Inplace):
    """Rectified linear unit: `max(0, x)`. Shape: any, kept.

    Args:
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.ReLU()(facula.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    __constants__ = ("inplace",)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class Hardtanh(Module):
    """Clamps to a range: `min(max(x, min_val), max_val)`. Shape: any, kept.

    Args:
        min_val, max_val: the range.
        inplace: write the result into the input.
        min_value, max_value: deprecated names of the range.

    Raises:
        AssertionError: the range is empty.

    >>> import facula
    >>> facula.nn.Hardtanh(-2, 2)(facula.tensor([-3.0, 1.0]))
    tensor([-2.,  1.])
    """

    __constants__ = ("min_val", "max_val", "inplace")
    min_val: float
    max_val: float

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        if min_value is not None:
            warnings.warn(
                "keyword argument `min_value` is deprecated and renamed to `min_val`",
                FutureWarning,
                stacklevel=2,
            )
            min_val = min_value
        if max_value is not None:
            warnings.warn(
                "keyword argument `max_value` is deprecated and renamed to `max_val`",
                FutureWarning,
                stacklevel=2,
            )
            max_val = max_value
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """`min(max(0, x), 6)`. Shape: any, kept.

    Args:
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.ReLU6()(facula.tensor([-1.0, 9.0]))
    tensor([0., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """`x` where positive, else `negative_slope * x`. Shape: any, kept.

    Args:
        negative_slope: slope on the negative side.
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.LeakyReLU(0.5)(facula.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    __constants__ = ("inplace", "negative_slope")

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """`max(0, x) + weight * min(0, x)` with a learned slope.

    Args:
        num_parameters: 1, or one slope for each channel (dimension 1 of the input).
        init: the slopes' first value.
        device, dtype: of the slopes.

    Shape: any, kept. Parameter: `weight` (num_parameters).

    >>> import facula
    >>> facula.nn.PReLU()(facula.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    __constants__ = ("num_parameters",)
    weight: Tensor

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        self.num_parameters = num_parameters  # before the base class's, as in pickled PReLUs of PyTorch
        super().__init__()
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Set the slopes to `init` again."""
        self.weight.data.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """Exponential linear unit: `x` where positive, else `alpha * (exp(x) - 1)`. Shape: any, kept.

    Args:
        alpha: the value approached at minus infinity is `-alpha`.
        inplace: write the result into the input.

    Source: Clevert et al., 2015 (arXiv:1511.07289).

    >>> import facula
    >>> facula.nn.ELU()(facula.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    __constants__ = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(Module):
    """Continuously differentiable ELU: `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. Shape: any, kept.

    Args:
        alpha: the value approached at minus infinity is `-alpha`.
        inplace: write the result into the input.

    Source: Barron, 2017 (arXiv:1704.07483).

    >>> import facula
    >>> facula.nn.CELU(2.0)(facula.tensor([-1.0, 2.0]))
    tensor([-0.7869,  2.0000])
    """

    __constants__ = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(_Inplace):
    """Self-normalising ELU: `scale * (max(0, x) + min(0, alpha * (exp(x) - 1)))`. Shape: any, kept.

    The constants (alpha about 1.6733, scale about 1.0507) keep mean 0 and variance 1 from layer to layer.
    Source: Klambauer et al., 2017 (arXiv:1706.02515).

    >>> import facula
    >>> facula.nn.SELU()(facula.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """

    __constants__ = ("inplace",)

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class GELU(Module):
    """Gaussian error linear unit: `x * Phi(x)`, Phi the normal distribution function. Shape: any, kept.

    Args:
        approximate: "none", or "tanh" for `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.

    Source: Hendrycks and Gimpel, 2016 (arXiv:1606.08415).

    >>> import facula
    >>> facula.nn.GELU()(facula.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """

    __constants__ = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(_Inplace):
    """Sigmoid linear unit, also called swish: `x * sigmoid(x)`. Shape: any, kept.

    Args:
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.SiLU()(facula.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """

    __constants__ = ("inplace",)

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_Inplace):
    """`x * tanh(softplus(x))`. Shape: any, kept. Source: Misra, 2019 (arXiv:1908.08681).

    Args:
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.Mish()(facula.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """

    __constants__ = ("inplace",)

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class Hardswish(Module):
    """`x * min(max(x + 3, 0), 6) / 6`. Shape: any, kept. Source: Howard et al., 2019 (arXiv:1905.02244).

    Args:
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.Hardswish()(facula.tensor([-1.0, 2.0]))
    tensor([-0.3333,  1.6667])
    """

    __constants__ = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardsigmoid(Module):
    """`min(max(x + 3, 0), 6) / 6`. Shape: any, kept.

    Args:
        inplace: write the result into the input.

    >>> import facula
    >>> facula.nn.Hardsigmoid()(facula.tensor([-1.0, 4.0]))
    tensor([0.3333, 1.0000])
    """

    __constants__ = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Sigmoid(Module):
    """`1 / (1 + exp(-x))`. Shape: any, kept.

    >>> import facula
    >>> facula.nn.Sigmoid()(facula.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


class Tanh(Module):
    """Hyperbolic tangent. Shape: any, kept.

    >>> import facula
    >>> facula.nn.Tanh()(facula.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class LogSigmoid(Module):
    """`log(1 / (1 + exp(-x)))`, computed without overflow. Shape: any, kept.

    >>> import facula
    >>> facula.nn.LogSigmoid()(facula.tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softplus(Module):
    """Smooth ReLU: `log(1 + exp(beta x)) / beta`; linear where `beta x > threshold`. Shape: any, kept.

    Args:
        beta: the larger, the sharper.
        threshold: above it the result is `x` itself.

    >>> import facula
    >>> facula.nn.Softplus()(facula.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """

    __constants__ = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softsign(Module):
    """`x / (1 + |x|)`. Shape: any, kept.

    >>> import facula
    >>> facula.nn.Softsign()(facula.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """`x - tanh(x)`. Shape: any, kept.

    >>> import facula
    >>> facula.nn.Tanhshrink()(facula.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softshrink(Module):
    """Moves every element towards 0 by `lambd`, to 0 where it is within. Shape: any, kept.

    Args:
        lambd: how far, not negative.

    >>> import facula
    >>> facula.nn.Softshrink()(facula.tensor([-2.0, 0.25]))
    tensor([-1.5000,  0.0000])
    """

    __constants__ = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(Module):
    """Sets elements within `lambd` of 0 to 0. Shape: any, kept.

    Args:
        lambd: how near.

    >>> import facula
    >>> facula.nn.Hardshrink()(facula.tensor([-2.0, 0.25]))
    tensor([-2.,  0.])
    """

    __constants__ = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class _AlongDim(Module):
    """Base of the softmax family: one option, the dimension that is normalised."""

    __constants__ = ("dim",)
    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """`exp(x_i) / sum_j exp(x_j)` along `dim`, so that slices along it sum to 1. Shape: any, kept.

    Args:
        dim: along which dimension; leaving it out is deprecated.

    >>> import facula
    >>> facula.nn.Softmax(dim=1)(facula.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongDim):
    """Logarithm of `Softmax`, computed without overflow. Shape: any, kept.

    Args:
        dim: along which dimension; leaving it out is deprecated.

    >>> import facula
    >>> facula.nn.LogSoftmax(dim=1)(facula.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmin(_AlongDim):
    """`Softmax` of `-x`: the smallest element gets the largest share. Shape: any, kept.

    Args:
        dim: along which dimension; leaving it out is deprecated.

    >>> import facula
    >>> facula.nn.Softmin(dim=0)(facula.tensor([0.0, 100.0]))
    tensor([1., 0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)


class GLU(Module):
    """The first half of a dimension times the sigmoid of its second half (Dauphin et al., 2016).

    Args:
        dim: which dimension; its size is even.

    >>> import facula
    >>> facula.nn.GLU()(facula.tensor([2.0, 0.0]))
    tensor([1.])
    """

    __constants__ = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Softmax over the channels at every place. Shape: (N, C, H, W) or (C, H, W), kept.

    Raises:
        ValueError: another number of dimensions.

    >>> import facula
    >>> facula.nn.Softmax2d()(facula.zeros(1, 4, 1, 1)).flatten()
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)
