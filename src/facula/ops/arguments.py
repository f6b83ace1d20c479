"""Readings of arguments that PyTorch takes in several forms."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .._tensor import Tensor, normalize_dim


def dims_of(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """PyTorch's `dim` argument as a tuple counted from the front, None meaning all."""
    if dim is None:
        return None
    if isinstance(dim, Sequence) and not dim:
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (normalize_dim(dim, ndim),) if ndim else ()
    found = tuple(normalize_dim(int(d), ndim) for d in dim)
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {found} appears multiple times in the list of dims")
    return found if ndim else ()


def sizes_of(name: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as several numbers or as one sequence."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    for a in args:
        if builtins.type(a) is not int and (isinstance(a, bool) or not hasattr(a, "__index__")):
            raise TypeError(
                f"{name}(): argument 'size' must be tuple of ints, but found element of type "
                f"{type(a).__name__}"
            )
    return tuple([int(a) for a in args])


def numpy_dtype(dtype: Any) -> Any:
    """The NumPy dtype of an optional dtype argument."""
    return None if dtype is None else dtype.numpy


def raw_of(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def numpy_names(name: str, dim: Any, keepdim: bool, given: dict[str, Any]) -> tuple[Any, bool]:
    """`dim` and `keepdim` where NumPy's names `axis` and `keepdims` were used. TypeError for any other
    name.
    """
    for key, value in given.items():
        if key == "axis":
            dim = value
        elif key == "keepdims":
            keepdim = value
        else:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    return dim, keepdim
