"""Rebuilding NumPy's numbers and arrays of numbers from what NumPy's own pickling writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .values import Damaged, Name, Refused

if TYPE_CHECKING:
    from .known import Known

_NUMBER = re.compile(r"[biufc](1|2|4|8|16)")
_BYTE_ORDERS = ("<", ">", "|", "=")


def numpy_dtype(known: Known, text: Any, align: Any = False, copy: Any = True) -> Any:
    """A NumPy dtype of numbers; its byte order follows as its state."""
    if type(text) is not str or not _NUMBER.fullmatch(text):
        raise Refused(f"a NumPy dtype that is not one of numbers: {text!r}")
    return known.await_state(np.dtype(text, copy=True))


def set_dtype_state(target: Any, state: Any) -> None:
    """Give a dtype its byte order."""
    if type(state) is not tuple or len(state) != 8 or state[1] not in _BYTE_ORDERS:
        raise Damaged("a NumPy dtype is given a state of another kind")
    if state[0] != 3 or any(part is not None for part in state[2:5]) or state[5:] != (-1, -1, 0):
        raise Refused("a NumPy dtype has parts")
    target.__setstate__((3, state[1], None, None, None, -1, -1, 0))


def _numpy_elements(of: Any, data: Any) -> np.ndarray[Any, Any]:
    if not isinstance(of, np.dtype) or of.kind not in "biufc":
        raise Refused("a NumPy value has no dtype of numbers")
    if type(data) is not bytes or len(data) % of.itemsize:
        raise Damaged("a NumPy value does not fit its dtype")
    elements: np.ndarray[Any, Any] = np.frombuffer(data, of)
    if of.kind == "b" and (elements.view(np.uint8) > 1).any():
        raise Damaged("a NumPy bool is neither 0 nor 1")
    return elements


def numpy_scalar(known: Known, of: Any, data: Any) -> Any:
    """A NumPy number from its dtype and bytes."""
    elements = _numpy_elements(of, data)
    if elements.size != 1:
        raise Damaged("a NumPy scalar has more or less than one element")
    return elements[0]


def numpy_array(known: Known, cls: Any, shape: Any, kind: Any) -> Any:
    """An empty array, which gets its shape and elements as its state."""
    if type(cls) is not Name or cls.kind != "ndarray" or shape != (0,) or kind != b"b":
        raise Refused("a NumPy array that is not a plain one")
    return known.await_state(np.empty(0, np.int8))


def set_array_state(known: Known, target: Any, state: Any) -> None:
    """Give an array its shape and elements."""
    if type(state) is not tuple or len(state) != 5 or state[0] != 1 or type(state[3]) is not bool:
        raise Damaged("a NumPy array is given a state of another kind")
    _, shape, of, fortran, data = state
    elements = _numpy_elements(of, data)
    if type(shape) is not tuple or any(type(n) is not int or n < 0 for n in shape):
        raise Damaged("a NumPy array's shape is not a tuple of sizes")
    count = 1
    for n in shape:
        count *= n
    if count != elements.size:
        raise Damaged("a NumPy array's shape does not fit its data")
    known.budget.spend(len(data))
    target.__setstate__((1, shape, of, fortran, data))
