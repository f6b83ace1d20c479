"""Every public function and method occurs in a comparison with PyTorch."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import facula.linalg  # noqa: E402 - publishes
import facula.nn.functional  # noqa: E402 - publishes
import facula.special  # noqa: E402, F401 - publishes
from facula.autograd.op import PUBLIC  # noqa: E402 - only where PyTorch is

FOLDER = Path(__file__).parent
TABLES = ["test_ops", "test_shape", "test_indexing", "test_functional"]
# What is compared elsewhere or cannot be, with the reason.
ELSEWHERE = {
    "__dlpack__": "part of from_dlpack",
    "__dlpack_device__": "part of from_dlpack",
    "polygamma_of": "the op behind polygamma; PyTorch has no such function",
}


def names_in_tables() -> set[str]:
    """All words in the pieces of code that are compared."""
    found: set[str] = set()
    for table in TABLES:
        for test in runpy.run_path(str(FOLDER / f"{table}.py")).values():
            for mark in getattr(test, "pytestmark", []):
                if mark.name == "parametrize" and mark.args[0] == "code":
                    found.update(w for code in mark.args[1] for w in re.findall(r"\w+", code))
    for path in FOLDER.glob("test_*.py"):
        if path.stem not in TABLES:
            found.update(re.findall(r"\w+", path.read_text()))
    return found


@pytest.mark.parametrize("place", sorted(PUBLIC))
def test_every_public_name_is_compared(place):
    known = names_in_tables() | set(ELSEWHERE)
    assert sorted(set(PUBLIC[place]) - known) == []
