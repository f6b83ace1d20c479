"""Which versions are at work, for `facula show`, `--version`, the head of a training and `args.json`."""

from __future__ import annotations

import importlib.metadata
import os
import platform


def distribution_version(name: str) -> str | None:
    """The version of an installed distribution, without importing it; None when it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """The versions that decide what a training computes."""
    import numpy

    from .. import __version__
    from ..kernels import native_available

    return {
        "facula": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "kernels": "native" if native_available() else "none",
        "system": f"{platform.system()} {platform.machine()}",
    }


def version_line() -> str:
    """The versions in one line."""
    v = versions()
    note = "native kernels" if v["kernels"] == "native" else "no native kernels (slower)"
    return f"facula {v['facula']}, Python {v['python']}, NumPy {v['numpy']}, {note}"


def cpu_count() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
