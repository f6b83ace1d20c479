"""Layers that multiply by a matrix."""

from __future__ import annotations

import math
from typing import Any

from ..._tensor import Tensor
from ...factory import empty
from ...ops.matmul import linear_relu
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


class Identity(Module):
    """Gives its input back; any arguments are accepted and ignored.

    Shape: `(*)` to `(*)`.

    >>> import facula
    >>> facula.nn.Identity(54, unused=True)(facula.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """Affine map of the last dimension: `y = x @ weight.T + bias`.

    Args:
        in_features: size of an input's last dimension.
        out_features: size of an output's last dimension.
        bias: add a learned bias.
        device, dtype: of the parameters.

    Shape: `(*, in_features)` to `(*, out_features)`.

    Parameters: `weight` (out_features, in_features) and `bias` (out_features), both drawn from
    U(-k, k) with k = 1 / sqrt(in_features), the weight first.

    >>> import facula
    >>> layer = facula.nn.Linear(20, 30)
    >>> layer(facula.rand(128, 20)).shape
    facula.Size([128, 30])
    """

    __constants__ = ("in_features", "out_features")
    in_features: int
    out_features: int
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        # kaiming_uniform_ with a = sqrt(5) is U(-1/sqrt(fan_in), 1/sqrt(fan_in)): gain sqrt(2/6), bound
        # sqrt(3)*gain.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = self.in_features
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def _with_relu(self, input: Tensor) -> Tensor:
        return linear_relu(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Bilinear(Module):
    """Bilinear map of two inputs: `y[o] = x1 @ weight[o] @ x2 + bias[o]`.

    Args:
        in1_features, in2_features: sizes of the inputs' last dimensions; both must be positive.
        out_features: size of the output's last dimension.
        bias: add a learned bias.
        device, dtype: of the parameters.

    Shape: `(*, in1_features)` and `(*, in2_features)` to `(*, out_features)`; the leading dimensions agree.

    Parameters: `weight` (out_features, in1_features, in2_features) and `bias` (out_features), both drawn
    from U(-k, k) with k = 1 / sqrt(in1_features).

    >>> import facula
    >>> layer = facula.nn.Bilinear(20, 30, 40)
    >>> layer(facula.rand(8, 20), facula.rand(8, 30)).shape
    facula.Size([8, 40])
    """

    __constants__ = ("in1_features", "in2_features", "out_features")
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in1_features, in2_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.weight.size(1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` of another name: what PyTorch prints for the last step of `MultiheadAttention`."""
