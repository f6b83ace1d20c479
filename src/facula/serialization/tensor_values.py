"""Rebuilding tensors and parameters from what PyTorch's files say about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._dtype import dtype
from .._tensor import Tensor, wrap
from ..storage import TypedStorage, UntypedStorage
from .tensors import build_tensor
from .values import Damaged, Name, Refused, set_attributes

if TYPE_CHECKING:
    from .known import Known


def _untyped_of(storage: Any) -> UntypedStorage:
    if type(storage) is TypedStorage:
        return storage.untyped()
    if type(storage) is UntypedStorage:
        return storage
    raise Damaged("a tensor's storage is not a storage")


def _check_hooks(hooks: Any) -> None:
    if hooks is not None and (not isinstance(hooks, dict) or hooks):
        raise Refused("a tensor with hooks")


def _finish_tensor(known: Known, tensor: Tensor, metadata: Any) -> Tensor:
    """Apply the lazy conjugation and negation that PyTorch may have noted; here they are done at once."""
    if metadata is None:
        return tensor
    if type(metadata) is not dict or any(
        k not in ("conj", "neg") or type(v) is not bool for k, v in metadata.items()
    ):
        raise Refused("a tensor's metadata has unknown entries")
    if not any(metadata.values()):
        return tensor
    known.copies.spend(tensor._array.nbytes)
    array = np.array(tensor._array)
    if metadata.get("conj"):
        array = np.conj(array)
    if metadata.get("neg"):
        array = np.negative(array)
    return wrap(array, tensor.requires_grad)


def tensor_v1(known: Known, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """The oldest form: neither gradients nor hooks."""
    return tensor_v2(known, storage, offset, size, stride, False, None)


def tensor_v2(
    known: Known,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    meta: Any = None,
) -> Tensor:
    """The usual form: the storage knows the dtype."""
    if type(storage) is not TypedStorage:
        raise Damaged("a tensor's storage has no dtype")
    _check_hooks(hooks)
    of = storage.dtype
    tensor = build_tensor(known.storages, storage.untyped(), of, offset, size, stride, requires_grad)
    return _finish_tensor(known, tensor, meta)


def tensor_v3(
    known: Known, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, of: Any,
    meta: Any = None,
) -> Tensor:  # fmt: skip
    """The form for newer dtypes: the dtype stands beside untyped bytes."""
    if type(of) is not dtype:
        raise Damaged("a tensor's dtype is not a dtype")
    _check_hooks(hooks)
    untyped = _untyped_of(storage)
    return _finish_tensor(
        known, build_tensor(known.storages, untyped, of, offset, size, stride, requires_grad), meta
    )


def parameter(known: Known, data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Tensor:
    """A parameter around a tensor; `state` is its own attributes."""
    from ..nn import Parameter

    if type(data) is not Tensor or type(requires_grad) is not bool:
        raise Damaged("a parameter is not made of a tensor")
    _check_hooks(hooks)
    if requires_grad and not (data.is_floating_point() or data.is_complex()):
        raise Damaged(f"a parameter of dtype {data.dtype.name} requires grad")
    made: Tensor = Parameter(data.detach(), requires_grad)
    if state is not None:
        _set_tensor_state(made, state)
    return made


def tensor_with_attributes(known: Known, function: Any, cls: Any, args: Any, state: Any) -> Tensor:
    """A tensor that carries attributes of its own, such as a Buffer."""
    if type(function) is not Name or function.value not in (tensor_v1, tensor_v2, tensor_v3, parameter):
        raise Refused("a tensor is made by something that does not make tensors")
    if type(cls) is not Name or cls.kind != "tensor" or type(args) is not tuple:
        raise Refused("a tensor of a class that is not Tensor or Parameter")
    tensor: Tensor = function.value(known, *args)
    _set_tensor_state(tensor, state)
    return tensor


def _set_tensor_state(tensor: Tensor, state: Any) -> None:
    if type(state) is tuple and len(state) == 2 and state[1] in (None, {}):
        state = state[0]  # (attributes, slots)
    if state is not None:
        set_attributes(tensor, state)
