"""Without its extension the package prints what it prints with it: kernels, op calls, backward pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import facula
from facula.kernels import cpu

HERE = Path(__file__).parent
NUMBER = re.compile(r"-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf|nan)")

# Read, not imported: the list of names must be there before anything runs.
NAMES = re.findall(r"^@program\ndef (\w+)", (HERE / "programs.py").read_text(), re.MULTILINE)


def run(*words: str) -> dict[str, str]:
    """What each program prints, by its name."""
    path = [str(Path(facula.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / "programs.py"), *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    parts = (tuple(part.split("\n", 1)) for part in done.stdout.split("==== ")[1:])
    return dict(parts)


@pytest.fixture(scope="module")
def printed() -> tuple[dict[str, str], dict[str, str]]:
    if cpu.native is None:
        pytest.skip("no native kernels in this installation: nothing to compare with")
    return run(), run("hidden")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_is_printed(name, printed):
    native, python = (side[name] for side in printed)
    assert NUMBER.search(python) or "Error" in python
    # The last digit that is shown may be rounded the other way.
    assert NUMBER.sub("#", native) == NUMBER.sub("#", python)
    values = [np.array([float(x) for x in NUMBER.findall(text)]) for text in (native, python)]
    np.testing.assert_allclose(*values, rtol=1e-4, atol=1e-5)
