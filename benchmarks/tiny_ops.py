"""What does an operation cost that computes next to nothing: a chain of twenty on sixteen elements.

python benchmarks/tiny_ops.py [--threads 1] [--repeats 9] [--quick]
"""

from __future__ import annotations

import common

NAMES = {
    "forward": {"title": "20 tiny ops, forward", "unit": "us", "scale": 1e6},
    "both": {"title": "20 tiny ops, forward and backward", "unit": "us", "scale": 1e6, "goal": 0.60},
}


def measure(threads: list[int], repeats: int | None, quick: bool) -> list[common.Figure]:
    """The figures of this file; work this small knows no threads, so the first number of them will do."""
    runs, calls = (3, 100) if quick else (9, 300)
    return common.alternate("tiny_ops", NAMES, threads[0], repeats or runs, calls=calls)


if __name__ == "__main__":
    given = common.arguments(__doc__)
    common.report("tiny_ops", measure(given.threads, given.repeats, given.quick))
