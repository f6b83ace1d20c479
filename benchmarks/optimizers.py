"""How long does an optimizer's step take over ten million numbers in forty parameters?

Against PyTorch's default and against its fused=True.

python benchmarks/optimizers.py [--threads 1 2] [--repeats 7] [--quick] [--only adamw]
"""

from __future__ import annotations

from typing import Any

import common
from common import Job, Quantity

# Options, and the arrays of 40 MB that a step must read or write.
OPTIMIZERS: dict[str, tuple[dict[str, Any], int]] = {"AdamW": ({}, 7), "SGD": ({"momentum": 0.9}, 5)}


def jobs(quick: bool) -> list[Job]:
    """The jobs of this file."""
    return [
        Job(
            f"{optimizer.lower()}-{'fused' if fused else 'default'}",
            "optimizer_step",
            {
                "time": Quantity(
                    f"{optimizer} step, 10 M parameters, PyTorch's {'fused=True' if fused else 'default'}",
                    goal=1.0 if fused else 0.25,
                    work=arrays * 4e7,
                    kind="bytes",
                )
            },
            {"optimizer": optimizer, "fused": fused, **options},
            repeats=2 if quick else 7,
        )
        for optimizer, (options, arrays) in OPTIMIZERS.items()
        for fused in (False, True)
    ]


if __name__ == "__main__":
    import optimizers

    common.run([optimizers], common.arguments(__doc__), "optimizers")
