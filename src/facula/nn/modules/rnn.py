"""Recurrent layers. All time steps' inputs are multiplied at once; only the state's part is a loop."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..._tensor import Tensor
from ...factory import empty, zeros
from ...ops.reshaping import cat, stack
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


def simple_step(mode: str, x: Tensor, h: Tensor) -> Tensor:
    total = x + h
    return total.relu() if mode == "RNN_RELU" else total.tanh()


def gru_step(x: Tensor, h: Tensor, state: Tensor) -> Tensor:
    """One step, from both products: reset r, update z, candidate n; then n + z (state - n)."""
    xr, xz, xn = x.chunk(3, -1)
    hr, hz, hn = h.chunk(3, -1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return n + z * (state - n)


def lstm_step(total: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step, from the sum of both products: the new output and cell; gates i, f, g, o."""
    i, f, g, o = total.chunk(4, -1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


class _RNNBase(Module):
    __constants__ = (
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    )  # fmt: skip

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being "
                "zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        if not isinstance(hidden_size, int):
            raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        rows = _GATES[mode] * hidden_size
        seen = proj_size or hidden_size
        # The parameters' names, for each layer and direction: PyTorch keeps them too, and its files hold them.
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else seen * (2 if bidirectional else 1)
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, seen)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                self._all_weights.append([name + suffix for name in shapes])
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(empty(shape, device=device, dtype=dtype)))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def __getstate__(self) -> dict[str, Any]:
        # PyTorch keeps the parameters in a list as well, and expects it in a file.
        return {**vars(self), "_flat_weights": [getattr(self, name) for name in self._flat_weights_names]}

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def reset_parameters(self) -> None:
        """Draw all parameters anew: U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: a preparation that only GPUs need."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, one list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False,
        }  # fmt: skip
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text

    # ---- running

    def _batch(self, input: Tensor) -> tuple[Tensor, bool]:
        """The input as (time, batch, features), and whether it came without a batch."""
        if not isinstance(input, Tensor):
            raise NotImplementedError(f"[{type(self).__name__}] packed sequences are not supported")
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, "
                f"got {input.shape[-1]}"
            )
        single = input.dim() == 2
        if single:
            return input.unsqueeze(1), True
        return (input.transpose(0, 1) if self.batch_first else input), False

    def _state(self, hx: Tensor | None, x: Tensor, single: bool, size: int, name: str) -> Tensor:
        """A start state as (layers * directions, batch, size), zeros if none was given."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        if hx is None:
            return zeros(count, x.shape[1], size, dtype=x.dtype)
        if hx.dim() != (2 if single else 3):
            what = "unbatched 2-D" if single else "batched 3-D"
            raise RuntimeError(
                f"For {what} input, hx should also be {2 if single else 3}-D but got {hx.dim()}-D tensor"
            )
        state = hx.unsqueeze(1) if single else hx
        if tuple(state.shape) != (count, x.shape[1], size):
            raise RuntimeError(f"Expected {name} size {(count, x.shape[1], size)}, got {list(state.shape)}")
        return state

    def _walk(
        self, suffix: str, x: Tensor, h: Tensor, c: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """One layer in one direction: the outputs of all steps, the last output and cell."""
        w_ih, w_hh = getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix)
        b_ih, b_hh = (getattr(self, n + suffix) if self.bias else None for n in ("bias_ih", "bias_hh"))
        w_hr = getattr(self, "weight_hr" + suffix) if self.proj_size else None
        products = F.linear(x, w_ih, b_ih).unbind(0)
        backwards = suffix.endswith("_reverse")
        outputs = []
        for product in reversed(products) if backwards else products:
            recurrent = F.linear(h, w_hh, b_hh)
            if c is not None:
                h, c = lstm_step(product + recurrent, c)
                if w_hr is not None:
                    h = F.linear(h, w_hr)
            elif self.mode == "GRU":
                h = gru_step(product, recurrent, h)
            else:
                h = simple_step(self.mode, product, recurrent)
            outputs.append(h)
        return stack(outputs[::-1] if backwards else outputs), h, c

    def _run(self, x: Tensor, h0: Tensor, c0: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """All layers: the outputs of the last one, the final outputs and cells of each."""
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        last_h: list[Tensor] = []
        last_c: list[Any] = []
        for layer in range(self.num_layers):
            parts = []
            for suffix in self._suffixes(layer):
                at = len(last_h)
                part, h, c = self._walk(suffix, x, h0[at], None if c0 is None else c0[at])
                parts.append(part)
                last_h.append(h)
                last_c.append(c)
            x = cat(parts, -1) if len(parts) > 1 else parts[0]
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout)
        return x, stack(last_h), None if c0 is None else stack(last_c)

    def _shaped(self, output: Tensor, single: bool) -> Tensor:
        if single:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        x, single = self._batch(input)
        h0 = self._state(hx, x, single, self.hidden_size, "hidden")
        output, h, _ = self._run(x, h0, None)
        return self._shaped(output, single), h.squeeze(1) if single else h


