"""A small training that the tests of the commands share, and a way to run the command as a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import facula
from facula.cli import main, plots
from facula.kernels import get_num_threads, set_num_threads

#: The folder that the package under test is imported from; a child process must find the same one.
SOURCES = Path(facula.__file__).parents[1]


@pytest.fixture(scope="session")
def tiny():
    """Options of a training that takes a second: 275 drawn images in 6 batches, 25 held out, 2 epochs."""
    return ["--dataset", "drawn", "--train-size", "300", "--epochs", "2", "--batch-size", "50"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tiny):
    """The folder of a finished training. Tests must not change it."""
    out = tmp_path_factory.mktemp("runs")
    assert main(["train", *tiny, "--out", str(out), "--name", "shared", "--quiet"]) == 0
    return out / "shared"


@pytest.fixture
def facula_process(tmp_path):
    """Run a Python script as a process that finds the package; returns code, stdout and stderr."""

    def run(script, *words):
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(SOURCES), *sys.path]))
        return subprocess.run(
            [sys.executable, "-c", script, *words], cwd=tmp_path, env=environment, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Drawing takes longer than all the rest of a small training: only `trained` and test_plots do it."""
    monkeypatch.setattr(plots, "draw_all", lambda *args: [])


@pytest.fixture(autouse=True)
def same_threads():
    """Whatever a test does with `--threads` ends with it."""
    before = get_num_threads()
    yield
    set_num_threads(before)
