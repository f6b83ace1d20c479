"""How long does an epoch of the Quickstart tutorial take? Its DataLoader, transforms and loops as written.

On the real Fashion-MNIST where FACULA_DATA has it, else on the drawn one.

    python benchmarks/quickstart.py [--threads 1 2] [--repeats 3] [--quick]
"""

from __future__ import annotations

import common

EPOCH = {
    "epoch": {"title": "tutorial's epoch", "unit": "s", "goal": 0.40},
    "train": {"title": "of which training", "unit": "s"},
    "test": {"title": "of which testing", "unit": "s"},
    "peak": {"title": "peak memory", "unit": "MB", "scale": 1e-6},
}
LOADING = {"loading": {"title": "DataLoader alone, one epoch", "unit": "s"}}


def measure(threads: list[int], repeats: int | None, quick: bool) -> list[common.Figure]:
    """The figures of this file."""
    batches, repeats = (100, repeats or 3) if quick else (None, repeats or 3)
    figures = []
    for count in threads:
        figures += common.alternate(
            "epoch", EPOCH, count, repeats, warmup=0 if not quick else 1, batches=batches
        )
    figures += common.alternate("loading", LOADING, threads[0], repeats, batches=batches)
    return figures


if __name__ == "__main__":
    given = common.arguments(__doc__)
    common.report("quickstart", measure(given.threads, given.repeats, given.quick))
