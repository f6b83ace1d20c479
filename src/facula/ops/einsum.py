"""Products of tensors over named dimensions."""

from __future__ import annotations

import string
from typing import Any

from .._tensor import Tensor, normalize_dim
from ..autograd.op import op, public, write_out
from ..kernels.namespace import namespace
from .pointwise import conj


@op(sequence=True, name="contract")
def contract(operands: Any, /, subscripts: tuple[str, ...], output: str) -> Any:
    """Sum of products: `numpy.einsum` where no letter occurs twice in an operand or in one operand alone."""
    equation = ",".join(subscripts) + "->" + output
    xp = namespace(operands[0])
    dtype = operands[0].dtype
    if dtype.itemsize == 2 and dtype.kind in "fV":  # halves are added up in float32
        wide = [x.astype("float32") for x in operands]
        return xp.asarray(xp.einsum(equation, *wide, optimize=len(operands) > 1), order="C").astype(dtype)
    return xp.asarray(xp.einsum(equation, *operands, optimize=len(operands) > 1), order="C")


def _contract_operands(g: Any, operands: Any, subscripts: tuple[str, ...], output: str) -> list[Any]:
    grads = []
    for k, own in enumerate(subscripts):
        others = [conj(x) for i, x in enumerate(operands) if i != k]
        names = tuple([s for i, s in enumerate(subscripts) if i != k])
        grads.append(contract([g, *others], (output, *names), own))
    return grads


contract.vjp(operands=_contract_operands)


def _parse(equation: str, operands: list[Tensor]) -> tuple[list[str], str]:
    """Letters for each operand and for the result; dots are replaced by letters that are free."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(f"einsum(): the equation has {len(terms)} operands but {len(operands)} were given")
    free = [c for c in string.ascii_letters if c not in equation]
    covered = [x.ndim - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True) if "..." in t]
    dots = "".join(free[: max(covered, default=0)])
    named = []
    for t, x in zip(terms, operands, strict=True):
        n = x.ndim - len(t.replace("...", ""))
        if n < 0 or (n and "..." not in t):
            raise RuntimeError(
                f"einsum(): the subscripts '{t}' do not fit an operand with {x.ndim} dimensions"
            )
        named.append(t.replace("...", dots[len(dots) - n :]))
    if arrow:
        output = right.replace("...", dots)
    else:
        letters = "".join(named)
        output = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots))
    if len(set(output)) != len(output) or any(c not in "".join(named) for c in output):
        raise RuntimeError(f"einsum(): bad output subscripts '{right}' in '{equation}'")
    return named, output


def _simplified(x: Tensor, letters: str, sizes: dict[str, int], needed: str) -> tuple[Tensor, str]:
    """One operand without repeated letters, broadcast dimensions and letters that nobody else has."""
    for c in sorted(set(letters)):
        while letters.count(c) > 1:
            i = letters.index(c)
            j = letters.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated but the sizes differ: got {x.shape[i]} and "
                    f"{x.shape[j]}"
                )
            x = x.diagonal(0, i, j)
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + c
    lonely = [i for i, c in enumerate(letters) if c not in needed]
    if lonely:
        x, letters = x.sum(lonely), "".join(c for c in letters if c in needed)
    ones = [i for i, c in enumerate(letters) if x.shape[i] == 1 and sizes[c] != 1]
    if ones:
        x, letters = x.squeeze(tuple(ones)), "".join(c for i, c in enumerate(letters) if i not in ones)
    return x, letters


@public("torch")
def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products over named dimensions: each operand's dimensions get letters, those not in the
    result are summed.

    `...` stands for further dimensions, which broadcast. RuntimeError if the equation does not fit the
    operands.

    >>> import facula
    >>> facula.einsum("ij,kj->ik", facula.ones(2, 3), facula.ones(4, 3)).shape
    facula.Size([2, 4])
    """
    given = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    )
    terms, output = _parse(equation, given)
    sizes: dict[str, int] = {}
    for x, letters in zip(given, terms, strict=True):
        for c, n in zip(letters, x.shape, strict=True):
            if sizes.get(c, 1) not in (1, n) and n != 1:
                raise RuntimeError(f"einsum(): subscript {c} has size {n} but another operand has {sizes[c]}")
            sizes[c] = max(sizes.get(c, 1), n) if n else 0
    parts = []
    for k, (x, letters) in enumerate(zip(given, terms, strict=True)):
        needed = output + "".join(t for i, t in enumerate(terms) if i != k)
        parts.append(_simplified(x, letters, sizes, needed))
    # A dimension that is 1 in every operand that has it may have been dropped from some: all keep it or one
    # does.
    return contract([x for x, _ in parts], tuple([s for _, s in parts]), output)


