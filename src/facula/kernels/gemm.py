"""Matrix products: which ops the native ones override, and where OpenBLAS is."""

from __future__ import annotations

import os

import numpy as np

from ..ops import matmul
from . import cpu

if cpu.native is not None:
    matmul.matmul.kernel(np.ndarray)(cpu.native.matmul)
    matmul.bmm.kernel(np.ndarray)(cpu.native.matmul)
    matmul.linear.kernel(np.ndarray)(cpu.native.linear)
    matmul.linear_relu.kernel(np.ndarray)(cpu.native.linear_relu)
    matmul.addmm.kernel(np.ndarray)(cpu.native.addmm)


def find_openblas() -> str | None:
    """The path of the library in the package scipy-openblas32; None if that is not installed.

    Called by the extension at the first product that is OpenBLAS's, never at import.
    """
    from importlib.util import find_spec

    try:
        spec = find_spec("scipy_openblas32")
    except (ImportError, ValueError):
        return None
    for folder in (spec and spec.submodule_search_locations) or ():
        libraries = os.path.join(folder, "lib")
        for name in sorted(os.listdir(libraries)) if os.path.isdir(libraries) else ():
            if name.startswith("libscipy_openblas") and name.endswith((".so", ".dylib")):
                return os.path.join(libraries, name)
    return None
