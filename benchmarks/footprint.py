"""How long does the import take, and how much disk does the installation need?

python benchmarks/footprint.py [--repeats 9] [--quick]
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import common


def import_seconds(library: str) -> float:
    """Seconds that importing takes in a fresh interpreter (the files being in the system's cache)."""
    code = f"import time; t = time.perf_counter(); import {library}; print(time.perf_counter() - t)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=common.environment()
    )
    return float(done.stdout)


def needed(name: str, seen: set[str]) -> set[str]:
    """The distributions that installing `name` without extras brings, by their metadata; those there are."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return seen
    try:
        requirements = importlib.metadata.distribution(key).requires or []
    except importlib.metadata.PackageNotFoundError:
        return seen
    seen.add(key)
    for requirement in requirements:
        if "extra ==" not in requirement:
            match = re.match(r"[\w.-]+", requirement)
            if match:
                needed(match[0], seen)
    return seen


def installed_bytes(name: str) -> float:
    """Bytes on disk of a distribution and all that it depends on."""
    found = needed(name, set())
    total = 0
    if name not in found:  # run from the source tree: the package's folder stands for the distribution
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        total += sum(p.stat().st_size for p in Path(spec.origin).parent.rglob("*") if p.is_file())
        found |= needed("numpy", set()) | needed("ml_dtypes", set())
    for distribution in found:
        for file in importlib.metadata.files(distribution) or []:
            path = Path(str(file.locate()))
            if path.is_file():
                total += path.stat().st_size
    return float(total)


def _imports(repeats: int) -> list[common.Figure]:
    times: dict[str, list[float]] = {library: [] for library in common.LIBRARIES}
    for i in range(1 + repeats):
        for library, values in times.items():
            seconds = import_seconds(library)
            if i > 0:  # the first reads the files from disk
                values.append(seconds)
    return [common.Figure("import", "s", times["facula"], times["torch"], goal=0.10, limit=0.2)]


def _sizes(repeats: int) -> list[common.Figure]:
    sizes = {library: [installed_bytes(library) / 1e6] for library in common.LIBRARIES}
    return [
        common.Figure("installed size with dependencies", "MB", sizes["facula"], sizes["torch"], limit=120)
    ]


def jobs(quick: bool) -> list[common.Job]:
    """The jobs of this file."""
    return [
        common.Job("import", repeats=3 if quick else 9, all_threads=False, measure=_imports),
        common.Job("installed-size", all_threads=False, measure=_sizes),
    ]


if __name__ == "__main__":
    import footprint

    common.run([footprint], common.arguments(__doc__), "footprint")
