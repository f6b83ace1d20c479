"""Element types, and PyTorch's rules for combining them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from . import _branding

_BOOL, _INT, _FLOAT, _COMPLEX = 0, 1, 2, 3


class dtype:
    """The type of a tensor's elements, such as `facula.float32`.

    `numpy` is the corresponding NumPy dtype, `itemsize` the bytes of one element.
    """

    __slots__ = (
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
        "order",
    )

    def __init__(self, name: str, numpy: Any, category: int, order: int) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(numpy)
        self.category = category
        self.order = order
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = category == _FLOAT
        self.is_complex = category == _COMPLEX
        self.is_signed = category != _BOOL and not name.startswith("uint")

    def __repr__(self) -> str:
        return f"{_branding.name()}.{self.name}"

    def __reduce__(self) -> Any:
        return (_by_name, (self.name,))

    def to_real(self) -> dtype:
        """The floating dtype of this dtype's real part."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        """The complex dtype whose parts have this dtype."""
        if self.is_complex:
            return self
        found = {bfloat16: complex64, float32: complex64, float64: complex128}.get(self)
        if found is None:
            raise RuntimeError(f"[to_complex] rule bfloat16, float32 or float64: got {self}")
        return found


def _by_name(name: str) -> dtype:
    return _NAMES[name]


# `order` ranks the dtypes of one category; the halves (float16, bfloat16) are handled in `promote_types`.
bool_ = dtype("bool", np.bool_, _BOOL, 0)
uint8 = dtype("uint8", np.uint8, _INT, 0)
int8 = dtype("int8", np.int8, _INT, 0)
int16 = dtype("int16", np.int16, _INT, 2)
int32 = dtype("int32", np.int32, _INT, 3)
int64 = dtype("int64", np.int64, _INT, 4)
uint16 = dtype("uint16", np.uint16, _INT, 5)
uint32 = dtype("uint32", np.uint32, _INT, 6)
uint64 = dtype("uint64", np.uint64, _INT, 7)
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, _FLOAT, -2)
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, _FLOAT, -2)
float16 = dtype("float16", np.float16, _FLOAT, 0)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, _FLOAT, 0)
float32 = dtype("float32", np.float32, _FLOAT, 2)
float64 = dtype("float64", np.float64, _FLOAT, 3)
complex64 = dtype("complex64", np.complex64, _COMPLEX, 2)
complex128 = dtype("complex128", np.complex128, _COMPLEX, 3)

ALL = (
    bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64,
    float8_e4m3fn, float8_e5m2, float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
_NAMES = {d.name: d for d in ALL}
ALIASES = {
    "float": float32, "double": float64, "half": float16, "short": int16, "int": int32, "long": int64,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip
_FROM_NUMPY: dict[Any, dtype] = {d.numpy: d for d in ALL}
_default = float32


def from_numpy(numpy_dtype: Any) -> dtype:
    """Our dtype for a NumPy dtype; TypeError if there is none."""
    found = _FROM_NUMPY.get(numpy_dtype)
    if found is None:
        numpy_dtype = np.dtype(numpy_dtype)
        found = _FROM_NUMPY.get(numpy_dtype)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype.type}. The only supported types are: "
            + ", ".join(d.name for d in ALL)
            + "."
        )
    return found


def get_default_dtype() -> dtype:
    """The floating dtype of new tensors made from Python floats; float32 unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Change the default floating dtype. TypeError unless `d` is a floating dtype."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(
            f"[set_default_dtype] only floating-point types are supported as the default type: got {d}"
        )
    _default = d


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that PyTorch's rules allow for both.

    >>> promote_types(int64, float16)
    facula.float16
    """
    a, b = type1, type2
    if a is b:
        return a
    wide = (uint16, uint32, uint64)
    if a.order < 0 or b.order < 0 or ((a in wide or b in wide) and _FLOAT not in (a.category, b.category)):
        raise RuntimeError(
            f"[promote_types] promotion for {a.name} and {b.name} is not defined: got {a} and {b}"
        )
    if a.category != b.category:
        low, high = (a, b) if a.category < b.category else (b, a)
        # A real float64 is not lost in complex64.
        return complex128 if high is complex64 and low is float64 else high
    if a.category == _INT:
        if {a, b} == {uint8, int8}:
            return int16
        return a if a.order > b.order else b
    if a.order == b.order:
        return float32  # float16 with bfloat16
    return a if a.order > b.order else b


def default_complex() -> dtype:
    """The dtype of new tensors made from Python's complex numbers."""
    return complex128 if _default is float64 else complex64


def of_scalar(value: Any) -> dtype:
    """The dtype a Python number stands for: bool, int64, the default float, or its complex."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default
    if isinstance(value, complex):
        return default_complex()
    raise TypeError(f"expected a Python number: got {type(value).__name__}")


def result_dtype(values: Any) -> dtype:
    """PyTorch's promotion over arrays and Python numbers.

    Tensors with dimensions decide; 0-d tensors and then numbers only when they are of a higher category
    (bool < integer < floating < complex).
    """
    dims: dtype | None = None
    zero: dtype | None = None
    number: dtype | None = None
    for v in values:
        if hasattr(v, "dtype"):
            d = _FROM_NUMPY[v.dtype]
            if v.ndim:
                dims = d if dims is None else promote_types(dims, d)
            else:
                zero = d if zero is None else promote_types(zero, d)
        elif v is not None:
            d = of_scalar(v)
            number = d if number is None else promote_types(number, d)
    result = dims
    for weaker in (zero, number):
        if weaker is not None:
            result = weaker if result is None else _raise_category(result, weaker)
    assert result is not None
    return result


def _raise_category(strong: dtype, weak: dtype) -> dtype:
    if weak.category <= strong.category:
        return strong
    if weak.category == _COMPLEX and strong.category == _FLOAT:
        return complex128 if strong is float64 else complex64
    return promote_types(strong, weak) if strong is bool_ else weak


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether PyTorch lets a result of dtype `from_` be written into a tensor of dtype `to`."""
    if from_.is_complex and not to.is_complex:
        return False
    if from_.is_floating_point and to.category < _FLOAT:
        return False
    return not (from_.category != _BOOL and to.category == _BOOL)
