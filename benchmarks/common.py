"""What the benchmarks share: jobs, worker processes that take turns, figures, a table and a JSON file.

Each library runs in a process of its own (no thread pool of one sits beside the other's), and they do the same
task alternately, so that a change in the machine's load meets all. A third process runs PyTorch with
MALLOC_MMAP_MAX_=0: a malloc that keeps large blocks, so that a ratio shows what is owed to page faults alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
LIBRARIES = ("facula", "torch")
KEEPING = {"MALLOC_MMAP_MAX_": "0"}  # large blocks come from the heap, which keeps its pages


def environment(threads: int | None = None) -> dict[str, str]:
    """The environment of a measured process: the same number of threads for every library inside it."""
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # with it each start would compile what has no cached bytecode
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            env[name] = str(threads)
    return env


class Worker:
    """A process that has one library imported and runs tasks on request."""

    def __init__(self, library: str, threads: int, settings: dict[str, str] | None = None) -> None:
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / "worker.py"), library, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads) | (settings or {}),
        )

    def run(self, task: str, **options: Any) -> dict[str, float]:
        """Run a task once; what it measured, by name."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"task": task, "options": options}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(
                f"the {self.library} worker ended (exit code {self.process.wait()}) at {task} {options}"
            )
        return json.loads(line)

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()


class Workers:
    """The workers of one number of threads: "facula", "torch", and "kept", PyTorch that keeps its memory."""

    def __init__(self, threads: int, kept: bool = True) -> None:
        self.threads = threads
        self.each = {library: Worker(library, threads) for library in LIBRARIES}
        if kept and sys.platform == "linux":
            self.each["kept"] = Worker("torch", threads, KEEPING)
        self.peaks: dict[str, float] = {}

    def peak(self, kind: str) -> float:
        """The most operations ("flops") or bytes ("bytes") a second seen here, with the better of the libraries."""
        if kind not in self.peaks:
            task = {"flops": ("peak_flops", {"size": 2048}), "bytes": ("peak_copy", {"megabytes": 256})}[kind]
            rates = [
                self.each[library].run(task[0], **task[1])["rate"] for _ in range(3) for library in LIBRARIES
            ]
            self.peaks[kind] = max(rates)
        return self.peaks[kind]

    def close(self) -> None:
        for worker in self.each.values():
            worker.close()


@dataclass
class Figure:
    """One measured quantity on both sides; ratios are of runs next to each other."""

    name: str
    unit: str
    ours: list[float]
    theirs: list[float]
    kept: list[float] = field(default_factory=list)  # PyTorch with MALLOC_MMAP_MAX_=0
    goal: float | None = None  # largest ratio that is good enough
    limit: float | None = None  # largest value of ours that is good enough
    rate: float | None = None  # operations or bytes a second of ours
    rate_unit: str = ""
    share: float | None = None  # of this machine's measured peak

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    @property
    def kept_ratio(self) -> float | None:
        return statistics.median(self.ours) / statistics.median(self.kept) if self.kept else None

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


@dataclass
class Quantity:
    """What a task measures under one name, and how it is shown."""

    title: str
    unit: str = "ms"
    scale: float = 1e3
    goal: float | None = None
    limit: float | None = None
    work: float | None = None  # operations or bytes of what is timed
    kind: str = "flops"  # or "bytes"


@dataclass
class Job:
    """A task for all workers; or `measure`, for what is no task."""

    name: str  # what --only looks at
    task: str = ""
    quantities: dict[str, Quantity] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    repeats: int = 5
    warmup: int = 1
    all_threads: bool = True  # else the first number of threads only
    fresh: bool = False  # processes of its own for each run
    kept: bool = True  # whether the third worker takes part
    measure: Callable[[int], list[Figure]] | None = None

    def run(self, workers: Workers) -> list[Figure]:
        """The figures, with the workers given or with fresh ones."""
        names = [name for name in workers.each if self.kept or name != "kept"]
        measured: dict[str, dict[str, list[float]]] = {name: {} for name in names}
        for i in range(self.warmup + self.repeats):
            turn = Workers(workers.threads, self.kept) if self.fresh else workers
            for name in names:
                for key, value in turn.each[name].run(self.task, **self.options).items():
                    if i >= self.warmup:
                        measured[name].setdefault(key, []).append(value)
            if self.fresh:
                turn.close()
        return [self._figure(workers, key, quantity, measured) for key, quantity in self.quantities.items()]

    def _figure(self, workers: Workers, key: str, quantity: Quantity, measured: Any) -> Figure:
        values = {name: [v * quantity.scale for v in found[key]] for name, found in measured.items()}
        figure = Figure(
            f"{quantity.title}, {threads_text(workers.threads)}",
            quantity.unit,
            values["facula"],
            values["torch"],
            values.get("kept", []),
            goal=quantity.goal,
            limit=quantity.limit,
        )
        if quantity.work:
            rate = quantity.work / statistics.median(measured["facula"][key])
            figure.rate, figure.rate_unit = rate / 1e9, "GFLOP/s" if quantity.kind == "flops" else "GB/s"
            figure.share = rate / workers.peak(quantity.kind)
        return figure


def threads_text(count: int) -> str:
    """The number of threads in words."""
    return f"{count} thread{'s' if count > 1 else ''}"


