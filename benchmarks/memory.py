"""How much memory does a process take that imports the library and trains for three steps?

python benchmarks/memory.py [--repeats 2] [--quick] [--only memory-gpt]
"""

from __future__ import annotations

from typing import Any

import common
from common import Job, Quantity


def jobs(quick: bool) -> list[Job]:
    """The jobs of this file; --quick uses small images and a GPT of one layer."""
    size, sixteen, layers = (64, 4, 1) if quick else (224, 16, 6)
    trained: dict[str, tuple[str, dict[str, Any]]] = {
        "mlp": ("tutorial's MLP, Adam", {"batch": 64, "optimizer": "Adam"}),
        "mnist": ("MNIST CNN", {"batch": 64}),
        "resnet": (f"ResNet-18 {size}x{size}, batch {sixteen}", {"batch": sixteen, "size": size}),
        "gpt": (f"GPT of {layers} layers", {"batch": 4, "layers": layers}),
    }
    return [
        Job(
            f"memory-{job}",
            "training_peak",
            {"peak": Quantity(f"peak memory of training, {title}", "MB", 1e-6, goal=1.0)},
            {"job": job, "steps": 3, **options},
            repeats=1 if quick else 2,
            warmup=0,
            fresh=True,
        )
        for job, (title, options) in trained.items()
    ]


if __name__ == "__main__":
    import memory

    common.run([memory], common.arguments(__doc__), "memory")
