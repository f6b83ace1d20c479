"""How long does one training step take without the data: the tutorial's network, 64 images, SGD and Adam.

python benchmarks/step.py [--threads 1 2] [--repeats 9] [--quick]
"""

from __future__ import annotations

import common


def measure(threads: list[int], repeats: int | None, quick: bool) -> list[common.Figure]:
    """The figures of this file."""
    figures = []
    for count in threads:
        for optimizer in ("SGD", "Adam"):
            goal = 0.90 if optimizer == "SGD" else None
            names = {
                "step": {"title": f"training step, {optimizer}", "unit": "ms", "scale": 1e3, "goal": goal}
            }
            runs, steps = (3, 30) if quick else (9, 60)
            figures += common.alternate(
                "step", names, count, repeats or runs, optimizer=optimizer, steps=steps
            )
    return figures


if __name__ == "__main__":
    given = common.arguments(__doc__)
    common.report("step", measure(given.threads, given.repeats, given.quick))
