"""What the benchmarks share: two worker processes that take turns, figures, a table and a JSON file.

Each library runs in a process of its own (no thread pool of one sits beside the other's), and the two do the
same task alternately, so that a change in the machine's load meets both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
LIBRARIES = ("facula", "torch")


def environment(threads: int | None = None) -> dict[str, str]:
    """The environment of a measured process: the same number of threads for every library inside it."""
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # with it each start would compile what has no cached bytecode
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            env[name] = str(threads)
    return env


class Worker:
    """A process that has one library imported and runs tasks of benchmarks/tasks.py on request."""

    def __init__(self, library: str, threads: int) -> None:
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / "worker.py"), library, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads),
        )

    def run(self, task: str, **options: Any) -> dict[str, float]:
        """Run a task once; what it measured, by name."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"task": task, "options": options}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the {self.library} worker ended (exit code {self.process.wait()})")
        return json.loads(line)

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()


@dataclass
class Figure:
    """One measured quantity on both sides; ratios are of runs next to each other."""

    name: str
    unit: str
    ours: list[float]
    theirs: list[float]
    goal: float | None = None  # largest ratio that is good enough
    limit: float | None = None  # largest value of ours that is good enough
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    @property
    def spread(self) -> tuple[float, float]:
        pairs = [a / b for a, b in zip(self.ours, self.theirs, strict=True)]
        return min(pairs), max(pairs)

    @property
    def verdict(self) -> str:
        wanted = []
        if self.goal is not None:
            wanted.append((self.ratio <= self.goal, f"ratio <= {self.goal:g}"))
        if self.limit is not None:
            wanted.append((statistics.median(self.ours) <= self.limit, f"<= {self.limit:g} {self.unit}"))
        if not wanted:
            return ""
        return ", ".join(text for _, text in wanted) + (": yes" if all(ok for ok, _ in wanted) else ": NO")


def alternate(
    task: str, names: dict[str, Any], threads: int, repeats: int, warmup: int = 1, **options: Any
) -> list[Figure]:
    """Run a task on both libraries in turn; a Figure for each of `names`: what the task measures."""
    workers = {library: Worker(library, threads) for library in LIBRARIES}
    measured: dict[str, dict[str, list[float]]] = {library: {} for library in LIBRARIES}
    for i in range(warmup + repeats):
        for library, worker in workers.items():
            result = worker.run(task, **options)
            for name, value in result.items():
                if i >= warmup:
                    measured[library].setdefault(name, []).append(value)
    for worker in workers.values():
        worker.close()
    return [
        Figure(
            f"{settings['title']}, {threads} thread{'s' if threads > 1 else ''}",
            settings["unit"],
            [v * settings.get("scale", 1) for v in measured["facula"][name]],
            [v * settings.get("scale", 1) for v in measured["torch"][name]],
            goal=settings.get("goal"),
            limit=settings.get("limit"),
        )
        for name, settings in names.items()
    ]


def arguments(description: str | None) -> argparse.Namespace:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--threads",
        type=int,
        nargs="*",
        default=None,
        help="numbers of threads to measure (default: 1 and 2)",
    )
    parser.add_argument("--repeats", type=int, default=None, help="runs of each task on each side")
    parser.add_argument(
        "--quick", action="store_true", help="a short run: a tenth of the work, fewer repeats"
    )
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given.threads = given.threads or sorted({1, min(2, cores)})
    return given


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| what | unit | facula | PyTorch | ratio | spread | goal |", "|---|---|---|---|---|---|---|"]
    for f in figures:
        low, high = f.spread
        ours, theirs = statistics.median(f.ours), statistics.median(f.theirs)
        rows.append(
            f"| {f.name} | {f.unit} | {number(ours)} | {number(theirs)} | {f.ratio:.2f} "
            f"| {low:.2f}-{high:.2f} | {f.verdict} |"
        )
    return "\n".join(rows)


def versions() -> dict[str, str]:
    """What was measured, on what."""
    code = (
        "import json, facula, torch, numpy; from facula.kernels import describe; "
        "print(json.dumps({'facula': facula.__version__, 'torch': torch.__version__, "
        "'numpy': numpy.__version__, 'kernels': describe()}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    found["python"], found["machine"] = platform.python_version(), platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            found["processor"] = next(
                line.split(":")[1].strip() for line in file if line.startswith("model name")
            )
    except (OSError, StopIteration):
        found["processor"] = platform.processor()
    return found


def report(name: str, figures: list[Figure]) -> None:
    """Print the table, and write all values to benchmarks/results/NAME.json."""
    about = versions()
    print(
        f"\nfacula {about['facula']}, {about['kernels']}; PyTorch {about['torch']}; NumPy {about['numpy']};",
        end=" ",
    )
    print(f"Python {about['python']}; {about['processor']}.")
    print("Medians; spread: the least and the largest ratio of two runs next to each other.\n")
    print(table(figures))
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    content = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "about": about,
        "figures": [
            asdict(f) | {"ratio": f.ratio, "spread": f.spread, "verdict": f.verdict} for f in figures
        ],
    }
    path = results / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nAll values: {path.relative_to(FOLDER.parent)}")
