"""How long do single operations take, forward and backward, on 64 to 49152 rows of 512 float32 numbers?

python benchmarks/operations.py [--threads 1 2] [--repeats 5] [--quick] [--only softmax]
"""

from __future__ import annotations

import re

import common
import op_tasks
from common import Figure, Job, Quantity

ROWS = (64, 1024, 8192, 49152)


def jobs(quick: bool) -> list[Job]:
    """The jobs of this file; --quick leaves the two larger sizes out."""
    return [
        Job(
            "op-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + f"-{rows}",
            "op",
            {
                "time": Quantity(
                    f"{name}, {rows}x512, forward and backward",
                    goal=1.0,
                    work=op_tasks.op_bytes(name, rows),
                    kind="bytes",
                )
            },
            {"name": name, "rows": rows, "seconds": 0.01 if quick else 0.1},
            repeats=2 if quick else 5,
        )
        for name in op_tasks.PASSES
        for rows in (ROWS[:2] if quick else ROWS)
    ]


def summary(figures: list[Figure]) -> list[Figure]:
    """The geometric mean of all ratios, for each number of threads."""
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.name.rsplit(", ", 1)[1], []).append(figure)
    return [
        common.geometric_mean(f"operations, geometric mean of {len(group)}, {threads}", group, 0.5)
        for threads, group in groups.items()
        if len(group) > 1
    ]


if __name__ == "__main__":
    import operations

    common.run([operations], common.arguments(__doc__), "operations")
