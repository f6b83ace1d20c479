"""Writing plain values as a pickle stream, protocol 2, under the names that Python 2 had for them.

The stream is byte for byte what Python's own pickler writes. That one is not used because it looks up every
name that it writes by importing it, and PyTorch's names cannot be imported here.
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from .._core import FUNCTIONS

_BATCH = 1000
_LATIN = "latin1"


class Global:
    """Stands for a named thing among the values to write."""

    __slots__ = ("text",)

    def __init__(self, module: str, name: str) -> None:
        self.text = f"{module}\n{name}"


class PlainPickler:
    """Turns numbers, texts and containers into a stream: `PlainPickler().dump(value)`."""

    writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {}
    """What writes a value of exactly this type."""

    def __init__(self) -> None:
        self.out = bytearray()
        self._memo: dict[int, int] = {}
        self._names: dict[str, int] = {}
        self._count = 0
        # An id is only unique while its object lives: everything that is in the memo is kept.
        self._alive: list[Any] = []
        self.path: list[str] = []

    def dump(self, value: Any) -> bytes:
        """The stream for `value`. pickle.PicklingError for a kind of value that cannot be written."""
        self.out += b"\x80\x02"
        self.save(value)
        self.out += b"."
        return bytes(self.out)

    def save(self, value: Any) -> None:
        """Append one value to the stream."""
        kind = type(value)
        if kind is Global:
            self.write_global(value.text)
            return
        number = self._memo.get(id(value))
        if number is not None:
            self._get(number)
            return
        write = self.writers.get(kind)
        if write is not None:
            write(self, value)
        else:
            self.save_other(value)

    def save_other(self, value: Any) -> None:
        """Append a value whose exact type has no writer; an error unless a subclass knows better."""
        raise self.error(value)

    def error(self, value: Any) -> pickle.PicklingError:
        """The error for a value that cannot be written, with its place in what is being saved."""
        place = "".join(self.path) or "the value itself"
        kind = type(value)
        what = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, (*FUNCTIONS, type)):
            what += f" ({value.__module__}.{getattr(value, '__qualname__', kind)})"
        return pickle.PicklingError(
            "[save] rule: only tensors, modules, numbers, texts and plain containers can be saved: "
            f"got {what} at {place}"
        )

    def put(self, value: Any) -> None:
        """Number what has just been written, so that it can be referred to."""
        self._memo[id(value)] = self._count
        self._alive.append(value)
        self._put_number()

    def _put_number(self) -> None:
        n = self._count
        self.out += b"q" + bytes((n,)) if n < 256 else b"r" + struct.pack("<I", n)
        self._count += 1

    def _get(self, n: int) -> None:
        self.out += b"h" + bytes((n,)) if n < 256 else b"j" + struct.pack("<I", n)

    def write_global(self, text: str) -> None:
        """Append a name, given as its module, a line break and its qualified name."""
        number = self._names.get(text)
        if number is not None:
            self._get(number)
            return
        self.out += b"c" + text.encode() + b"\n"
        self._names[text] = self._count
        self._put_number()

    # ---- plain values

    def _none(self, value: None) -> None:
        self.out += b"N"

    def _bool(self, value: bool) -> None:
        self.out += b"\x88" if value else b"\x89"

    def _int(self, value: int) -> None:
        if 0 <= value < 256:
            self.out += b"K" + bytes((value,))
        elif 0 <= value < 65536:
            self.out += b"M" + struct.pack("<H", value)
        elif -(1 << 31) <= value < 1 << 31:
            self.out += b"J" + struct.pack("<i", value)
        else:
            # One bit more than the magnitude, for the sign.
            n = (value if value >= 0 else ~value).bit_length() // 8 + 1
            self.out += b"\x8a" + bytes((n,)) if n < 256 else b"\x8b" + struct.pack("<I", n)
            self.out += value.to_bytes(n, "little", signed=True)

    def _float(self, value: float) -> None:
        self.out += b"G" + struct.pack(">d", value)

    def _text(self, value: str) -> None:
        raw = value.encode("utf-8", "surrogatepass")
        self.out += b"X" + struct.pack("<I", len(raw)) + raw
        self.put(value)

    def _bytes(self, value: bytes) -> None:
        if value:
            self.write_call(Global("_codecs", "encode"), (value.decode("latin-1"), _LATIN), value)
        else:
            self.write_call(Global("__builtin__", "bytes"), (), value)

    def _bytearray(self, value: bytearray) -> None:
        self.write_call(Global("__builtin__", "bytearray"), (bytes(value),) if value else (), value)

    def _complex(self, value: complex) -> None:
        self.write_call(Global("__builtin__", "complex"), (value.real, value.imag), value)

    def _slice(self, value: slice) -> None:
        self.write_call(Global("__builtin__", "slice"), (value.start, value.stop, value.step), value)

    def _range(self, value: range) -> None:
        self.write_call(Global("__builtin__", "xrange"), (value.start, value.stop, value.step), value)

    # ---- containers

    def _tuple(self, value: tuple[Any, ...]) -> None:
        if not value:
            self.out += b")"
            return
        short = len(value) <= 3
        if not short:
            self.out += b"("
        for i, item in enumerate(value):
            self._at(f"[{i}]", item)
        number = self._memo.get(id(value))
        if number is not None:
            # The tuple holds itself, and writing its parts has written it: drop the parts.
            self.out += b"0" * len(value) if short else b"1"
            self._get(number)
            return
        self.out += bytes((0x84 + len(value),)) if short else b"t"
        self.put(value)

    def _list(self, value: list[Any]) -> None:
        self.out += b"]"
        self.put(value)
        for start in range(0, len(value), _BATCH):
            batch = value[start : start + _BATCH]
            if len(batch) > 1:
                self.out += b"("
            for i, item in enumerate(batch, start):
                self._at(f"[{i}]", item)
            self.out += b"e" if len(batch) > 1 else b"a"

    def _dict(self, value: dict[Any, Any]) -> None:
        self.out += b"}"
        self.put(value)
        self._items(value.items())

    def _items(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        everything = list(pairs)
        for start in range(0, len(everything), _BATCH):
            batch = everything[start : start + _BATCH]
            if len(batch) > 1:
                self.out += b"("
            for key, item in batch:
                self.save(key)
                self._at(f"[{key!r}]", item)
            self.out += b"u" if len(batch) > 1 else b"s"

    def _ordered(self, value: OrderedDict[Any, Any]) -> None:
        self.write_call(Global("collections", "OrderedDict"), (), value)
        self._items(value.items())
        if vars(value):
            self.save(dict(vars(value)))  # a state_dict's _metadata
            self.out += b"b"

    def _counter(self, value: Counter[Any]) -> None:
        self.write_call(Global("collections", "Counter"), (dict(value),), value)

    def _defaultdict(self, value: defaultdict[Any, Any]) -> None:
        factory = value.default_factory
        if factory is not None and factory not in _FACTORIES:
            raise self.error(factory)
        args = () if factory is None else (Global(*_FACTORIES[factory]),)
        self.write_call(Global("collections", "defaultdict"), args, value)
        self._items(value.items())

    def _set(self, value: set[Any] | frozenset[Any]) -> None:
        self.write_call(Global("__builtin__", type(value).__name__), (list(value),), value)

    def _at(self, place: str, value: Any) -> None:
        self.path.append(place)
        self.save(value)
        self.path.pop()

    def write_call(self, function: Global, args: tuple[Any, ...], value: Any) -> None:
        """Write "call this name with these arguments"; the result is `value`."""
        self.save(function)
        self.save(args)
        self.out += b"R"
        self.put(value)


# Python 3's names in the Python 2 spelling that protocol 2 asks for.
_FACTORIES: dict[Any, tuple[str, str]] = {
    int: ("__builtin__", "long"), float: ("__builtin__", "float"), str: ("__builtin__", "unicode"),
    bool: ("__builtin__", "bool"), list: ("__builtin__", "list"), dict: ("__builtin__", "dict"),
    tuple: ("__builtin__", "tuple"), set: ("__builtin__", "set"), OrderedDict: ("collections", "OrderedDict"),
}  # fmt: skip
_P = PlainPickler
PlainPickler.writers = {
    type(None): _P._none, bool: _P._bool, int: _P._int, float: _P._float, str: _P._text, bytes: _P._bytes,
    bytearray: _P._bytearray, complex: _P._complex, slice: _P._slice, range: _P._range, tuple: _P._tuple,
    list: _P._list, dict: _P._dict, OrderedDict: _P._ordered, Counter: _P._counter,
    defaultdict: _P._defaultdict, set: _P._set, frozenset: _P._set,
}  # fmt: skip
