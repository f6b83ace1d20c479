"""Matrix products, conversion between dtypes, and filling in place, in PyTorch's call shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _device, _dtype
from .._tensor import Tensor
from ..autograd.op import apply_inplace, check_inplace, public, write_out
from . import matmul, pointwise
from .arguments import raw_of, sizes_of
from .index import assign


def _two(name: str, a: Tensor, b: Tensor, dims: tuple[int, int]) -> None:
    """TypeError unless both are tensors, RuntimeError unless they have as many dimensions as `dims` says."""
    for i, x in enumerate((a, b), 1):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument at position {i} must be Tensor, not {x.__class__.__name__}")
    if (a.ndim, b.ndim) != dims:
        raise RuntimeError(
            f"[{name}] needs tensors of {dims[0]} and {dims[1]} dimensions: got {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        )


@public("torch", "Tensor")
def mm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """Product of two matrices."""
    _two("mm", input, mat2, (2, 2))
    return matmul.matmul(input, mat2, out=out)


@public("torch", "Tensor")
def bmm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """Products of two batches of matrices."""
    _two("bmm", input, mat2, (3, 3))
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"[bmm] batches must be equal: got {tuple(input.shape)} and {tuple(mat2.shape)}")
    return matmul.bmm(input, mat2, out=out)


@public("torch", "Tensor")
def mv(input: Tensor, vec: Tensor, *, out: Any = None) -> Tensor:
    """Product of a matrix and a vector."""
    _two("mv", input, vec, (2, 1))
    return matmul.matmul(input, vec, out=out)


@public("torch", "Tensor")
def dot(input: Tensor, tensor: Tensor, *, out: Any = None) -> Tensor:
    """Sum of the products of two vectors' elements."""
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    return matmul.matmul(input, tensor, out=out)


@public("torch", "Tensor")
def outer(input: Tensor, vec2: Tensor, *, out: Any = None) -> Tensor:
    """All products of an element of one vector and one of another."""
    _two("outer", input, vec2, (1, 1))
    return write_out("outer", input.unsqueeze(1) * vec2, out)


@public("torch", "Tensor")
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`."""
    return matmul.addmm(input, mat1, mat2, beta, alpha, out=out)


@public("Tensor")
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor with another dtype or device: itself if nothing changes (unless `copy=True`), else a copy.

    Call as `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(other)`, each with `non_blocking` and
    `copy`.
    """
    target = kwargs.pop("dtype", None)
    device = kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None)
    memory_format = kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(
            "to() received an invalid combination of arguments: got an unexpected keyword "
            f"{next(iter(kwargs))!r}"
        )
    flags = []
    for a in args:
        if isinstance(a, Tensor):
            target, device = a.dtype, a.device
        elif isinstance(a, _dtype.dtype):
            target = a
        elif a in (float, int, bool, complex):
            target = _dtype.of_scalar(a(0)) if a is not float else _dtype.float64
        elif isinstance(a, bool):
            flags.append(a)
        elif isinstance(a, (str, _device.device, int)):
            device = a
        elif a is not None:
            raise TypeError(f"to() received an invalid combination of arguments: got {type(a).__name__}")
    if len(flags) > 1:
        copy = flags[1]
    _device.check_device(device, "to")
    if memory_format is not None and str(memory_format).rpartition(".")[2] not in (
        "preserve_format",
        "contiguous_format",
    ):
        raise NotImplementedError(f"[to] memory_format={memory_format} is not supported")
    if target is None or target.numpy == self._array.dtype:
        return pointwise.cast(self, self._array.dtype) if copy else self
    cast = pointwise.cast(self, target.numpy)
    return cast if memory_format is None else cast.contiguous()


@public("Tensor", name="type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """This tensor with another dtype, or without an argument the name of its type."""
    from ..factory import type_dtype, type_name

    if dtype is None:
        return type_name(self.dtype)
    return self.to(type_dtype(dtype))


@public("Tensor")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor with the dtype of `other`."""
    return self.to(other.dtype)


def _converter(name: str, target: _dtype.dtype) -> None:
    def convert(self: Tensor) -> Tensor:
        return self.to(target)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"This tensor as {target.name}."
    public("Tensor")(convert)


for _name, _target in {**_dtype.ALIASES, "bool": _dtype.bool_, "byte": _dtype.uint8, "char": _dtype.int8,
                       "bfloat16": _dtype.bfloat16}.items():  # fmt: skip
    _converter(_name, _target)


@public("Tensor")
def fill_(self: Tensor, value: Any) -> Tensor:
    """Set every element to a number or to a 0-d tensor."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    if check_inplace(self) and self._requires_grad:
        return apply_inplace(pointwise.fill.op, (self, value))
    return assign(self, value)


@public("Tensor")
def zero_(self: Tensor) -> Tensor:
    """Set every element to 0."""
    if check_inplace(self) and self._requires_grad:
        return apply_inplace(pointwise.fill.op, (self, 0), None, "ZeroBackward0")
    return assign(self, 0)


@public("Tensor")
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Set the main diagonal of a matrix to a number."""
    if wrap:
        raise NotImplementedError("[fill_diagonal_] wrap=True is not supported")
    assign(self.diagonal(), fill_value)
    return self


@public("Tensor")
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give this tensor another shape; elements that did not exist are undefined."""
    wanted = sizes_of("resize_", sizes)
    if self._requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    n = math.prod(wanted)
    if n <= self._array.size and self._array.flags.c_contiguous:
        self._array = self._array.reshape(-1)[:n].reshape(wanted)
    else:
        grown = np.zeros(n, self._array.dtype)
        grown[: self._array.size] = self._array.reshape(-1)[:n]
        self._array = grown.reshape(wanted)
    return self


def _inplace_view(name: str, node: str | None) -> None:
    """`name_`: this tensor becomes its own view, as `squeeze_` and `t_` do."""

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        from ..autograd.op import alias, check_inplace

        recording = check_inplace(self)
        made = getattr(alias(self) if recording else self, name)(*args, **kwargs)
        self._array = made._array
        self._vc[0] += 1
        if recording and made._requires_grad:
            self._requires_grad, self._grad_fn, self._nr = True, made._grad_fn, made._nr
            if node is not None and self._grad_fn is not None:
                self._grad_fn.__class__ = self._grad_fn.op.named(node)
        return self

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"In-place form of `{name}`: the tensor itself changes shape."
    public("Tensor")(change)


for _name, _node in {
    "t": "TBackward1", "transpose": "TransposeBackward1", "squeeze": None, "unsqueeze": "UnsqueezeBackward1",
    "swapaxes": "TransposeBackward1", "swapdims": "TransposeBackward1",
}.items():  # fmt: skip
    _inplace_view(_name, _node)


@public("torch")
def real(input: Tensor) -> Tensor:
    """The real part: a view of a complex tensor, a real tensor itself."""
    return pointwise.real(input) if input.is_complex() else input


@public("torch")
def is_tensor(obj: Any) -> bool:
    """Whether an object is a Tensor."""
    return isinstance(obj, Tensor)


@public("torch")
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


@public("torch")
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is floating."""
    return input.is_floating_point()


@public("torch")
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


@public("torch")
def result_type(tensor1: Any, tensor2: Any) -> _dtype.dtype:
    """The dtype that arithmetic between the two would give."""
    return _dtype.result_dtype([raw_of(tensor1), raw_of(tensor2)])


@public("torch")
def detach(input: Tensor) -> Tensor:
    """A tensor over the same memory without history."""
    return Tensor.detach(input)
