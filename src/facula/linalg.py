"""Linear algebra, as in `torch.linalg`: what can be had without decompositions."""

from __future__ import annotations

from typing import Any

from ._tensor import Tensor
from .ops.einsum import linalg_cross as cross
from .ops.einsum import matrix_power, multi_dot
from .ops.matmul import matmul
from .ops.reductions import norm as _norm

__all__ = ["cross", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm", "vector_norm"]


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over dimensions (all by default); `ord` is any number, inf or -inf."""
    return _norm(x, ord, dim, keepdim, out, dtype)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Any = None,
) -> Tensor:
    """The norm of matrices: "fro" (Frobenius), 1, -1, inf or -inf. NotImplementedError for what needs an
    SVD.
    """
    from .autograd.op import write_out

    x = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return _norm(x, 2, dim, keepdim, out)
    if ord not in (1, -1, float("inf"), -float("inf")):
        raise NotImplementedError(f"[matrix_norm] ord={ord!r} is not supported")
    rows, columns = (d % x.ndim for d in dim)
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = x.abs().sum(summed, keepdim=True)
    result = (sums.amax if ord > 0 else sums.amin)(other, keepdim=True)
    if not keepdim:
        result = result.squeeze((rows, columns))
    found: Tensor = write_out("matrix_norm", result, out)
    return found


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Any = None, dtype: Any = None
) -> Tensor:
    """Vector norm, or matrix norm where two dimensions (or a matrix and an order) are given."""
    if ord is None or (isinstance(dim, int)) or (dim is None and A.ndim != 2):
        return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)
    return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)
