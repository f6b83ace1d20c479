"""All comparisons with PyTorch, in one table: speed of networks, operations and optimizers, memory, start, size."""

from __future__ import annotations

import common
import footprint
import memory
import networks
import operations
import optimizers
import quickstart
import tiny_ops

EXAMPLE = """\
examples:
  python benchmarks                              everything, about 20 minutes
  python benchmarks --quick                      whether all of it runs, a few minutes
  python benchmarks --only resnet --threads 2    ResNet-18's time and memory, with two threads
"""

if __name__ == "__main__":
    common.run(
        [networks, operations, optimizers, memory, quickstart, tiny_ops, footprint],
        common.arguments(__doc__, EXAMPLE),
        "all",
    )
