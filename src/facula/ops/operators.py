"""Python's operators on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..autograd.op import OpFunction, apply, apply_inplace, calling
from . import compare, matmul, pointwise, shape


def _comparison(function: OpFunction) -> Callable[[Tensor, Any], Any]:
    this = function.op

    def operate(self: Tensor, other: Any) -> Any:
        if other is None:
            return NotImplemented
        try:
            return apply(this, (self, other))
        except TypeError:  # not a number: Python's own answer
            return NotImplemented

    return operate


def _inplace(function: OpFunction) -> Callable[[Tensor, Any], Tensor]:
    this = function.op

    def operate(self: Tensor, other: Any) -> Tensor:
        return apply_inplace(this, (self, other))

    return operate


for _symbol, _function in {
    "add": pointwise.add, "sub": pointwise.sub, "mul": pointwise.mul, "truediv": pointwise.div,
    "pow": pointwise.pow,
    "mod": pointwise.remainder, "floordiv": pointwise.floor_divide, "matmul": matmul.matmul,
    "and": compare.bitwise_and,
    "or": compare.bitwise_or, "xor": compare.bitwise_xor, "lshift": compare.bitwise_left_shift,
    "rshift": compare.bitwise_right_shift,
}.items():  # fmt: skip
    setattr(Tensor, f"__{_symbol}__", calling(_function.op))
    setattr(Tensor, f"__r{_symbol}__", calling(_function.op, swapped=True))
    if _symbol != "matmul":
        setattr(Tensor, f"__i{_symbol}__", _inplace(_function))

for _symbol in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_symbol}__", _comparison(getattr(compare, _symbol)))


def _rsub(self: Tensor, other: Any) -> Tensor:
    return pointwise.rsub(self, other)


def _rtruediv(self: Tensor, other: Any) -> Tensor:
    # PyTorch multiplies by the reciprocal, which rounds twice.
    return apply(pointwise.mul.op, (pointwise.reciprocal(self), other))


Tensor.__rsub__ = _rsub  # type: ignore[method-assign]
Tensor.__rtruediv__ = _rtruediv  # type: ignore[method-assign]


def _neg(self: Tensor) -> Tensor:
    return pointwise.neg(self)


def _pos(self: Tensor) -> Tensor:
    return self


def _abs(self: Tensor) -> Tensor:
    return pointwise.abs(self)


def _invert(self: Tensor) -> Tensor:
    return compare.bitwise_not(self)


def _t(self: Tensor) -> Tensor:
    return shape.permute(self, tuple(reversed(range(self._array.ndim))))


def _mt(self: Tensor) -> Tensor:
    if self._array.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self._array.ndim}-D "
            "tensor."
        )
    return shape.transpose(self, self._array.ndim - 2, self._array.ndim - 1)


Tensor.__neg__ = _neg  # type: ignore[method-assign]
Tensor.__pos__ = _pos  # type: ignore[method-assign]
Tensor.__abs__ = _abs  # type: ignore[method-assign]
Tensor.__invert__ = _invert  # type: ignore[method-assign]
Tensor.T = property(_t, doc="The dimensions in reverse order: a view.")
Tensor.mT = property(_mt, doc="The last two dimensions exchanged: a view.")
Tensor.real = property(lambda self: pointwise.real(self) if self.is_complex() else self, doc="The real part.")
Tensor.imag = property(lambda self: pointwise.imag(self), doc="The imaginary part of a complex tensor.")