class RNN(_RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) for every step of a sequence (Elman, 1990).

    Args:
        input_size: features of the input.
        hidden_size: features H of the state.
        num_layers: so many one above the other.
        nonlinearity: "tanh" or "relu".
        bias: have b_ih and b_hh.
        batch_first: input and output are (N, L, *) instead of (L, N, *).
        dropout: probability, between the layers, in training.
        bidirectional: a second one from the end to the start; the outputs stand side by side.
        device, dtype: of the parameters.

    Shapes: input (L, N, input_size) or, without a batch, (L, input_size); start state
    (layers * directions, N, H), zeros if left out. Gives the outputs (L, N, H * directions) and the last
    state of each layer and direction. Packed sequences are not supported.

    Raises:
        ValueError: arguments that cannot be, or an input of another number of dimensions.
        RuntimeError: an input or state of other sizes.

    >>> import facula
    >>> output, state = facula.nn.RNN(3, 4)(facula.rand(5, 2, 3))
    >>> output.shape, state.shape
    (facula.Size([5, 2, 4]), facula.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class GRU(_RNNBase):
    """A gated recurrent unit for every step of a sequence (Cho et al., 2014, arXiv:1406.1078).

    Args, shapes and errors: as for `RNN`, without `nonlinearity`. The rows of the weights are the gates
    reset, update, new; the reset gate acts on the state's product.

    >>> import facula
    >>> output, state = facula.nn.GRU(3, 4, batch_first=True)(facula.rand(2, 5, 3))
    >>> output.shape, state.shape
    (facula.Size([2, 5, 4]), facula.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device,
            dtype,
        )  # fmt: skip


class LSTM(_RNNBase):
    """Long short-term memory for every step of a sequence (Hochreiter and Schmidhuber, 1997).

    Args, shapes and errors: as for `RNN`, without `nonlinearity`; and
        proj_size: if positive, outputs are multiplied by a learned matrix to this size (arXiv:1402.1128).

    The state is a pair (h, c), given and returned. The rows of the weights are the gates i, f, g, o.

    >>> import facula
    >>> output, (h, c) = facula.nn.LSTM(3, 4, bidirectional=True)(facula.rand(5, 2, 3))
    >>> output.shape, h.shape, c.shape
    (facula.Size([5, 2, 8]), facula.Size([2, 2, 4]), facula.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        x, single = self._batch(input)
        given_h, given_c = (None, None) if hx is None else hx
        h0 = self._state(given_h, x, single, self.proj_size or self.hidden_size, "hidden[0]")
        c0 = self._state(given_c, x, single, self.hidden_size, "hidden[1]")
        output, h, c = self._run(x, h0, c0)
        if single and c is not None:
            h, c = h.squeeze(1), c.squeeze(1)
        return self._shaped(output, single), (h, c)
