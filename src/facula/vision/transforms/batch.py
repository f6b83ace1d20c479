"""Known transforms as functions of a whole stack of pictures.

`batch_function(transform)` looks at exact types, and only at methods that nobody has overridden or patched;
for anything else it returns None and the caller goes picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..._dtype import dtype, float32, float64, get_default_dtype, uint8
from . import transforms as T
from .functional import pictures_to_float

#: From (count, height, width) uint8 to what collating the transformed pictures would give.
BatchFunction = Callable[[np.ndarray], np.ndarray]

_FLOATS = (float32, float64)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class _Stage(NamedTuple):
    """What a stack is on its way: pictures as they were, or tensors of that dtype (channels first)."""

    is_tensor: bool
    kind: dtype


class _Step(NamedTuple):
    after: _Stage
    run: BatchFunction


def _to_tensor(transform: Any, before: _Stage) -> _Step | None:
    kind = get_default_dtype()
    if before.is_tensor or kind not in _FLOATS:
        return None
    return _Step(_Stage(True, kind), lambda stack: pictures_to_float(stack[:, None], kind))


def _pil_to_tensor(transform: Any, before: _Stage) -> _Step | None:
    if before.is_tensor:
        return None
    return _Step(_Stage(True, uint8), lambda stack: np.array(stack[:, None], order="C"))


def _convert(transform: Any, before: _Stage) -> _Step | None:
    kind = transform.dtype
    if not before.is_tensor or before.kind is not uint8 or kind not in _FLOATS:
        return None
    return _Step(_Stage(True, kind), lambda stack: pictures_to_float(stack, kind))


def _normalize(transform: Any, before: _Stage) -> _Step | None:
    if not before.is_tensor or before.kind not in _FLOATS:
        return None
    try:
        mean, std = (
            np.asarray(v, dtype=before.kind.numpy).reshape(-1) for v in (transform.mean, transform.std)
        )
    except (TypeError, ValueError):
        return None
    if mean.size != 1 or std.size != 1 or std[0] == 0:
        return None  # pictures here have one channel; the ordinary path says what is wrong

    def run(stack: np.ndarray) -> np.ndarray:
        stack -= mean[0]  # in place: every earlier step has made a new array
        stack /= std[0]
        return stack

    return _Step(before, run)


# The planner of each known class, and the method that a call of the transform comes down to.
_KNOWN: dict[type, tuple[Callable[[Any, _Stage], _Step | None], str, Any]] = {
    T.ToTensor: (_to_tensor, "__call__", T.ToTensor.__call__),
    T.PILToTensor: (_pil_to_tensor, "__call__", T.PILToTensor.__call__),
    T.ConvertImageDtype: (_convert, "forward", T.ConvertImageDtype.forward),
    T.Normalize: (_normalize, "forward", T.Normalize.forward),
}
_COMPOSE_CALL = T.Compose.__call__


def batch_function(transform: Any) -> BatchFunction | None:
    """A known transform (or Compose of known ones) as a function of a stack of pictures; else None."""
    stage = _Stage(False, uint8)
    runs = []
    for part in _flatten(transform):
        step = _plan(part, stage)
        if step is None:
            return None
        stage = step.after
        runs.append(step.run)
    if not stage.is_tensor:
        return None  # still a Pillow image
    if len(runs) == 1:
        return runs[0]

    def chain(stack: np.ndarray) -> np.ndarray:
        for run in runs:
            stack = run(stack)
        return stack

    return chain


def _flatten(transform: Any) -> list[Any]:
    if type(transform) is T.Compose and T.Compose.__call__ is _COMPOSE_CALL:
        return [inner for part in transform.transforms for inner in _flatten(part)]
    return [transform]


def _plan(transform: Any, before: _Stage) -> _Step | None:
    known = _KNOWN.get(type(transform))
    if known is None:
        return None
    plan, method, own = known
    if getattr(type(transform), method) is not own or method in vars(transform):
        return None
    if any(getattr(transform, hooks, None) for hooks in _HOOKS):
        return None
    return plan(transform, before)
