"""How a task measures time and memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

Run = Callable[[], dict[str, float]]


def median_seconds(function: Callable[[], Any], seconds: float, warm: bool = True) -> float:
    """Median seconds of one call, over as many as fit in `seconds` (at least one, at most 1000).

    A call that takes longer is made once; shorter ones are preceded by one that does not count, if `warm`.
    """
    times: list[float] = []
    total = 0.0
    while not times or (total < seconds and len(times) < 1000):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
        total += times[-1]
        if warm and len(times) == 1 and total < seconds / 2:
            times.clear()
            warm = False
    return sorted(times)[len(times) // 2]


def peak_bytes() -> float:
    """The largest resident memory of this process so far.

    Linux's VmHWM where there is one: getrusage's figure includes that of the process that started this one.
    """
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024.0 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1.0 if sys.platform == "darwin" else 1024.0
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
