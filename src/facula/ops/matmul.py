"""Matrix products."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace
from .activation import relu, relu_grad
from .halves import in_float32
from .pointwise import conj
from .shape import reshape, transpose


def _name(input: Any, other: Any) -> str:
    n, m = input.ndim, other.ndim
    if (n, m) == (1, 1):
        return "DotBackward0"
    if (n, m) == (2, 1):
        return "MvBackward0"
    if (n, m) == (2, 2):
        return "MmBackward0"
    if (n, m) == (1, 2):
        return "SqueezeBackward4"
    return "CloneBackward0" if n == 2 and m > 2 else "UnsafeViewBackward0"


def check_matmul(name: str, a: Any, b: Any) -> None:
    """RuntimeError unless the operands of a matrix product fit together, TypeError for what is no array."""
    for x in (a, b):
        if not hasattr(x, "ndim"):
            raise TypeError(f"{name}(): arguments must be Tensors, not {type(x).__name__}")
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(
            f"[{name}] both arguments to matmul need to be at least 1D: got {a.shape} and {b.shape}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"[{name}] expected both matrices to have the same dtype: got {a.dtype} and {b.dtype}"
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        if a.ndim == b.ndim == 2:  # the sentence that PyTorch's users know
            raise RuntimeError(
                f"[{name}] mat1 and mat2 shapes cannot be multiplied "
                f"({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]}): "
                f"the columns of the first must be as many as the rows of the second: got {a.shape} and {b.shape}"
            )
        raise RuntimeError(
            f"[{name}] shapes cannot be multiplied: the last dimension of the first must equal the "
            f"{'second to last' if b.ndim > 1 else 'only'} one of the second: got {a.shape} and {b.shape}"
        )


def product(a: Any, b: Any) -> Any:
    """The matrix product of raw arrays; halves accumulate in float32."""
    if a.dtype.itemsize == 2 and a.dtype.kind in "fV":
        return matmul(a.astype("float32"), b.astype("float32")).astype(a.dtype)
    return namespace(a).matmul(a, b)


@op(grad_name="BmmBackward0")
def bmm(input: Any, other: Any, /) -> Any:
    """The products of two batches of matrices: (N, i, j) times (N, j, k)."""
    check_matmul("bmm", input, other)
    return product(input, other)


bmm.vjp(
    input=lambda g, other: bmm(g, transpose(conj(other), 1, 2)),
    other=lambda g, input: bmm(transpose(conj(input), 1, 2), g),
)


@op("torch", "Tensor", grad_name=_name)
def matmul(input: Any, other: Any, /) -> Any:
    """Matrix product; leading dimensions are batches and broadcast, vectors are rows on the left, columns
    on the right.

    >>> import facula
    >>> facula.matmul(facula.eye(2), facula.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    check_matmul("matmul", input, other)
    return product(input, other)


def _matmul_input(g: Any, other: Any, input_shape: tuple[int, ...]) -> Any:
    if len(input_shape) == 1 and len(other.shape) == 1:
        return g * conj(other)
    if len(other.shape) == 1:
        return reshape(g, (*g.shape, 1)) * conj(other)
    if len(input_shape) == 1:
        g = reshape(g, (*g.shape[:-1], 1, g.shape[-1]))
        full = matmul(g, transpose(conj(other), -2, -1))
        return reshape(full, (*full.shape[:-2], full.shape[-1]))
    return matmul(g, transpose(conj(other), -2, -1))


def _matmul_other(g: Any, input: Any, other_shape: tuple[int, ...]) -> Any:
    if len(input.shape) == 1 and len(other_shape) == 1:
        return g * conj(input)
    if len(input.shape) == 1:
        return reshape(conj(input), (-1, 1)) * reshape(g, (*g.shape[:-1], 1, g.shape[-1]))
    if len(other_shape) == 1:
        full = matmul(transpose(conj(input), -2, -1), reshape(g, (*g.shape, 1)))
        return reshape(full, tuple(full.shape[:-1]))
    if len(other_shape) == 2:  # one product that sums over the batches, too
        return matmul(transpose(conj(_rows(input)), 0, 1), _rows(g))
    return matmul(transpose(conj(input), -2, -1), g)


matmul.vjp(input=_matmul_input, other=_matmul_other)


def _linear_name(input: Any, weight: Any, bias: Any) -> str:
    if weight.ndim == 1 and input.ndim == 2:
        return "MvBackward0"
    if input.ndim == 2:
        return "MmBackward0" if bias is None else "AddmmBackward0"
    if input.ndim == 1:
        return "ViewBackward0" if bias is not None else "SqueezeBackward4"
    return "ViewBackward0" if bias is not None else "UnsafeViewBackward0"


@op("F", grad_name=_linear_name)
def linear(input: Any, weight: Any, bias: Any = None, /) -> Any:
    """`input @ weight.T + bias` over the last dimension of `input`.

    Shapes: input (*, in), weight (out, in) or (in,), bias (out,); result (*, out).
    """
    if weight.ndim not in (1, 2):
        raise RuntimeError(f"[linear] weight must have 1 or 2 dimensions: got {weight.shape}")
    check_matmul("linear", input, weight.T)
    result = product(input, weight.T)
    if bias is None:
        return result
    if bias.shape not in (result.shape[-1:], (), (1,)) and weight.ndim == 2 and bias.ndim < 2:
        raise RuntimeError(
            f"[linear] bias must have one number for each output: got {bias.shape} and {weight.shape}"
        )
    return result + bias


def _rows(x: Any) -> Any:
    """All leading dimensions as one."""
    return x if len(x.shape) == 2 else reshape(x, (-1, x.shape[-1]))


def _linear_input(g: Any, weight: Any) -> Any:
    if len(weight.shape) == 1:
        return reshape(g, (*g.shape, 1)) * conj(weight)
    return matmul(g, conj(weight))


def _linear_weight(g: Any, input: Any, weight_shape: tuple[int, ...]) -> Any:
    if len(weight_shape) == 1:
        return matmul(transpose(conj(_rows(input)), 0, 1), reshape(g, (-1,)))
    return matmul(transpose(_rows(g), 0, 1), conj(_rows(input)))


linear.vjp(input=_linear_input, weight=_linear_weight, bias=lambda g: g)


@op(grad_name="ReluBackward0")
def linear_relu(input: Any, weight: Any, bias: Any = None, /) -> Any:
    """`relu(linear(input, weight, bias))`."""
    return relu(linear(input, weight, bias))


linear_relu.vjp(
    input=lambda g, weight, out: _linear_input(relu_grad(g, out), weight),
    weight=lambda g, input, weight_shape, out: _linear_weight(relu_grad(g, out), input, weight_shape),
    bias=lambda g, out: relu_grad(g, out),
)


@op(grad_name="AddmmBackward0")
def addmm(input: Any, mat1: Any, mat2: Any, /, beta: Any = 1, alpha: Any = 1) -> Any:
    """`beta * input + alpha * (mat1 @ mat2)`."""
    check_matmul("addmm", mat1, mat2)
    total = matmul(mat1, mat2)
    if alpha != 1:
        total = total * alpha
    return total if beta == 0 else total + (input if beta == 1 else input * beta)


addmm.vjp(
    input=lambda g, beta: g * beta,
    mat1=lambda g, mat2, alpha: matmul(g, transpose(conj(mat2), -2, -1)) * alpha,
    mat2=lambda g, mat1, alpha: matmul(transpose(conj(mat1), -2, -1), g) * alpha,
)


in_float32(addmm)
