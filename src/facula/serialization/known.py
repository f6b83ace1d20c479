"""The closed list of what a file may name, and what each name builds.

Everything here works on values that the reader has made itself. No name is imported, and of the things that a
file may name only those on this list run: plain containers and numbers, tensors, NumPy arrays of numbers, and
`nn.Module` objects whose class the running program already has. A module gets its attributes back; its
`__init__`, `__setstate__` and `__new__` do not run.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _branding
from .._device import device
from .._size import Size
from ..storage import TypedStorage, UntypedStorage
from .modules import new_module, set_module_state
from .names import DTYPES, STORAGES, find_functional, find_module_class
from .numpy_values import numpy_array, numpy_dtype, numpy_scalar, set_array_state, set_dtype_state
from .tensor_values import parameter, tensor_v1, tensor_v2, tensor_v3, tensor_with_attributes
from .tensors import Storages
from .values import Budget, Damaged, Name, Refused, check_key, set_attributes

_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)


class Known:
    """Answers the unpickler's questions about one file.

    `allow_modules=False` (weights_only) leaves classes and functions of modules out of the list.
    """

    def __init__(self, storages: Storages, *, allow_modules: bool, encoding: str, stream_size: int) -> None:
        self.encoding = encoding
        self.storages = storages
        self.budget = Budget(4 * stream_size + 10_000)
        # Conjugating and negating copies elements: not more of them than the file is long.
        self.copies = Budget(storages.archive.source.size)
        self._allow_modules = allow_modules
        self._unfinished: dict[int, Any] = {}  # objects that still wait for their state

    def find(self, module: str, qualname: str) -> Any:
        """What a name stands for: a Name, a dtype, a Module class or a function of nn.functional."""
        known = _TABLE.get((module, qualname))
        if known is not None:
            return known
        if module == "torch" and qualname in DTYPES:
            return DTYPES[qualname]
        text = f"{module}.{qualname}"
        what = _NOT_YET.get(text)
        if what is not None:
            raise Refused(f"the file holds {what} ('{text}'), which {_branding.name()} cannot load yet")
        found = (
            find_functional(qualname)
            if module == "torch.nn.functional"
            else find_module_class(module, qualname)
        )
        if found is None:
            raise Refused(
                f"'{text}' is not on the list of what a file may name, and the running program has "
                "no nn.Module class of this name (import or define the class before loading its object)"
            )
        if not self._allow_modules:
            raise Refused(
                f"'{text}' is part of a whole module, and weights_only=True allows only tensors, numbers, "
                "texts and containers of them; use weights_only=False, or save and load the state_dict()"
            )
        return found

    def persistent(self, pid: Any) -> TypedStorage | UntypedStorage:
        """The storage that a persistent id names."""
        return self.storages.find(pid)

    def call(self, name: Name, args: tuple[Any, ...]) -> Any:
        """What a named function gives for its arguments."""
        if name.kind != "call":
            raise Refused(f"'{name.text}' is called")
        return name.value(self, *args)

    def new(self, cls: Any, args: Any) -> Any:
        """A new object without content; only modules are made this way."""
        if not isinstance(cls, type) or args != ():
            raise Refused("an object is made of something that is not a module class")
        # Classes reach the stack only through `find`.
        module = new_module(cls)
        self._unfinished[id(module)] = module
        return module

    def set_state(self, target: Any, state: Any) -> None:
        """Give an object its attributes."""
        if type(target) is OrderedDict:
            set_attributes(target, state)
            return
        if self._unfinished.pop(id(target), None) is None:
            raise Refused(f"a {type(target).__name__} is given attributes")
        if isinstance(target, np.dtype):
            set_dtype_state(target, state)
        elif isinstance(target, np.ndarray):
            set_array_state(self, target, state)
        else:
            set_module_state(target, state)

    def await_state(self, value: Any) -> Any:
        """Note that `value` may be given its state once."""
        self._unfinished[id(value)] = value
        return value

    def finish(self) -> None:
        """Damaged if a module has been left without its content."""
        for value in self._unfinished.values():
            if not isinstance(value, (np.dtype, np.ndarray)):
                raise Damaged(f"a {type(value).__name__} has no content")

    def set_items(self, target: Any, items: list[Any]) -> None:
        """Put alternating keys and values into a dict."""
        if type(target) not in _MAPPINGS or len(items) % 2:
            raise Damaged(f"items are put into a {type(target).__name__}")
        for i in range(0, len(items), 2):
            check_key(items[i], self.budget)
            target[items[i]] = items[i + 1]

    def add_items(self, target: Any, items: list[Any]) -> None:
        """Put values into a set."""
        if type(target) is not set:
            raise Damaged(f"elements are put into a {type(target).__name__}")
        target.update(self.hashable(items))

    def hashable(self, items: Any) -> list[Any]:
        """The items of a list, checked to be cheap to hash."""
        copied = self.copied(items)
        for item in copied:
            check_key(item, self.budget)
        return copied

    def copied(self, items: Any) -> list[Any]:
        """A copy of a list, tuple or set, paid for."""
        if type(items) not in (list, tuple, set, frozenset, Size):
            raise Damaged(f"expected a list: got {type(items).__name__}")
        self.budget.spend(len(items))
        return list(items)


# ---- plain values


def _mapping_of(make: Callable[[], Any]) -> Callable[..., Any]:
    def build(known: Known, items: Any = ()) -> Any:
        target = make()
        if type(items) in _MAPPINGS:
            flat = [part for pair in items.items() for part in pair]
        else:
            pairs = [known.copied(pair) for pair in known.copied(items)]
            if any(len(pair) != 2 for pair in pairs):
                raise Damaged("an item of a dict is not a pair")
            flat = [part for pair in pairs for part in pair]
        known.set_items(target, flat)
        return target

    return build


def _build_defaultdict(known: Known, factory: Any = None) -> Any:
    if factory is not None and (
        type(factory) is not Name or factory.kind != "call" or factory.text not in _FACTORIES
    ):
        raise Refused("a defaultdict's factory is not one of the basic types")
    return defaultdict(None if factory is None else _FACTORIES[factory.text])


def _build_set(known: Known, items: Any = ()) -> set[Any]:
    return set(known.hashable(items))


def _build_frozenset(known: Known, items: Any = ()) -> frozenset[Any]:
    return frozenset(known.hashable(items))


def _build_size(known: Known, items: Any = ()) -> Size:
    sizes = known.copied(items)
    if any(type(n) is not int for n in sizes):
        raise Damaged("a Size holds something that is not an integer")
    return Size(sizes)


def _build_device(known: Known, kind: Any, index: Any = None) -> device:
    if type(kind) is not str or (index is not None and type(index) is not int):
        raise Damaged("a device is not named by a text and an integer")
    try:
        return device(kind, index)
    except RuntimeError as error:
        raise Refused(str(error)) from error


def _build_bytes(known: Known, text: Any = "", encoding: Any = "latin1") -> bytes:
    # Protocol 2 has no bytes: they are written as a text of the first 256 code points.
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise Refused("bytes are made in another way than from latin-1 text")
    known.budget.spend(len(text))
    return text.encode("latin-1")


def _build_bytearray(known: Known, data: Any = b"", encoding: Any = "latin-1") -> bytearray:
    raw = _build_bytes(known, data, encoding) if type(data) is str else data
    if type(raw) is not bytes:
        raise Refused(f"a bytearray is made of a {type(raw).__name__}")
    known.budget.spend(len(raw))
    return bytearray(raw)


def _build_complex(known: Known, real: Any, imaginary: Any) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise Damaged("a complex number is not made of two floats")
    return complex(real, imaginary)


def _build_slice(known: Known, start: Any, stop: Any, step: Any) -> slice:
    if any(part is not None and type(part) is not int for part in (start, stop, step)):
        raise Refused("a slice holds something that is not an integer")
    return slice(start, stop, step)


def _build_range(known: Known, start: Any, stop: Any, step: Any) -> range:
    if any(type(part) is not int for part in (start, stop, step)):
        raise Damaged("a range holds something that is not an integer")
    return range(start, stop, step)


def _only_named(known: Known, *args: Any) -> Any:
    raise Refused("a basic type is called")


_FACTORIES: dict[str, Callable[[], Any]] = {
    "int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict, "tuple": tuple,
    "set": set, "OrderedDict": OrderedDict,
}  # fmt: skip


def _make_table() -> dict[tuple[str, str], Name]:
    table: dict[tuple[str, str], Name] = {}

    def add(modules: str, names: str, kind: str, value: Any, text: str | None = None) -> None:
        for module in modules.split():
            for name in names.split():
                table[module, name] = Name(text or name, kind, value)

    builtin = "__builtin__ builtins"
    add(builtin, "set", "call", _build_set)
    add(builtin, "frozenset", "call", _build_frozenset)
    add(builtin, "bytearray", "call", _build_bytearray)
    add(builtin, "bytes", "call", _build_bytes)
    add(builtin, "complex", "call", _build_complex)
    add(builtin, "slice", "call", _build_slice)
    add(builtin, "range xrange", "call", _build_range)
    add(builtin, "float bool list dict tuple", "call", _only_named)
    add(builtin, "int long", "call", _only_named, "int")
    add(builtin, "str unicode", "call", _only_named, "str")
    add("_codecs", "encode", "call", _build_bytes)
    add("collections", "OrderedDict", "call", _mapping_of(OrderedDict))
    add("collections", "Counter", "call", _mapping_of(Counter))
    add("collections", "defaultdict", "call", _build_defaultdict)
    add("torch", "Size", "call", _build_size)
    add("torch", "device", "call", _build_device)
    add("torch", "Tensor", "tensor", None)
    add("torch.nn.parameter", "Parameter Buffer", "tensor", None)
    add("torch._utils", "_rebuild_tensor", "call", tensor_v1)
    add("torch._utils", "_rebuild_tensor_v2", "call", tensor_v2)
    add("torch._utils", "_rebuild_tensor_v3", "call", tensor_v3)
    add("torch._utils", "_rebuild_parameter _rebuild_parameter_with_state", "call", parameter)
    add("torch._tensor", "_rebuild_from_type_v2", "call", tensor_with_attributes)
    add("torch.storage torch", "UntypedStorage", "storage", None)
    for name, of in STORAGES.items():
        add("torch", name, "storage", of)
    numpy_core = "numpy.core.multiarray numpy._core.multiarray"
    add("numpy", "dtype", "call", numpy_dtype)
    add("numpy", "ndarray", "ndarray", None)
    add(numpy_core, "scalar", "call", numpy_scalar)
    add(numpy_core, "_reconstruct", "call", numpy_array)
    return table


_TABLE = _make_table()
_NOT_YET = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_qtensor": "a quantized tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without elements (device 'meta')",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of another kind of device",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a subclass",
    "torch._C.Generator": "a random number generator",
    "torch.serialization._get_layout": "a tensor's layout",
    "torch.complex32": "values of dtype complex32",
    "torch.float8_e4m3fnuz": "values of dtype float8_e4m3fnuz",
    "torch.float8_e5m2fnuz": "values of dtype float8_e5m2fnuz",
    "torch.float8_e8m0fnu": "values of dtype float8_e8m0fnu",
}
