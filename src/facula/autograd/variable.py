"""`Variable`, from the time when tensors had to be wrapped to be differentiated."""

from __future__ import annotations

from typing import Any

from .._tensor import Tensor


class _AnyTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Tensor, requires_grad: bool = False, volatile: Any = None) -> Tensor:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile is not None:
            raise NotImplementedError("[Variable] volatile has been removed: use `with no_grad():`")
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_AnyTensor):
    """`Variable(tensor, requires_grad=False)`: the tensor itself as a leaf over the same memory.

    Every Tensor is an instance.

    >>> import facula
    >>> facula.autograd.Variable(facula.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
