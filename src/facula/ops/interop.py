"""Small methods of tensors that are no operations: questions about them, their memory, exchange with
other libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import copy_fields
from .._size import Size
from .._tensor import Tensor, wrap
from ..autograd.op import check_inplace, public
from ..storage import TypedStorage, UntypedStorage
from .conversion import resize_
from .pointwise import conj

# ---- questions ---------------------------------------------------------------------------------------------


@public("torch", "Tensor")
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero. RuntimeError for more or fewer elements."""
    return bool(input)


@public("torch", "Tensor")
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return input._array.shape == other._array.shape


@public("Tensor")
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both tensors are the same part of the same memory, with the same shape and strides."""
    a, b = self, tensor
    return (
        a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
        and a.data_ptr() == b.data_ptr()
        and a._array.shape == b._array.shape
        and a.stride() == b.stride()
    )


@public("torch", "Tensor")
def is_conj(input: Tensor) -> bool:
    """Whether the elements are stored conjugated; never: `conj` computes at once."""
    return False


@public("torch", "Tensor")
def is_neg(input: Tensor) -> bool:
    """Whether the elements are stored negated; never."""
    return False


@public("torch", "Tensor")
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: nothing is stored conjugated."""
    return input


@public("torch", "Tensor")
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: nothing is stored negated."""
    return input


@public("torch")
def is_storage(obj: Any) -> bool:
    """Whether an object is a storage."""
    return isinstance(obj, (TypedStorage, UntypedStorage))


@public("torch")
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.is_signed()


@public("torch")
def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode; such tensors are not told apart here."""
    return input.is_inference()


@public("torch")
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to. RuntimeError if they do not.

    >>> import facula
    >>> facula.broadcast_shapes((2, 1), (3,))
    facula.Size([2, 3])
    """
    found = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return Size(np.broadcast_shapes(*found))
    except ValueError:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: got {', '.join(map(str, found))}"
        ) from None


# ---- memory ------------------------------------------------------------------------------------------------


@public("Tensor")
def storage(self: Tensor) -> TypedStorage:
    """The memory behind this tensor and its views, as elements of its dtype."""
    return TypedStorage(self.untyped_storage(), self.dtype)


@public("Tensor")
def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions from the one with the largest step in memory to the one with the smallest."""
    strides = self.stride()
    return tuple(sorted(range(self.ndim), key=lambda d: -strides[d]))


@public("Tensor")
def new(self: Tensor, *args: Any) -> Tensor:
    """A tensor of this dtype: of a shape given as numbers, uninitialised, or with a copy of data."""
    from ..factory import empty, tensor

    if len(args) == 1 and not isinstance(args[0], (int, Size)):
        return tensor(args[0].detach()._array if isinstance(args[0], Tensor) else args[0], dtype=self.dtype)
    return empty(*(args or (0,)), dtype=self.dtype)


@public("Tensor")
def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Let this tensor use the memory of `source`, which has its dtype; without it the tensor becomes
    empty.
    """
    check_inplace(self)
    if source is None:
        self._array = np.empty(0, self._array.dtype)
        return self
    if not isinstance(source, Tensor):
        raise NotImplementedError(f"[set_] rule a tensor as source: got {type(source).__name__}")
    if source._array.dtype != self._array.dtype:
        raise RuntimeError(f"[set_] rule the same dtype: got {self.dtype} and {source.dtype}")
    self._array = source._array
    self._vc[0] += 1
    return self


@public("Tensor")
def resize_as_(self: Tensor, other: Tensor) -> Tensor:
    """Give this tensor the shape of `other`; elements that did not exist are undefined."""
    return resize_(self, *other._array.shape)


@public("Tensor")
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace every element by what a Python function makes of it: slow, and not recorded."""
    check_inplace(self)
    if self._requires_grad:
        raise TypeError("apply_ is only implemented on tensors that don't require grad")
    self._array[...] = np.reshape([callable(v) for v in self._array.reshape(-1).tolist()], self._array.shape)
    self._vc[0] += 1
    return self


@public("Tensor")
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace every element by what a Python function makes of it and that of another tensor: slow, not
    recorded.
    """
    check_inplace(self)
    if self._requires_grad or tensor._requires_grad:
        raise TypeError("map_ is only implemented on tensors that don't require grad")
    other = np.broadcast_to(tensor._array, self._array.shape).reshape(-1).tolist()
    pairs = zip(self._array.reshape(-1).tolist(), other, strict=True)
    self._array[...] = np.reshape([callable(a, b) for a, b in pairs], self._array.shape)
    self._vc[0] += 1
    return self


@public("Tensor")
def as_subclass(self: Tensor, cls: type[Tensor]) -> Tensor:
    """The same tensor, memory and history, as an object of a subclass of Tensor."""
    if not issubclass(cls, Tensor):
        raise TypeError(f"[as_subclass] rule a subclass of Tensor: got {cls}")
    made: Tensor = object.__new__(cls)
    copy_fields(self, made)
    return made


# ---- other libraries ---------------------------------------------------------------------------------------


@public("Tensor")
def __dlpack__(self: Tensor, **options: Any) -> Any:
    """The memory as a DLPack capsule. BufferError if the tensor requires grad."""
    if self._requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return self._array.__dlpack__(**options)


@public("Tensor")
def __dlpack_device__(self: Tensor) -> tuple[int, int]:
    """DLPack's number of the device: the CPU."""
    device: tuple[int, int] = self._array.__dlpack_device__()
    return device


@public("torch")
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor over the memory of another library's array (anything with `__dlpack__`).

    >>> import facula, numpy
    >>> facula.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    return wrap(np.from_dlpack(ext_tensor))


# ---- properties --------------------------------------------------------------------------------------------


def _h(self: Tensor) -> Tensor:
    if self._array.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self._array.ndim}-D tensor."
        )
    result: Tensor = conj(self.transpose(0, 1) if self._array.ndim else self)
    return result


def _mh(self: Tensor) -> Tensor:
    result: Tensor = conj(self.mT)
    return result


Tensor.H = property(_h, doc="The conjugate of the transposed matrix.")
Tensor.mH = property(_mh, doc="The conjugate of the last two dimensions exchanged.")
