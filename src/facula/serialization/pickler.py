"""Writing tensors, modules and NumPy arrays among plain values, under PyTorch's names.

Only the kinds of values that the reader accepts are written, so that what has been saved can be loaded again:
anything else is an error that says where in the value it stands.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from .._core import FUNCTIONS, TENSOR_FIELDS
from .._device import device
from .._dtype import dtype, uint8
from .._size import Size
from .._tensor import Tensor
from ..storage import TypedStorage, UntypedStorage, address, locate
from .names import STORAGE_NAMES, name_of_functional, name_of_module_class
from .plain_pickler import Global, PlainPickler

# One object each, so that the stream refers back to them.
_CPU = "cpu"
_STORAGE = "storage"


class SavedStorage:
    """One block of memory that goes into the file as the record `data/KEY`."""

    __slots__ = ("key", "kind", "memory")

    def __init__(self, key: str, memory: np.ndarray[Any, Any]) -> None:
        self.key = key
        self.memory = memory
        self.kind: dtype | None = None


class _Stored:
    """Stands for a reference to a storage among the values to write."""

    __slots__ = ("of", "saved")

    def __init__(self, saved: SavedStorage, of: dtype | None) -> None:
        self.saved = saved
        self.of = of


class _Reduced:
    """A call among the values to write."""

    __slots__ = ("args", "function")

    def __init__(self, function: Global, args: tuple[Any, ...]) -> None:
        self.function = function
        self.args = args


class Pickler(PlainPickler):
    """Turns one value into a stream: `Pickler().dump(value)`; `storages` then is the memory it refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: list[SavedStorage] = []
        self._found: dict[tuple[int, int], SavedStorage] = {}

    def save_other(self, value: Any) -> None:
        """Append a value of a type that is known by its base class."""
        from ..nn import Module

        if isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, Module):
            self._module(value)
        elif isinstance(value, np.generic):
            self._numpy(value, value.dtype)
        elif isinstance(value, np.dtype):
            self._numpy_dtype(value)
        elif isinstance(value, type):
            self._class(value)
        else:
            raise self.error(value)

    def _dtype(self, value: dtype) -> None:
        self.write_global(f"torch\n{value.name}")

    def _device(self, value: device) -> None:
        args = (value.type,) if value.index is None else (value.type, value.index)
        self.write_call(Global("torch", "device"), args, value)

    def _size(self, value: Size) -> None:
        self.write_call(Global("torch", "Size"), (tuple(value),), value)

    # ---- tensors

    def storage_of(self, memory: np.ndarray[Any, Any]) -> SavedStorage:
        """The record for a block of memory: the same one whenever the same block is asked for."""
        key = (address(memory), memory.nbytes) if memory.nbytes else (0, -len(self.storages) - 1)
        saved = self._found.get(key)
        if saved is None:
            saved = SavedStorage(str(len(self.storages)), memory)
            self._found[key] = saved
            self.storages.append(saved)
        return saved

    def _stored(self, value: _Stored) -> None:
        saved = value.saved
        name = None if value.of is None else STORAGE_NAMES.get(value.of)
        of = uint8 if value.of is None or name is None else value.of
        if saved.kind not in (None, of):
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"got {saved.kind} and {of} at {''.join(self.path) or 'the value itself'}"
            )
        saved.kind = of
        kind = Global("torch", name) if name else Global("torch.storage", "UntypedStorage")
        count = saved.memory.nbytes // of.itemsize
        self.save((_STORAGE, kind, saved.key, _CPU, count))
        self.out += b"Q"

    def _untyped(self, value: UntypedStorage) -> None:
        self._stored(_Stored(self.storage_of(value._memory), None))

    def _typed(self, value: TypedStorage) -> None:
        self._stored(_Stored(self.storage_of(value.untyped()._memory), value.dtype))

    def _tensor(self, value: Tensor) -> None:
        from ..nn import Parameter

        kind = type(value)
        if kind is not Tensor and not isinstance(value, Parameter):
            raise self.error(value)
        own = {k: v for k, v in vars(value).items() if k not in TENSOR_FIELDS and not hasattr(Tensor, k)}
        if isinstance(value, Parameter):
            data = self._rebuild(value, False)
            args: tuple[Any, ...] = (_Reduced(*data), value.requires_grad, OrderedDict())
            if own:
                self.write_call(Global("torch._utils", "_rebuild_parameter_with_state"), (*args, own), value)
            else:
                self.write_call(Global("torch._utils", "_rebuild_parameter"), args, value)
            return
        function, args = self._rebuild(value, value.requires_grad)
        if own:
            args = (function, Global("torch", "Tensor"), args, own)
            function = Global("torch._tensor", "_rebuild_from_type_v2")
        self.write_call(function, args, value)

    def _rebuild(self, value: Tensor, requires_grad: bool) -> tuple[Global, tuple[Any, ...]]:
        """The function and its arguments that make a tensor over its storage."""
        array = value._array
        of = value.dtype
        memory, offset = locate(array)
        itemsize = array.itemsize
        if offset % itemsize or any(s < 0 or s % itemsize for s in array.strides):
            # PyTorch has no such strides: this tensor gets memory of its own.
            array = np.array(array, order="C")
            memory, offset = locate(array)
        strides = value.stride() if array is value._array else tuple(s // itemsize for s in array.strides)
        storage = _Stored(self.storage_of(memory), of)
        args: tuple[Any, ...] = (
            storage,
            offset // itemsize,
            tuple(array.shape),
            tuple(strides),
            requires_grad,
            OrderedDict(),
        )
        if of in STORAGE_NAMES:
            return Global("torch._utils", "_rebuild_tensor_v2"), args
        return Global("torch._utils", "_rebuild_tensor_v3"), (*args, of)

    # ---- modules and NumPy

    def _module(self, value: Any) -> None:
        self._class(type(value))
        self.out += b")\x81"
        self.put(value)
        get_state = _own_method(type(value), "__getstate__")
        state = dict(vars(value)) if get_state is None else get_state(value)
        if type(state) is not dict or _own_method(type(value), "__reduce__", "__reduce_ex__") is not None:
            raise self.error(value)
        self.out += b"}"
        self.put(state)
        pairs = list(state.items())
        self.path.append("")
        if pairs:
            self.out += b"(" if len(pairs) > 1 else b""
            for key, item in pairs:
                self.path[-1] = f".{key}"
                self.save(key)
                self.save(item)
            self.out += b"u" if len(pairs) > 1 else b"s"
        self.path.pop()
        self.out += b"b"

    def _class(self, cls: type) -> None:
        from ..nn import Module

        name = name_of_module_class(cls) if issubclass(cls, Module) else None
        if name is None:
            raise self.error(cls)
        self.write_global("\n".join(name))

    def _function(self, value: Any) -> None:
        name = name_of_functional(value)
        if name is None:
            raise self.error(value)
        self.write_global(f"torch.nn.functional\n{name}")

    def _reduced(self, value: _Reduced) -> None:
        self.write_call(value.function, value.args, value)

    def _numpy(self, value: Any, of: Any) -> None:
        """A NumPy scalar or array, through NumPy's own description of it."""
        if of.kind not in "biufc":
            raise self.error(value)
        described = value.__reduce__()
        function = Global(_NUMPY_CORE, "scalar" if isinstance(value, np.generic) else "_reconstruct")
        args: tuple[Any, ...] = described[1]
        if not isinstance(value, np.generic):
            args = (Global("numpy", "ndarray"), *args[1:])
        self.write_call(function, args, value)
        if len(described) > 2:
            self.save(described[2])
            self.out += b"b"

    def _numpy_array(self, value: np.ndarray[Any, Any]) -> None:
        self._numpy(value, value.dtype)

    def _numpy_dtype(self, value: Any) -> None:
        if value.kind not in "biufc":
            raise self.error(value)
        described = value.__reduce__()
        self.write_call(Global("numpy", "dtype"), described[1], value)
        self.save(described[2])
        self.out += b"b"


def _own_method(cls: type, *names: str) -> Any:
    """The first of these methods that a class defines below Module and object, which have them, too."""
    from ..nn import Module

    for c in cls.__mro__:
        if c is Module or c is object:
            return None
        for name in names:
            if name in vars(c):
                return vars(c)[name]
    return None


_NUMPY_CORE = np.ndarray.__reduce__(np.empty(0))[0].__module__
Pickler.writers = PlainPickler.writers | {
    Tensor: Pickler._tensor, dtype: Pickler._dtype, device: Pickler._device, Size: Pickler._size,
    UntypedStorage: Pickler._untyped, TypedStorage: Pickler._typed,
    **dict.fromkeys(FUNCTIONS, Pickler._function),
    np.ndarray: Pickler._numpy_array, _Stored: Pickler._stored, _Reduced: Pickler._reduced,
}  # fmt: skip
