"""Anomaly detection: find the forward call whose gradient became NaN."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

from .._tensor import Tensor
from . import engine as _engine
from . import op as _op
from .node import Node

_check_nan: bool | None = None  # None: switched off


def _note(this: Any, args: Any, out: Any) -> None:
    """Keep on a new node where in the program its call stands."""
    first = out[0] if isinstance(out, tuple) else out
    if isinstance(first, Tensor) and first._grad_fn is not None:
        first._grad_fn.metadata["traceback_"] = traceback.format_stack()[:-1]


def _check(node: Node, grads: list[Any]) -> None:
    """RuntimeError, after a warning with the forward call's traceback, if a gradient holds NaN."""
    for i, g in enumerate(grads):
        array = g._array if isinstance(g, Tensor) else g
        if array is not None and array.dtype.kind in "fcV" and bool((array != array).any()):
            where = "".join(node.metadata.get("traceback_", ["(made before anomaly detection was on)\n"]))
            warnings.warn(
                f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{where}",
                stacklevel=2,
            )
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")


def _switch(check_nan: bool | None) -> None:
    global _check_nan
    _check_nan = check_nan
    _engine.anomaly_check = _check if check_nan else None
    if check_nan is not None and _note not in _op.observers:
        _op.observers.append(_note)
    elif check_nan is None and _note in _op.observers:
        _op.observers.remove(_note)


class set_detect_anomaly:
    """Switch anomaly detection on or off: at once when called, until the end of a `with` block otherwise.

    While it is on, a backward pass that produces NaN raises RuntimeError and warns with the place of the forward call
    (unless `check_nan` is False). It is slow: for finding mistakes only.

    >>> import facula
    >>> with facula.autograd.set_detect_anomaly(True):
    ...     (facula.ones(1, requires_grad=True) * 2).sum().backward()
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _check_nan
        _switch(bool(check_nan) if mode else None)

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None:
        _switch(self._before)


class detect_anomaly(set_detect_anomaly):
    """Context manager: anomaly detection inside the block; see `set_detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)
