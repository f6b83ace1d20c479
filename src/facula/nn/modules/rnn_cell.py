"""Single steps of recurrent layers."""

from __future__ import annotations

import math
from typing import Any

from ..._tensor import Tensor
from ...factory import empty, zeros
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module
from .rnn import gru_step, lstm_step, simple_step


class _CellBase(Module):
    __constants__: tuple[str, ...] = ("input_size", "hidden_size", "bias")
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, gates: int, device: Any, dtype: Any
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = gates * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(
                name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew: U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else text + ", bias=False"

    def _products(self, input: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Both matrix products, and the state (zeros if none was given)."""
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.shape[-1]} expected {self.input_size}"
            )
        h = zeros(*input.shape[:-1], self.hidden_size, dtype=input.dtype) if state is None else state
        if h.shape[-1] != self.hidden_size:
            raise RuntimeError(
                f"hidden0 has inconsistent hidden_size: got {h.shape[-1]}, expected {self.hidden_size}"
            )
        return (
            F.linear(input, self.weight_ih, self.bias_ih),
            F.linear(h, self.weight_hh, self.bias_hh),
            h,
        )


class RNNCell(_CellBase):
    """One step of `RNN`: input (N, input_size) or (input_size), state (N, hidden_size); gives the new state.

    >>> import facula
    >>> facula.nn.RNNCell(3, 4)(facula.rand(2, 3)).shape
    facula.Size([2, 4])
    """

    __constants__ = ("input_size", "hidden_size", "bias", "nonlinearity")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        x, h, _ = self._products(input, hx)
        return simple_step(f"RNN_{self.nonlinearity.upper()}", x, h)

    def extra_repr(self) -> str:
        text = super().extra_repr()
        return text if self.nonlinearity == "tanh" else f"{text}, nonlinearity={self.nonlinearity}"


class GRUCell(_CellBase):
    """One step of `GRU`: input (N, input_size) or (input_size), state (N, hidden_size); gives the new state.

    >>> import facula
    >>> facula.nn.GRUCell(3, 4)(facula.rand(2, 3)).shape
    facula.Size([2, 4])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return gru_step(*self._products(input, hx))


class LSTMCell(_CellBase):
    """One step of `LSTM`: input (N, input_size) or (input_size), state (h, c); gives the new pair.

    >>> import facula
    >>> h, c = facula.nn.LSTMCell(3, 4)(facula.rand(2, 3))
    >>> h.shape, c.shape
    (facula.Size([2, 4]), facula.Size([2, 4]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        given, cell = (None, None) if hx is None else hx
        x, recurrent, h = self._products(input, given)
        return lstm_step(x + recurrent, zeros(*h.shape, dtype=h.dtype) if cell is None else cell)
