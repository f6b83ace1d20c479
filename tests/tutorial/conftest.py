"""A way to run the tutorial's scripts under `facula run`, in a folder that has the data they open."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import facula

HERE = Path(__file__).parent

Runner = Callable[..., str]

#: Programs for `facula run`, not modules to look for docstring examples in.
collect_ignore = ["backend", "notebook.py", "scripts"]


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like torchvision's `root`, with small data that the tests make."""
    folder = tmp_path_factory.mktemp("made")
    runpy.run_path(str(HERE / "made_data.py"))["write"](folder)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with Fashion-MNIST itself; the test is skipped where there is none."""
    folder = os.environ.get("FACULA_DATA")
    if not folder:
        pytest.skip("FACULA_DATA is not set")
    return Path(folder).resolve()


@pytest.fixture
def facula_run(tmp_path: Path) -> Runner:
    """Run words under `facula run` in a new folder whose `data/` has a data set; returns what is printed."""

    def run(*words: object, data: Path) -> str:
        # `data/` itself is a real folder: the tutorial saves its model there.
        (tmp_path / "data").mkdir(exist_ok=True)
        link = tmp_path / "data" / "FashionMNIST"
        if not link.is_symlink():
            link.symlink_to(data / "FashionMNIST")
        folders = [str(Path(facula.__file__).parents[1]), str(HERE / "backend"), os.environ.get("PYTHONPATH")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, folders)),
            "MPLBACKEND": "module://shown_figures",
        }
        done = subprocess.run(
            [sys.executable, "-m", "facula", "run", *map(str, words)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
