"""A line search: a step length at which a function has fallen enough and its slope has become flat enough.

Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 3.5 and 3.6 with formula 3.59, and the
safeguards of Schmidt's minFunc (2005).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

_DECREASE = 1e-4
_CURVATURE = 0.9


class Point(NamedTuple):
    """A step length with the function's value, gradient and slope along the direction there."""

    t: float
    value: float
    gradient: Any
    slope: float


def interpolate(a: Point, b: Point, low: float, high: float) -> float:
    """The lowest place between `low` and `high` of the cubic with the values and slopes of two points."""
    left, right = (a, b) if a.t <= b.t else (b, a)
    d1 = left.slope + right.slope - 3 * (left.value - right.value) / (left.t - right.t)
    square = d1 * d1 - left.slope * right.slope
    if square < 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    place = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
    return min(max(place, low), high)


def strong_wolfe(
    probe: Callable[[float], Point], start: Point, t: float, longest: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """The point to go to, and how often the function was computed.

    Args:
        probe: computes the point of a step length.
        start: where the search begins, with `t` 0 and a negative slope.
        t: the first step length.
        longest: the largest part of the direction, which turns step lengths into distances.
        tolerance: brackets that are smaller than this distance are not divided further.
        most: how many points may be tried after the first.
    """
    before, new = start, probe(t)
    count = 1
    bracket: list[Point] = [start, new]
    for i in range(most):
        if _too_high(new, start) or (i > 1 and new.value >= before.value):
            bracket = [before, new]
            break
        if _flat(new, start):
            return new, count
        if new.slope >= 0:
            bracket = [before, new]
            break
        t = interpolate(before, new, new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, probe(t)
        count += 1
    else:
        return (start if start.value <= new.value else new), count
    return _zoom(probe, start, bracket, most - i, count, longest, tolerance)


def _too_high(point: Point, start: Point) -> bool:
    return point.value > start.value + _DECREASE * point.t * start.slope


def _flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _zoom(
    probe: Callable[[float], Point],
    start: Point,
    bracket: list[Point],
    rounds: int,
    count: int,
    longest: float,
    tolerance: float,
) -> tuple[Point, int]:
    """Make a bracket that contains a good step smaller and smaller."""
    stuck = False
    low = 0 if bracket[0].value <= bracket[1].value else 1
    while rounds > 0:
        if abs(bracket[1].t - bracket[0].t) * longest < tolerance:
            break
        left, right = sorted(point.t for point in bracket)
        t = interpolate(bracket[0], bracket[1], left, right)
        # A place too near to an end is taken once; the second time the search goes a tenth inwards.
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = probe(t)
        count += 1
        rounds -= 1
        if _too_high(new, start) or new.value >= bracket[low].value:
            bracket[1 - low] = new
            low = 0 if bracket[0].value <= bracket[1].value else 1
            continue
        done = _flat(new, start)
        if not done and new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = new
        if done:
            break
    return bracket[low], count
