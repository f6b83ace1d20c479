"""All comparisons with PyTorch, in one table: `python benchmarks [--threads 1 2] [--repeats N] [--quick]`."""

from __future__ import annotations

import common
import footprint
import quickstart
import step
import tiny_ops

if __name__ == "__main__":
    given = common.arguments(__doc__)
    figures: list[common.Figure] = []
    for question in (quickstart, step, tiny_ops, footprint):
        print(f"{question.__name__} ...", flush=True)
        figures += question.measure(given.threads, given.repeats, given.quick)
    common.report("all", figures)
