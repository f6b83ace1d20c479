"""How tensors are written out, character for character as PyTorch 2.13 does it.

The work is done on the elements that will be seen: of a tensor that is too long to print in full, only the
corners are copied. One format is chosen for all of them, then every element becomes a string (a "cell"),
and the cells are joined to rows, the rows to matrices and so on outwards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._dtype import bool_, get_default_dtype, int64


@dataclasses.dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: float = 80
    sci_mode: bool | None = None


_options = _Options()

# precision, threshold, edgeitems, linewidth
_PROFILES: dict[str, tuple[int, float, int, float]] = {
    "default": (4, 1000, 3, 80),
    "short": (2, 1000, 2, 80),
    "full": (4, math.inf, 3, 80),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed from now on.

    Args:
        precision: digits after the decimal point (4 at the start).
        threshold: a tensor with more elements than this is shortened with "..." (1000).
        edgeitems: how many elements a shortened dimension shows at each end (3).
        linewidth: how many characters a line may have before it is broken (80).
        profile: "default", "short" (2 digits, 2 edge items) or "full" (nothing is shortened); sets the four
            above first, so that one of them given together with a profile still counts.
        sci_mode: True: always the scientific notation; False: never; None: where the values call for it.
            Unlike the others it is not kept when left out: every call sets it.

    Raises:
        TypeError: an option is not a number of its kind.
        ValueError: a negative precision or edgeitems, or an unknown profile.

    >>> import facula
    >>> facula.set_printoptions(precision=2)
    >>> facula.tensor([1.12345])
    tensor([1.12])
    >>> facula.set_printoptions(profile="default")
    >>> facula.tensor([1.12345])
    tensor([1.1235])
    """
    # Everything is checked before anything is set: a refused call leaves the options as they were.
    new = dataclasses.replace(_options, sci_mode=None if sci_mode is None else bool(sci_mode))
    if profile is not None:
        if profile not in _PROFILES:
            known = ", ".join(map(repr, _PROFILES))
            raise ValueError(f"[set_printoptions] profile must be one of {known}: got {profile!r}")
        new.precision, new.threshold, new.edgeitems, new.linewidth = _PROFILES[profile]
    if precision is not None:
        new.precision = _count("precision", precision)
    if threshold is not None:
        new.threshold = _number("threshold", threshold)
    if edgeitems is not None:
        new.edgeitems = _count("edgeitems", edgeitems)
    if linewidth is not None:
        new.linewidth = _number("linewidth", linewidth)
    vars(_options).update(vars(new))


