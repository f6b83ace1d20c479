"""Look-up tables."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from ...autograd.mode import no_grad
from ...factory import empty
from ...ops.arithmetic import where
from ...ops.reductions import bincount, unique
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


def _shorten(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up, and are longer than `max_norm`, down to it."""
    with no_grad():
        places = unique(input)
        rows = weight[places]
        norms = rows.norm(norm_type, 1, True)
        # The small addend keeps the new length below the limit in spite of rounding, as in PyTorch.
        weight[places] = where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)


class Embedding(Module):
    """A table of vectors, looked up by index: `output[...] = weight[input[...]]`.

    Args:
        num_embeddings: number of vectors.
        embedding_dim: their size.
        padding_idx: this vector starts as zeros and gets no gradient (negative counts from the end).
        max_norm: vectors that are looked up and are longer are first scaled down to it, in place.
        norm_type: the p of the norm that `max_norm` means.
        scale_grad_by_freq: divide a vector's gradient by how often it was looked up.
        sparse: not supported.
        device, dtype: of the weight.

    Shape: `(*)` of int64 or int32 to `(*, embedding_dim)`. Parameter: `weight` (num_embeddings,
    embedding_dim), from N(0, 1).

    Raises:
        AssertionError: `padding_idx` is outside the table.

    >>> import facula
    >>> table = facula.nn.Embedding(10, 3, padding_idx=0)
    >>> table(facula.tensor([[0, 2, 0, 5]])).shape
    facula.Size([1, 4, 3])
    """

    __constants__ = (
        "num_embeddings",
        "embedding_dim",
        "padding_idx",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "sparse",
    )
    weight: Tensor

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise NotImplementedError("[Embedding] sparse gradients are not supported: got sparse=True")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        if _weight is None:
            table = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight, requires_grad=not _freeze)
        self.sparse = sparse

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor) -> Tensor:
        if self.max_norm is not None and input.numel():
            _shorten(self.weight, input, self.max_norm, self.norm_type)
        rows = F.embedding(input, self.weight, self.padding_idx)
        if self.scale_grad_by_freq and rows.requires_grad:
            counts = bincount(input.reshape(-1), minlength=self.num_embeddings)[input].unsqueeze(-1)
            rows.register_hook(lambda g: g / counts)
        return rows

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A table made from a (num_embeddings, embedding_dim) tensor, whose memory it shares.

        Args:
            embeddings: the vectors.
            freeze: do not train them.
            padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: as for `Embedding`; the vector at
                `padding_idx` is not changed.

        >>> import facula
        >>> facula.nn.Embedding.from_pretrained(facula.tensor([[1.0, 2.0]]))(facula.tensor([0]))
        tensor([[1., 2.]])
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip
