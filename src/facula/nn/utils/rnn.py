"""Sequences of different lengths in one tensor."""

from __future__ import annotations

from collections.abc import Sequence

from ..._tensor import Tensor
from ...factory import full

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences side by side, each filled up to the longest.

    Args:
        sequences: tensors of shapes (L_i, *), equal but for L_i.
        batch_first: the result is (N, L, *) instead of (L, N, *).
        padding_value: what they are filled with.
        padding_side: "right" (at the end) or "left".

    Raises:
        RuntimeError: no sequences, or different sizes after the first.
        ValueError: another side.

    >>> import facula
    >>> pad_sequence([facula.tensor([1, 2]), facula.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    parts = list(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise ValueError(f"[pad_sequence] padding_side must be 'left' or 'right': got {padding_side!r}")
    rest = parts[0].shape[1:]
    for part in parts:
        if part.dim() == 0 or part.shape[1:] != rest:
            raise RuntimeError(
                "[pad_sequence] sizes after the first must be equal: "
                f"got {tuple(parts[0].shape)} and {tuple(part.shape)}"
            )
    longest = max(part.shape[0] for part in parts)
    shape = (len(parts), longest, *rest) if batch_first else (longest, len(parts), *rest)
    result = full(shape, padding_value, dtype=parts[0].dtype)
    for i, part in enumerate(parts):
        n = part.shape[0]
        place = slice(longest - n, longest) if padding_side == "left" else slice(0, n)
        if batch_first:
            result[i, place] = part
        else:
            result[place, i] = part
    return result


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The inverse of `pad_sequence` for padding at the end.

    Args:
        padded_sequences: (L, N, *), or (N, L, *) with `batch_first`.
        lengths: (N,), how long each was.
        batch_first: see above.

    >>> import facula
    >>> unpad_sequence(facula.tensor([[1, 2], [3, 0]]), facula.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(n)] for row, n in zip(rows.unbind(0), lengths.tolist(), strict=True)]
