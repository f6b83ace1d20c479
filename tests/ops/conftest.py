"""The records of `samples.py` for the tests of this folder."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

RECORDS: dict[str, Any] = runpy.run_path(str(Path(__file__).parent / "samples.py"))["RECORDS"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` runs once for each sample of each op: (name, number); for `name`: for
    each op.
    """
    if "case" in metafunc.fixturenames:
        cases = [(name, i) for name, r in sorted(RECORDS.items()) for i in range(len(r.arguments))]
        metafunc.parametrize("case", cases, ids=[f"{name}-{i}" for name, i in cases])
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", sorted(RECORDS))


@pytest.fixture(scope="session")
def records() -> dict[str, Any]:
    """Every op's record, by name."""
    return RECORDS
