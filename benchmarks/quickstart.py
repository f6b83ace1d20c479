"""How long does an epoch of the Quickstart tutorial take? Its DataLoader, transforms and loops as written.

On the real Fashion-MNIST where FACULA_DATA has it, else on the drawn one.

python benchmarks/quickstart.py [--threads 1 2] [--repeats 3] [--quick]
"""

from __future__ import annotations

import common
from common import Job, Quantity


def jobs(quick: bool) -> list[Job]:
    """The jobs of this file; --quick takes 100 batches."""
    epoch = {
        "epoch": Quantity("tutorial's epoch", "s", 1, goal=0.40),
        "train": Quantity("of which training", "s", 1),
        "test": Quantity("of which testing", "s", 1),
    }
    loading = {"loading": Quantity("DataLoader alone, one epoch", "s", 1)}
    options = {"batches": 100 if quick else None}
    warmup = 1 if quick else 0
    return [
        Job("epoch", "epoch", epoch, options, repeats=3, warmup=warmup, kept=False),
        Job(
            "loading",
            "loading",
            loading,
            options,
            repeats=3,
            warmup=warmup,
            all_threads=False,
            kept=False,
        ),
    ]


if __name__ == "__main__":
    import quickstart

    common.run([quickstart], common.arguments(__doc__), "quickstart")
