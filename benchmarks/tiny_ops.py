"""What does an operation cost that computes next to nothing: a chain of twenty on sixteen elements.

python benchmarks/tiny_ops.py [--threads 1] [--repeats 9] [--quick]
"""

from __future__ import annotations

import common
from common import Job, Quantity


def jobs(quick: bool) -> list[Job]:
    """The jobs of this file; work this small knows no threads, so the first number of them will do."""
    quantities = {
        "forward": Quantity("20 tiny ops, forward", "us", 1e6),
        "both": Quantity("20 tiny ops, forward and backward", "us", 1e6, goal=0.60),
    }
    runs, calls = (3, 100) if quick else (9, 300)
    return [
        Job("tiny-ops", "tiny_ops", quantities, {"calls": calls}, runs, all_threads=False, kept=False),
    ]


if __name__ == "__main__":
    import tiny_ops

    common.run([tiny_ops], common.arguments(__doc__), "tiny_ops")
