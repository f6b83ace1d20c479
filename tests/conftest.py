"""For all tests: what is collected, and the closing table of a comparison with PyTorch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """No examples are looked for below tests/: helpers and programs there are not imported."""
    is_helper = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if is_helper else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After tests/parity: one line for each file, with how many comparisons held."""
    counts: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            path = getattr(report, "nodeid", "").split("::")[0]
            if path.startswith("tests/parity/") and getattr(report, "when", "call") in ("call", "setup"):
                counts.setdefault(path, Counter())[outcome] += 1
    if not counts:
        return
    terminalreporter.section("agreement with PyTorch")
    area = max(len(Path(path).stem) for path in counts)
    terminalreporter.write_line(f"{'':{area}}  agree  differ  skipped")
    for path, count in sorted(counts.items()):
        name = str(Path(path).relative_to("tests/parity").with_suffix("")).replace("test_", "")
        differ = count["failed"] + count["error"]
        terminalreporter.write_line(f"{name:{area}}  {count['passed']:5}  {differ:6}  {count['skipped']:7}")