def get_printoptions() -> dict[str, Any]:
    """The print options in force, as keyword arguments for `set_printoptions`.

    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return dataclasses.asdict(_options)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print options for the length of a `with` block; takes what `set_printoptions` takes.

    >>> import facula
    >>> with printoptions(precision=1):
    ...     print(facula.tensor([0.25, 0.5]))
    tensor([0.2, 0.5])
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def _count(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[set_printoptions] {name} must be an integer: got {value!r}") from None
    if number < 0:
        raise ValueError(f"[set_printoptions] {name} must not be negative: got {number}")
    return number


def _number(name: str, value: Any) -> float:
    if isinstance(value, (int, float)):
        return value
    try:
        return operator.index(value)  # NumPy's integers
    except TypeError:
        raise TypeError(f"[set_printoptions] {name} must be a number: got {value!r}") from None


def format_tensor(tensor: Any, *, tensor_contents: str | None = None) -> str:
    """What `repr(tensor)` says: contents, then what cannot be seen from them (size, dtype, gradient).

    The dtype is left out where the contents tell it: bool, int64, the default floating dtype and its complex
    counterpart. An empty tensor shows no elements, so there only the default floating dtype is left out.

    Args:
        tensor: a tensor of any shape and dtype; nothing but the elements that are shown is read.
        tensor_contents: text to print in place of the elements.

    >>> import facula
    >>> format_tensor(facula.tensor([1, 2], dtype=facula.int32))
    'tensor([1, 2], dtype=facula.int32)'
    """
    name = _class_name(type(tensor))
    indent = len(name) + 1
    array = tensor._array
    contents = _format_contents(array, indent) if tensor_contents is None else tensor_contents
    text = _append(f"{name}({contents}", _suffixes(tensor, array), indent) + ")"
    if name != "tensor" and any(_is_own(base, "Parameter") for base in type(tensor).__mro__):
        text = f"Parameter({text})"
    return text


def _is_own(cls: type, name: str) -> bool:
    return cls.__name__ == name and cls.__module__.partition(".")[0] in (__name__.partition(".")[0], "torch")


def _class_name(cls: type) -> str:
    # By name: importing the classes would be a circle. A user's subclass shows its own name.
    return "tensor" if _is_own(cls, "Tensor") or _is_own(cls, "Parameter") else cls.__name__


def _suffixes(tensor: Any, array: Any) -> list[str]:
    found = []
    if tensor.device.type != "cpu":
        found.append(f"device='{tensor.device}'")
    dtype, default = tensor.dtype, get_default_dtype()
    if array.size == 0:
        if array.ndim != 1:
            found.append(f"size={tuple(array.shape)}")
        shown = dtype is default
    else:
        if not _options.edgeitems:
            found.append(f"size={tuple(array.shape)}")
        # A half-precision default has no complex type of its own; complex64 then counts as the default.
        complex_name = "complex128" if default.itemsize == 8 else "complex64"
        shown = dtype is default or dtype is int64 or dtype is bool_ or dtype.name == complex_name
    if not shown:
        found.append(f"dtype={dtype}")
    grad_fn = tensor.grad_fn
    if grad_fn is not None:
        found.append(f"grad_fn=<{type(grad_fn).__name__}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def _append(text: str, suffixes: list[str], indent: int) -> str:
    # PyTorch counts two characters more than the last line of the contents has; so do we.
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text


def _format_contents(array: Any, indent: int) -> str:
    if array.size == 0:
        return "[]"
    edge = _options.edgeitems
    shorten = array.size > _options.threshold
    if shorten and not edge and array.ndim:
        return "[...]"
    corners = _corners(array, edge) if shorten else _to_host(array)
    cells, width = _cells(corners.reshape(-1))
    if array.ndim == 0:
        return cells[0]
    return _join(cells, corners.shape, tuple(array.shape), width, indent)


def _to_host(array: Any) -> np.ndarray[Any, Any]:
    # Printing is one of the places where copying from a device is meant; `get` is CuPy's name for it.
    return array if isinstance(array, np.ndarray) else array.get()


def _corners(array: Any, edge: int) -> np.ndarray[Any, Any]:
    """The first and last `edge` elements along every axis, put together without reading the others."""
    blocks: list[Any] = []  # per axis: pairs of (slice of the array, slice of the result)
    for size in array.shape:
        if size > 2 * edge:
            blocks.append(
                ((slice(0, edge), slice(0, edge)), (slice(size - edge, size), slice(edge, 2 * edge)))
            )
        else:
            blocks.append(((slice(None), slice(None)),))
    result = np.empty([min(size, 2 * edge) for size in array.shape], array.dtype)
    for block in itertools.product(*blocks):
        # The Ellipsis makes a view of a 0-d array too, where an empty index would give a scalar.
        result[(..., *(to for _, to in block))] = _to_host(array[(..., *(from_ for from_, _ in block))])
    return result


def _cells(values: np.ndarray[Any, Any]) -> tuple[list[str], int]:
    """Every element's text, padded to one width, and the width that counts when lines are filled."""
    kind = values.dtype.kind
    if kind in "biu":
        texts = list(map(str, values.tolist()))
        width = max(map(len, texts))
    elif kind == "c":
        texts, width = _float_texts(values.real.tolist())
        imaginary, imaginary_width = _float_texts(values.imag.tolist())
        pairs = zip(texts, imaginary, strict=True)
        # The sign between the parts is not counted, the "j" is.
        return [
            f"{re.rjust(width)}{im}j" if im[0] == "-" else f"{re.rjust(width)}+{im}j" for re, im in pairs
        ], width + imaginary_width + 1
    else:
        texts, width = _float_texts(values.tolist())  # Python floats for the types of ml_dtypes too
    return [text.rjust(width) for text in texts], width


def _float_texts(values: list[float]) -> tuple[list[str], int]:
    """The texts of floats that share a format, and the width of the widest among those that count.

    Only finite numbers other than zero count. They are written as "1." where all are whole, with a fixed
    number of decimals otherwise; in scientific notation if they span more than a factor of 1000, or one is
    above 1e8 or below 1e-4.
    """
    style = "#.0f"  # "#" keeps the point, yet inf and nan get none
    counted = [v for v in values if v and math.isfinite(v)]
    if counted:
        scientific = _options.sci_mode
        if scientific is None:
            smallest, largest = min(map(abs, counted)), max(map(abs, counted))
            scientific = largest > 1e8 or smallest < 1e-4 or largest / smallest > 1000
        if scientific:
            style = f".{_options.precision}e"
        elif not all(map(float.is_integer, counted)):
            style = f".{_options.precision}f"
    texts = [format(v, style) for v in values]
    # A zero or a nan may be wider than this, and then sticks out, as it does in PyTorch.
    lengths = (len(text) for text, v in zip(texts, values, strict=True) if v and math.isfinite(v))
    return texts, max(lengths, default=1)


def _join(cells: list[str], shown: tuple[int, ...], shape: tuple[int, ...], width: int, indent: int) -> str:
    """Brackets and line breaks around cells of shape `shown`, which stand for an array of shape `shape`."""
    last = len(shape) - 1
    edge = _options.edgeitems
    per_line = (_options.linewidth - indent - last) / (width + 2)
    for axis in range(last, -1, -1):
        count, gap = shown[axis], shown[axis] != shape[axis]
        margin = " " * (indent + axis + 1)
        separator = "," + "\n" * (last - axis) + margin
        joined = []
        for start in range(0, len(cells), count):
            group = cells[start : start + count]
            if gap:
                group.insert(edge, " ..." if axis == last else "...")
            if axis < last:
                body = separator.join(group)
            elif per_line >= len(group):
                body = ", ".join(group)
            else:
                step = max(1, math.floor(per_line))
                lines = [", ".join(group[i : i + step]) for i in range(0, len(group), step)]
                body = (",\n" + margin).join(lines)
            joined.append(f"[{body}]")
        cells = joined
    return cells[0]
