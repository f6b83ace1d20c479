"""Attention with several heads."""

from __future__ import annotations

import math
from typing import Any

from ..._dtype import bool_
from ..._tensor import Tensor
from ...factory import empty, zeros
from ...ops.reshaping import cat
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module


def additive(mask: Tensor | None, dtype: Any, name: str) -> Tensor | None:
    """A mask as numbers to add: minus infinity where a bool mask is True."""
    if mask is None:
        return None
    if mask.dtype == bool_:
        return zeros(mask.shape, dtype=dtype).masked_fill(mask, -math.inf)
    if not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


class MultiheadAttention(Module):
    """softmax(q k^T / sqrt(E / heads) + mask) v for each head, between linear maps (Vaswani et al., 2017).

    Args:
        embed_dim: features E of queries and result, divisible by
        num_heads: the number of heads.
        dropout: probability for the attention weights, in training.
        bias: of the linear maps.
        add_bias_kv: append a learned key and value.
        add_zero_attn: append a key and value of zeros.
        kdim, vdim: features of keys and values; default: E.
        batch_first: (N, L, E) instead of (L, N, E).
        device, dtype: of the parameters.

    Shapes: query (L, N, E), key (S, N, kdim), value (S, N, vdim), or all without N. Masks: `key_padding_mask`
    (N, S), `attn_mask` (L, S) or (N * heads, L, S); bool (True is left out) or numbers that are added. Gives
    the result and, with `need_weights`, the weights (N, L, S), or (N, heads, L, S) without
    `average_attn_weights`; else None.

    Parameters: `in_proj_weight` (3 E, E), or `q_proj_weight`, `k_proj_weight`, `v_proj_weight`;
    `in_proj_bias` (3 E); `out_proj`.

    Raises:
        ValueError: sizes that are not positive.
        AssertionError: sizes, masks or inputs that do not fit.

    >>> import facula
    >>> x = facula.rand(5, 2, 8)
    >>> result, weights = facula.nn.MultiheadAttention(8, num_heads=2)(x, x, x)
    >>> result.shape, weights.shape
    (facula.Size([5, 2, 8]), facula.Size([2, 5, 5]))
    """

    __constants__ = ("batch_first",)
    bias_k: Tensor | None
    bias_v: Tensor | None
    in_proj_bias: Tensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, "
                f"got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        shapes: dict[str, tuple[int, ...] | None] = dict.fromkeys(
            ("q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_weight", "in_proj_bias")
        )
        if self._qkv_same_embed_dim:
            shapes["in_proj_weight"] = (3 * embed_dim, embed_dim)
            order = ["in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"]
        else:
            for letter, width in zip("qkv", (embed_dim, self.kdim, self.vdim), strict=True):
                shapes[f"{letter}_proj_weight"] = (embed_dim, width)
            order = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_weight"]
        if bias:
            shapes["in_proj_bias"] = (3 * embed_dim,)
        for name in [*order, "in_proj_bias"]:
            shape = shapes[name]
            value = None if shape is None else Parameter(empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, value)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, device=device, dtype=dtype
        )
        if add_bias_kv:
            self.bias_k = Parameter(empty((1, 1, embed_dim), device=device, dtype=dtype))
            self.bias_v = Parameter(empty((1, 1, embed_dim), device=device, dtype=dtype))
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        names = ["in_proj_weight"] if self._qkv_same_embed_dim else [f"{x}_proj_weight" for x in "qkv"]
        for name in names:
            init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            assert self.out_proj.bias is not None
            init.constant_(self.out_proj.bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def _projected(self, inputs: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
        if self._qkv_same_embed_dim:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = tuple(getattr(self, f"{x}_proj_weight") for x in "qkv")
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return [F.linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _masks(
        self,
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
        sizes: tuple[int, int, int],
        dtype: Any,
    ) -> Tensor | None:
        """Both masks in one of numbers, broadcastable to (N, heads, L, S)."""
        n, length, size = sizes
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        mask = additive(attn_mask, dtype, "attn_mask")
        if mask is not None:
            allowed = (length, size) if mask.dim() == 2 else (n * self.num_heads, length, size)
            if mask.dim() not in (2, 3):
                raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
            if tuple(mask.shape) != allowed:
                raise RuntimeError(
                    f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {allowed}."
                )
            if mask.dim() == 3:
                mask = mask.reshape(n, self.num_heads, length, size)
        padding = additive(key_padding_mask, dtype, "key_padding_mask")
        if padding is not None:
            if padding.dim() == 1:
                padding = padding.unsqueeze(0)
            if tuple(padding.shape) != (n, size):
                raise AssertionError(
                    f"expecting key_padding_mask shape of {(n, size)}, but got {tuple(padding.shape)}"
                )
            padding = padding.reshape(n, 1, 1, size)
            mask = padding if mask is None else mask + padding
        return mask

    def _heads(self, x: Tensor, n: int) -> Tensor:
        """(length, N, E) as (N, heads, length, E / heads)."""
        return x.reshape(x.shape[0], n, self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if query.dim() not in (2, 3):
            raise AssertionError(
                f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
            )
        batched = query.dim() == 3
        inputs = (query, key, value)
        if not batched:
            inputs = (query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1))
        elif self.batch_first:
            inputs = (query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1))
        if inputs[0].shape[-1] != self.embed_dim:
            raise AssertionError(
                f"was expecting embedding dimension of {self.embed_dim}, but got {inputs[0].shape[-1]}"
            )
        length, n = inputs[0].shape[:2]
        q, k, v = self._projected(inputs)
        mask = self._masks(key_padding_mask, attn_mask, is_causal, (n, length, k.shape[0]), q.dtype)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = cat([k, self.bias_k.repeat(1, n, 1)]), cat([v, self.bias_v.repeat(1, n, 1)])
            mask = None if mask is None else F.pad(mask, (0, 1))
        if self.add_zero_attn:
            nothing = zeros(1, n, self.embed_dim, dtype=k.dtype)
            k, v = cat([k, nothing]), cat([v, nothing])
            mask = None if mask is None else F.pad(mask, (0, 1))
        q, k, v = (self._heads(x, n) for x in (q, k, v))
        dropout = self.dropout if self.training else 0.0
        weights: Tensor | None = None
        if need_weights:
            scores = (q * math.sqrt(1.0 / self.head_dim)) @ k.transpose(-2, -1)
            weights = F.softmax(scores if mask is None else scores + mask, -1)
            if dropout:
                weights = F.dropout(weights, dropout)
            result = weights @ v
        else:
            result = F.scaled_dot_product_attention(q, k, v, mask, dropout)
        result = result.permute(2, 0, 1, 3).reshape(length, n, self.embed_dim)
        result = F.linear(result, self.out_proj.weight, self.out_proj.bias)
        shown = weights.mean(1) if weights is not None and average_attn_weights else weights
        if not batched:
            return result.squeeze(1), None if shown is None else shown.squeeze(0)
        return (result.transpose(0, 1) if self.batch_first else result), shown
