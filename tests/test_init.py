"""The package's own namespace."""

from __future__ import annotations

import subprocess
import sys

import facula
from facula.autograd.op import PUBLIC


def test_every_published_function_is_exported_and_listed():
    for name, function in PUBLIC["torch"].items():
        assert getattr(facula, name) is function, name
        assert name in facula.__all__, name


def test_everything_listed_is_there():
    assert [name for name in facula.__all__ if not hasattr(facula, name)] == []
    assert len(set(facula.__all__)) == len(facula.__all__)


def test_an_unknown_name_is_an_attribute_error():
    try:
        facula.no_such_name  # noqa: B018 - the access is the test
    except AttributeError as error:
        assert "no_such_name" in str(error)
    else:
        raise AssertionError("no error")


def test_import_leaves_the_slow_and_the_optional_alone():
    program = (
        "import sys, facula\n"
        "print([m for m in ('PIL', 'matplotlib', 'tqdm', 'zipfile', 'multiprocessing', 'numpy.random', 'facula.vision',"
        " 'facula.serialization', 'facula.utils.data', 'facula.cli') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_import_starts_no_thread():
    count = "import os; print(len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1)"

    def threads(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert threads("import facula; " + count) == threads("import numpy; " + count)
