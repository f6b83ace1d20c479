"""Child processes of these tests find the package that is tested, installed or not."""

import os
from pathlib import Path

import pytest

import facula


@pytest.fixture(autouse=True)
def _children_find_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [str(Path(facula.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))
