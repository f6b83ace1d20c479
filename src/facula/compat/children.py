"""Child processes: the environment under which the Python processes that this one starts are covered too.

`PYTHONPATH` gets the folder `startup` in front. Python imports the `sitecustomize` that it finds there at its
start; that one runs the `sitecustomize` it stands in front of, if there is one, and puts a finder in place
that installs the hook at the first `import torch`. A child that never imports it pays nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: Holds `sys.prefix` of the covered environment: another interpreter that a program starts, with a real
#: PyTorch perhaps, is left alone.
VARIABLE = "FACULA_COMPAT"

STARTUP = str(Path(__file__).resolve().parent / "startup")


def cover() -> None:
    """Change the environment so that children are covered; calling it again changes nothing."""
    os.environ[VARIABLE] = sys.prefix
    folders = _folders()
    if STARTUP not in folders:
        os.environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *folders])


def uncover() -> None:
    """Take back what `cover` changed and leave the rest of `PYTHONPATH` as it is."""
    if os.environ.pop(VARIABLE, None) is None:
        return
    folders = [folder for folder in _folders() if folder != STARTUP]
    if folders:
        os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    else:
        os.environ.pop("PYTHONPATH", None)


def _folders() -> list[str]:
    value = os.environ.get("PYTHONPATH", "")
    return value.split(os.pathsep) if value else []
