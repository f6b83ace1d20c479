"""Table look-up."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace


@op(grad_name="EmbeddingBackward0")
def embedding_rows(weight: Any, /, index: Any, padding_idx: int | None) -> Any:
    """The rows of a matrix that the integers of `index` name; the row `padding_idx` gets no gradient.

    Raises IndexError if there is no such row; negative numbers do not count from the end.
    """
    if index.size and not (int(index.min()) >= 0 and int(index.max()) < weight.shape[0]):
        raise IndexError("index out of range in self")
    return namespace(weight).take(weight, index, axis=0)


@op()
def embedding_grad(g: Any, /, index: Any, padding_idx: int | None, shape: tuple[int, ...]) -> Any:
    """The gradient of `embedding_rows`: each row's gradients added up."""
    xp = namespace(g)
    result = xp.zeros(shape, g.dtype)
    flat, rows = index.reshape(-1), g.reshape(-1, shape[1])
    if padding_idx is not None:
        kept = flat != padding_idx
        flat, rows = flat[kept], rows[kept]
    xp.add.at(result, flat, rows)
    return result


embedding_rows.vjp(
    weight=lambda g, weight_shape, index, padding_idx: embedding_grad(g, index, padding_idx, weight_shape)
)


def _embedding_grad_g(h: Any, index: Any, padding_idx: int | None) -> Any:
    rows = embedding_rows(h, index, padding_idx)
    if padding_idx is None:
        return rows
    return rows * (index != padding_idx)[..., None]


embedding_grad.vjp(g=_embedding_grad_g)


@op(grad_name="ConstantPadNdBackward0")
def pad_constant(input: Any, /, pads: tuple[tuple[int, int], ...], value: float) -> Any:
    """`value` added before and after each dimension; negative amounts take entries away."""
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(input.shape, pads, strict=True))
    return namespace(input).pad(input[cut], [(max(a, 0), max(b, 0)) for a, b in pads], constant_values=value)


pad_constant.vjp(input=lambda g, pads: pad_constant(g, tuple((-a, -b) for a, b in pads), 0.0))
