"""Arrays from nested Python data, by PyTorch's rules for shapes, dtypes and errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _dtype
from ._tensor import Tensor

_NUMBERS = {bool, int, float, complex}


def array_of(data: Any, dtype: _dtype.dtype | None) -> np.ndarray[Any, Any]:
    """The array of a number or of nested sequences; without `dtype` in the one that the numbers ask for.

    Raises:
        ValueError: the sequences are ragged.
        TypeError: strings, or numbers where sequences are due.
        RuntimeError: an object that is no number; a number that the dtype cannot hold.
    """
    kinds = _kinds(data)
    if kinds <= _NUMBERS:
        try:
            return _of_numbers(data, kinds, dtype)
        except ValueError:
            pass  # ragged: the slow way finds out where
    shape = _shape(data)
    inferred = _infer(data) if dtype is None else dtype
    flat: list[Any] = []
    _flatten(data, shape, 0, inferred, flat)
    found = set(map(type, flat))
    return _of_numbers(flat, found or {float}, inferred).reshape(shape)


def _kinds(data: Any) -> set[type]:
    """The types of the leaves of nested lists and tuples."""
    if type(data) not in (list, tuple):
        return {type(data)}
    kinds = set(map(type, data))
    if list in kinds or tuple in kinds:
        kinds -= {list, tuple}
        for item in data:
            if type(item) in (list, tuple):
                kinds |= _kinds(item)
    return kinds


def _of_numbers(data: Any, kinds: set[type], dtype: _dtype.dtype | None) -> np.ndarray[Any, Any]:
    if dtype is None:
        dtype = _default_for(kinds)
    with np.errstate(all="ignore"):
        if dtype.is_complex:
            return np.array(data, np.complex128).astype(dtype.numpy, copy=False)
        if complex in kinds:
            if dtype is _dtype.bool_:
                return np.array(data, np.complex128).astype(bool)
            raise TypeError(f"must be real number, not complex: got complex numbers for the dtype {dtype}")
        if dtype is _dtype.bool_:
            return np.array(data, object if int in kinds else None).astype(bool)
        if dtype.is_floating_point:
            return np.array(data, np.float64).astype(dtype.numpy, copy=False)
        if float in kinds:
            return fit(np.array(data, np.float64), dtype)
        try:
            array = np.array(data, np.uint64 if dtype is _dtype.uint64 and kinds == {int} else np.int64)
        except OverflowError:
            raise ValueError("Overflow when unpacking long long") from None
    return array.astype(dtype.numpy, copy=False) if dtype.itemsize == 8 else fit(array, dtype)


def _default_for(kinds: set[type]) -> _dtype.dtype:
    """What Python numbers of these types become."""
    if complex in kinds:
        return _dtype.default_complex()
    if float in kinds or not kinds:
        return _dtype.get_default_dtype()
    return _dtype.int64 if int in kinds else _dtype.bool_


def fit(array: Any, dtype: _dtype.dtype) -> np.ndarray[Any, Any]:
    """Numbers in an integer dtype, cut towards zero; RuntimeError for what it cannot hold.

    As in PyTorch negative integers wrap around in unsigned dtypes, as long as their magnitude fits.
    """
    array = np.asarray(array)
    limits = np.iinfo(dtype.numpy)
    real = array.dtype.kind == "f"
    low = -limits.max if limits.min == 0 and not real else limits.min
    whole = np.trunc(array) if real else array
    if array.size and not (low <= whole.min() and whole.max() <= limits.max):
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return array.astype(np.int64, copy=False).astype(dtype.numpy, copy=False)


# ---- everything else: tensors, arrays, NumPy's numbers, strings, ragged sequences --------------------------


def _is_sequence(x: Any) -> bool:
    if isinstance(x, (Tensor, dict, set, frozenset)):
        return False
    if isinstance(x, np.ndarray):
        return x.ndim > 0
    return hasattr(x, "__len__") and hasattr(x, "__getitem__")


def _shape(data: Any) -> tuple[int, ...]:
    """The lengths that the first items ask for."""
    if isinstance(data, (str, bytes)):
        return ()
    shape = []
    while _is_sequence(data):
        shape.append(len(data))
        if not len(data):
            break
        first = data[0]
        if isinstance(first, str) and isinstance(data, str):
            raise ValueError("too many dimensions 'str'")
        data = first
    return tuple(shape)


def _infer(data: Any) -> _dtype.dtype:
    if isinstance(data, (bool, int, float, complex)) and not isinstance(data, np.generic):
        return _dtype.of_scalar(data)
    if isinstance(data, (np.generic, np.ndarray)):
        return _dtype.from_numpy(data.dtype)
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    found: _dtype.dtype | None = None
    for item in data:
        inferred = _infer(item)
        found = inferred if found is None else _dtype.promote_types(found, inferred)
    return found or _dtype.get_default_dtype()


def _flatten(data: Any, shape: tuple[int, ...], dim: int, dtype: _dtype.dtype, flat: list[Any]) -> None:
    if dim == len(shape):
        flat.append(_number(data, dtype))
        return
    if not _is_sequence(data):
        raise TypeError(
            f"not a sequence: got {type(data).__name__} where a sequence of length {shape[dim]} is due"
        )
    if len(data) != shape[dim]:
        raise ValueError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})")
    for item in data:
        _flatten(item, shape, dim + 1, dtype, flat)


def _number(x: Any, dtype: _dtype.dtype) -> Any:
    if isinstance(x, Tensor):
        if x.numel() != 1:
            if dtype.is_floating_point or dtype.is_complex:
                raise ValueError("only one element tensors can be converted to Python scalars")
            raise TypeError("only integer tensors of a single element can be converted to an index")
        x = x.detach()._array
    if isinstance(x, (np.generic, np.ndarray)):
        number = x.item()
        return number if type(number) in _NUMBERS else float(number)  # bfloat16 and the like have no item()
    if type(x) in _NUMBERS:
        return x
    if isinstance(x, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(x).__name__}'")
    if dtype.is_complex:
        return complex(x)
    if dtype.is_floating_point:
        return float(x)
    if dtype is _dtype.bool_:
        return bool(x)
    if hasattr(x, "__index__"):
        return int(x.__index__())
    raise TypeError(f"'{type(x).__name__}' object cannot be interpreted as an integer")
