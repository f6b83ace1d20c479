"""A strict reader of the pickle stream in PyTorch's files.

Python's own unpickler is a small machine that imports what the file names and calls it. This one runs the
same opcodes (described in Python's `pickletools`) over a closed list, and what a name means is decided by
`Known` (known.py): names that are not on its list end the reading. Only the opcodes that protocols 2 to 5
write are there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..errors import CorruptFileError, FaculaError, UnsafeFileError
from .known import Known
from .tensors import CallerError
from .values import Damaged, Name, Refused, check_result

MAX_BYTES = 256 << 20
"""Longest stream that is read: tensors' elements are not part of it."""
MAX_MARKS = 4096
"""How many containers may be open at once."""
MAX_NAME = 512
"""Longest name of a function or class."""

_DAMAGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, struct.error)


class Unpickler:
    """Runs one stream: `Unpickler(data, known, path).load()` gives the value.

    `offset` is where the stream starts in the file, for error messages. Raises CorruptFileError for a stream
    that is no well-formed pickle, UnsafeFileError for one that names or builds something that is not allowed.
    """

    def __init__(self, data: bytes, known: Known, path: str, offset: int = 0) -> None:
        self._data = data
        self._known = known
        self._path = path
        self._offset = offset
        self._pos = 0
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The value that the stream describes."""
        if len(self._data) > MAX_BYTES:
            raise UnsafeFileError(
                self._path, f"the pickle stream has {len(self._data)} bytes: more than {MAX_BYTES}"
            )
        data, table = self._data, _TABLE
        start = 0
        try:
            while True:
                start = self._pos
                if start >= len(data):
                    raise Damaged("the pickle stream is cut short")
                self._pos = start + 1
                code = data[start]
                if code == _STOP:
                    return self._finish()
                run = table.get(code)
                if run is None:
                    raise Refused(f"the pickle opcode {bytes([code])!r} is not allowed")
                run(self)
        except CallerError as error:
            raise error.original from None
        except Refused as error:
            raise UnsafeFileError(self._path, str(error), self._offset + start) from None
        except Damaged as error:
            raise CorruptFileError(self._path, str(error), self._offset + start) from None
        except FaculaError:
            raise
        except _DAMAGE as error:
            reason = f"the pickle stream is damaged ({type(error).__name__}: {error})"
            raise CorruptFileError(self._path, reason, self._offset + start) from error

    def _finish(self) -> Any:
        if self._marks or len(self._stack) != 1:
            raise Damaged("the pickle stream ends with unfinished values")
        if self._pos != len(self._data):
            raise Damaged("there is something behind the end of the pickle stream")
        result = self._stack[0]
        self._known.finish()
        check_result(result)
        return result

    # ---- the machine's parts

    def _take(self, count: int) -> bytes:
        end = self._pos + count
        if end > len(self._data):
            raise Damaged("the pickle stream is cut short")
        piece = self._data[self._pos : end]
        self._pos = end
        return piece

    def _line(self) -> str:
        end = self._data.find(b"\n", self._pos, self._pos + MAX_NAME + 1)
        if end < 0:
            raise Damaged(f"a name does not end within {MAX_NAME} bytes")
        line = self._data[self._pos : end].decode()
        self._pos = end + 1
        return line

    def _pop_marked(self) -> list[Any]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    def _push_name(self, module: Any, qualname: Any) -> None:
        if type(module) is not str or type(qualname) is not str or len(module) + len(qualname) > 2 * MAX_NAME:
            raise Damaged("a name is not a text")
        self._stack.append(self._known.find(module, qualname))

    # ---- one function for each opcode

    def _proto(self) -> None:
        version = self._take(1)[0]
        if self._pos != 2 or not 2 <= version <= 5:
            raise Refused(f"the pickle protocol {version} is not allowed here")

    def _frame(self) -> None:
        self._take(8)  # a hint for buffered reading; the opcodes that follow speak for themselves

    def _mark(self) -> None:
        if len(self._marks) >= MAX_MARKS:
            raise Refused(f"more than {MAX_MARKS} values are open at once")
        self._marks.append(self._stack)
        self._stack = []

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_marked()

    def _pop_mark(self) -> None:
        self._pop_marked()

    def _long(self, width: int) -> None:
        count = int.from_bytes(self._take(width), "little")
        self._stack.append(int.from_bytes(self._take(count), "little", signed=True))

    def _text(self, width: int) -> None:
        count = int.from_bytes(self._take(width), "little")
        self._stack.append(self._take(count).decode("utf-8", "surrogatepass"))

    def _old_text(self, width: int) -> None:
        # Python 2 strings; PyTorch reads them as UTF-8 unless told otherwise.
        count = int.from_bytes(self._take(width), "little")
        piece = self._take(count)
        self._stack.append(piece if self._known.encoding == "bytes" else piece.decode(self._known.encoding))

    def _bytes(self, width: int) -> None:
        count = int.from_bytes(self._take(width), "little")
        self._stack.append(self._take(count))

    def _bytearray(self) -> None:
        self._bytes(8)
        self._stack.append(bytearray(self._stack.pop()))

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise Damaged("a tuple has too few values")
        items = tuple(self._stack[-count:])
        self._stack[-count:] = [items]

    def _append(self) -> None:
        value = self._stack.pop()
        self._list_below().append(value)

    def _appends(self) -> None:
        items = self._pop_marked()
        self._list_below().extend(items)

    def _list_below(self) -> list[Any]:
        target = self._stack[-1]
        if type(target) is not list:
            raise Damaged(f"values are appended to a {type(target).__name__}")
        return target

    def _setitem(self) -> None:
        value = self._stack.pop()
        key = self._stack.pop()
        self._known.set_items(self._stack[-1], [key, value])

    def _setitems(self) -> None:
        items = self._pop_marked()
        self._known.set_items(self._stack[-1], items)

    def _additems(self) -> None:
        items = self._pop_marked()
        self._known.add_items(self._stack[-1], items)

    def _frozenset(self) -> None:
        items = self._pop_marked()
        self._stack.append(frozenset(self._known.hashable(items)))

    def _get(self, width: int) -> None:
        index = int.from_bytes(self._take(width), "little")
        if index not in self._memo:
            raise Damaged(f"the value number {index} is used before it is made")
        self._stack.append(self._memo[index])

    def _put(self, width: int) -> None:
        self._memo[int.from_bytes(self._take(width), "little")] = self._stack[-1]

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _global(self) -> None:
        module = self._line()
        self._push_name(module, self._line())

    def _stack_global(self) -> None:
        qualname = self._stack.pop()
        self._push_name(self._stack.pop(), qualname)

    def _reduce(self) -> None:
        args = self._stack.pop()
        function = self._stack.pop()
        if type(args) is not tuple:
            raise Damaged("arguments are not a tuple")
        if type(function) is not Name:
            raise Refused(f"a value of type {type(function).__name__} is called")
        self._stack.append(self._known.call(function, args))

    def _newobj(self) -> None:
        args = self._stack.pop()
        cls = self._stack.pop()
        self._stack.append(self._known.new(cls, args))

    def _newobj_ex(self) -> None:
        keywords = self._stack.pop()
        if type(keywords) is not dict or keywords:
            raise Refused("an object is made with keyword arguments")
        self._newobj()

    def _build(self) -> None:
        state = self._stack.pop()
        self._known.set_state(self._stack[-1], state)

    def _persid(self) -> None:
        self._stack.append(self._known.persistent(self._stack.pop()))

    def _number(self, layout: struct.Struct) -> None:
        self._stack.append(layout.unpack(self._take(layout.size))[0])


def _push(make: Callable[[], Any]) -> Callable[[Unpickler], None]:
    def run(machine: Unpickler) -> None:
        machine._stack.append(make())

    return run


def _with(function: Callable[[Unpickler, Any], None], argument: Any) -> Callable[[Unpickler], None]:
    def run(machine: Unpickler) -> None:
        function(machine, argument)

    return run


def _marked(convert: Callable[[list[Any]], Any]) -> Callable[[Unpickler], None]:
    def run(machine: Unpickler) -> None:
        items = machine._pop_marked()
        machine._stack.append(convert(items))

    return run


_STOP = ord(".")
_U = Unpickler
_OPCODES: dict[bytes, Callable[[Unpickler], None]] = {
    b"\x80": _U._proto,
    b"\x95": _U._frame,
    b"(": _U._mark,
    b"0": _U._pop,
    b"1": _U._pop_mark,
    b"N": _push(lambda: None),
    b"\x88": _push(lambda: True),
    b"\x89": _push(lambda: False),
    b"K": _with(_U._number, struct.Struct("<B")),
    b"M": _with(_U._number, struct.Struct("<H")),
    b"J": _with(_U._number, struct.Struct("<i")),
    b"G": _with(_U._number, struct.Struct(">d")),
    b"\x8a": _with(_U._long, 1),
    b"\x8b": _with(_U._long, 4),
    b"\x8c": _with(_U._text, 1),
    b"X": _with(_U._text, 4),
    b"\x8d": _with(_U._text, 8),
    b"U": _with(_U._old_text, 1),
    b"T": _with(_U._old_text, 4),
    b"C": _with(_U._bytes, 1),
    b"B": _with(_U._bytes, 4),
    b"\x8e": _with(_U._bytes, 8),
    b"\x96": _U._bytearray,
    b")": _push(tuple),
    b"\x85": _with(_U._tuple_of, 1),
    b"\x86": _with(_U._tuple_of, 2),
    b"\x87": _with(_U._tuple_of, 3),
    b"t": _marked(tuple),
    b"]": _push(list),
    b"a": _U._append,
    b"e": _U._appends,
    b"}": _push(dict),
    b"s": _U._setitem,
    b"u": _U._setitems,
    b"\x8f": _push(set),
    b"\x90": _U._additems,
    b"\x91": _U._frozenset,
    b"h": _with(_U._get, 1),
    b"j": _with(_U._get, 4),
    b"q": _with(_U._put, 1),
    b"r": _with(_U._put, 4),
    b"\x94": _U._memoize,
    b"c": _U._global,
    b"\x93": _U._stack_global,
    b"R": _U._reduce,
    b"\x81": _U._newobj,
    b"\x92": _U._newobj_ex,
    b"b": _U._build,
    b"Q": _U._persid,
}
_TABLE = {code[0]: run for code, run in _OPCODES.items()}