@public("torch")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Any = None) -> Tensor:
    """Products summed over `dims`: a number (the last of `a` with the first of `b`) or two lists of
    dimensions.
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects 0 <= dims <= ndim_other, but got dims={dims}")
        over_a, over_b = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        over_a, over_b = ([d] if isinstance(d, int) else list(d) for d in dims)
        over_a, over_b = (
            [normalize_dim(d, a.ndim) for d in over_a],
            [normalize_dim(d, b.ndim) for d in over_b],
        )
    for i, j in zip(over_a, over_b, strict=True):
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and "
                f"second has size {b.shape[j]} in dim {j}"
            )
    keep_a = [i for i in range(a.ndim) if i not in over_a]
    keep_b = [i for i in range(b.ndim) if i not in over_b]
    n = 1
    for i in over_a:
        n *= a.shape[i]
    rows = a.permute(*keep_a, *over_a).reshape(-1 if n else a.numel(), n)
    columns = b.permute(*over_b, *keep_b).reshape(n, -1 if n else b.numel())
    shape = [a.shape[i] for i in keep_a] + [b.shape[i] for i in keep_b]
    result: Tensor = write_out("tensordot", (rows @ columns).reshape(shape), out)
    return result


@public("torch", "Tensor")
def inner(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Sums of products over the last dimension of both; with a number, the plain product."""
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.ndim == 1 and other.ndim == 1:
        return input.dot(other, out=out)
    return tensordot(input, other, ([-1], [-1]), out)


@public("torch", "Tensor")
def vdot(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """`dot` with the conjugate of the first vector."""
    return input.conj().dot(other, out=out) if input.is_complex() else input.dot(other, out=out)


@public("torch", "Tensor")
def kron(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The Kronecker product: every element of `input` times the whole of `other`."""
    n = max(input.ndim, other.ndim)
    a = input.reshape((1,) * (n - input.ndim) + tuple(input.shape))
    b = other.reshape((1,) * (n - other.ndim) + tuple(other.shape))
    shape = [x * y for x, y in zip(a.shape, b.shape, strict=True)]
    for i in range(n):
        a, b = a.unsqueeze(2 * i + 1), b.unsqueeze(2 * i)
    result: Tensor = write_out("kron", (a * b).reshape(shape), out)
    return result


@public("torch", "Tensor")
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Tensor:
    """`beta * input + alpha * bmm(batch1, batch2)`."""
    product = batch1.bmm(batch2)
    product = product if alpha == 1 else product * alpha
    result: Tensor = write_out(
        "baddbmm", product if beta == 0 else product + (input if beta == 1 else input * beta), out
    )
    return result


@public("torch", "Tensor")
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Tensor:
    """`beta * input + alpha * sum over the batch of batch1 @ batch2`."""
    product = batch1.bmm(batch2).sum(0)
    product = product if alpha == 1 else product * alpha
    result: Tensor = write_out(
        "addbmm", product if beta == 0 else product + (input if beta == 1 else input * beta), out
    )
    return result


@public("torch", "Tensor")
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Tensor:
    """`beta * input + alpha * (mat @ vec)`."""
    product = mat.mv(vec) * alpha
    result: Tensor = write_out("addmv", product if beta == 0 else input * beta + product, out)
    return result


@public("torch", "Tensor")
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Tensor:
    """`beta * input + alpha * outer(vec1, vec2)`."""
    product = vec1.outer(vec2) * alpha
    result: Tensor = write_out("addr", product if beta == 0 else input * beta + product, out)
    return result


@public("torch")
def chain_matmul(*matrices: Tensor, out: Any = None) -> Tensor:
    """The product of several matrices, from left to right."""
    return multi_dot(matrices, out=out)


@public("linalg")
def multi_dot(tensors: Any, *, out: Any = None) -> Tensor:
    """The product of several matrices, from left to right; the first and the last may be vectors."""
    result = tensors[0]
    for m in tensors[1:]:
        result = result @ m
    found: Tensor = write_out("multi_dot", result, out)
    return found


@public("torch", "Tensor", "linalg")
def matrix_power(input: Tensor, n: int, *, out: Any = None) -> Tensor:
    """A square matrix (or a batch of them) to a non-negative integer power, by repeated squaring."""
    if n < 0:
        raise NotImplementedError("[matrix_power] negative powers are not supported")
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {tuple(input.shape)}"
        )
    from ..factory import eye

    result, power = None, input
    while n:
        if n & 1:
            result = power if result is None else result @ power
        n >>= 1
        power = power @ power if n else power
    if result is None:
        result = eye(input.shape[-1], dtype=input.dtype).expand(input.shape).clone()
    found: Tensor = write_out("matrix_power", result, out)
    return found


def _cross(input: Tensor, other: Tensor, dim: int) -> Tensor:
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and "
            f"{other.shape[dim]}"
        )
    a, b = (input.roll(-1, dim), other.roll(-1, dim))
    return a * other.roll(-2, dim) - input.roll(-2, dim) * b


@public("torch", "Tensor")
def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """The cross product of vectors of length 3 along `dim` (default: the first dimension of that length)."""
    if dim is None:
        dim = next(i for i, n in enumerate(input.shape) if n == 3)
    result: Tensor = write_out("cross", _cross(input, other, dim), out)
    return result


@public("linalg", name="cross")
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """The cross product of vectors of length 3 along `dim`."""
    result: Tensor = write_out("cross", _cross(input, other, dim), out)
    return result


@public("torch", "Tensor")
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return input.diagonal().sum()


@public("torch")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Tensor:
    """The p-norm distance of every row of `x1` (..., P, M) from every row of `x2` (..., R, M): (..., P,
    R).
    """
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


@public("torch", "Tensor")
def dist(input: Tensor, other: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of `input - other`."""
    return (input - other).norm(p)