def geometric_mean(title: str, figures: Sequence[Figure], goal: float | None) -> Figure:
    """The geometric mean of ratios, as a figure whose PyTorch is 1."""

    def mean(values: list[float]) -> float:
        return math.exp(statistics.fmean(math.log(value) for value in values))

    ratio = mean([f.ratio for f in figures])
    kept = [f.kept_ratio for f in figures if f.kept_ratio is not None]
    return Figure(title, "ratio", [ratio], [1.0], [ratio / mean(kept)] if kept else [], goal=goal)


# ---- running -----------------------------------------------------------------------------------------------


def arguments(description: str | None, epilog: str | None = None) -> argparse.Namespace:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--threads",
        type=int,
        nargs="*",
        default=None,
        help="numbers of threads to measure (default: 1 and 2)",
    )
    parser.add_argument("--repeats", type=int, default=None, help="runs of each task on each side")
    parser.add_argument(
        "--quick", action="store_true", help="a short run: smaller sizes, fewer repeats, no judgement meant"
    )
    parser.add_argument(
        "--only",
        metavar="NAME",
        default="",
        help="only the jobs whose name contains NAME (--list shows them)",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the jobs, and end")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given.threads = given.threads or sorted({1, min(2, cores)})
    return given


def run(questions: Sequence[Any], given: argparse.Namespace, name: str) -> None:
    """Measure the jobs of the question modules, print the table and write the files."""
    chosen = [
        (question, [job for job in question.jobs(given.quick) if given.only in job.name])
        for question in questions
    ]
    if given.list:
        print("\n".join(job.name for _, jobs in chosen for job in jobs))
        return
    steps = sum(len(given.threads) if job.all_threads else 1 for _, jobs in chosen for job in jobs)
    if not steps:
        raise SystemExit(f"no job's name contains {given.only!r}: --list shows the names")
    figures: dict[Any, list[Figure]] = {question: [] for question, _ in chosen}
    peaks: dict[str, dict[str, float]] = {}
    done = 0
    for threads in given.threads:
        workers = None
        for question, jobs in chosen:
            for job in jobs:
                if threads != given.threads[0] and not job.all_threads:
                    continue
                done += 1
                _progress(f"[{done}/{steps}] {job.name}, {threads_text(threads)}")
                if given.repeats:
                    job.repeats = given.repeats
                if job.measure:
                    figures[question] += job.measure(job.repeats)
                    continue
                workers = workers or Workers(threads)
                figures[question] += job.run(workers)
        if workers:
            peaks[str(threads)] = workers.peaks
            workers.close()
    _progress("")
    shown: list[Figure] = []
    for question, found in figures.items():
        shown += found
        if hasattr(question, "summary"):
            shown += question.summary(found)
    report(given.only.replace(" ", "-") or ("quick" if given.quick and name == "all" else name), shown, peaks)


def _progress(text: str) -> None:
    """Where the run stands: one line that changes on a terminal, else a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


# ---- results -----------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [
        "| what | unit | facula | PyTorch | ratio | spread | ratio, memory kept | facula's rate | of peak | goal |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for f in figures:
        low, high = f.spread
        ours, theirs = statistics.median(f.ours), statistics.median(f.theirs)
        kept = "" if f.kept_ratio is None else f"{f.kept_ratio:.2f}"
        rate = "" if f.rate is None else f"{number(f.rate)} {f.rate_unit}"
        share = "" if f.share is None else f"{100 * f.share:.0f} %"
        rows.append(
            f"| {f.name} | {f.unit} | {number(ours)} | {number(theirs)} | {f.ratio:.2f} "
            f"| {low:.2f}-{high:.2f} | {kept} | {rate} | {share} | {f.verdict} |"
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


def report(name: str, figures: list[Figure], peaks: dict[str, dict[str, float]]) -> None:
    """Print the table, and write it and all values to benchmarks/results/NAME.md and NAME.json."""
    about = versions()
    lines = [
        f"facula {about['facula']}, {about['kernels']}; PyTorch {about['torch']}; NumPy {about['numpy']}; "
        f"Python {about['python']}; {about['processor']}.",
        "",
        "Medians; ratio: facula's over PyTorch's; spread: the least and the largest ratio of two runs next to each",
        "other; memory kept: PyTorch with MALLOC_MMAP_MAX_=0, which spares it the page faults of fresh memory.",
        "Rates count the operations of the definition (a Winograd convolution may exceed the peak) or the bytes",
        "that must be moved at least; the peaks are a large float32 product and a large copy, by the better library:",
    ]
    for threads, found in peaks.items():
        text = ", ".join(f"{v / 1e9:.0f} {'GFLOP/s' if k == 'flops' else 'GB/s'}" for k, v in found.items())
        if text:
            lines.append(f"{threads_text(int(threads))} {text}.")
    missed = [f.name for f in figures if f.verdict.endswith("NO")]
    judged = sum(bool(f.verdict) for f in figures)
    lines += ["", table(figures), "", f"{judged - len(missed)} of {judged} goals reached.", ""]
    text = "\n".join(lines)
    print("\n" + text)
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    (results / f"{name}.md").write_text(text)
    content = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "about": about,
        "peaks": peaks,
        "figures": [
            asdict(f)
            | {"ratio": f.ratio, "kept_ratio": f.kept_ratio, "spread": f.spread, "verdict": f.verdict}
            for f in figures
        ],
    }
    path = results / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"The table and all values: {path.relative_to(FOLDER.parent).with_suffix('')}.md, .json")
