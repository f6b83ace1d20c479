"""The extension `facula._C` if it is there, its threads, and byte images to float.

The modules beside this one register its kernels on the ops they override. A kernel returns `NotImplemented` for what it
does not cover (another dtype, another layout): then the op's ordinary definition runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

native: Any
try:
    from .. import _C as native
except ImportError:  # installed without a compiler, or on a platform that has none
    native = None

Array = np.ndarray[Any, np.dtype[Any]]


def native_available() -> bool:
    """Whether the compiled kernels are there.

    >>> native_available() in (True, False)
    True
    """
    return native is not None


def describe() -> str:
    """One line on what computes: for `facula show` and the head of a training.

    >>> describe().startswith(("native kernels", "no native kernels"))
    True
    """
    if native is None:
        return "no native kernels (installed without a C++ compiler): everything works, more slowly"
    return f"native kernels ({native.isa()}), {threads_text(get_num_threads())}"


def threads_text(count: int) -> str:
    """A count of threads in words: "1 thread", "2 threads"."""
    return f"{count} thread" + ("s" if count != 1 else "")


# ---- threads -----------------------------------------------------------------------------------------------

_threads = 0  # used only without the extension; 0: not set


def get_num_threads() -> int:
    """Threads that kernels may use: by default those the process may run on, or OMP_NUM_THREADS."""
    if native is not None:
        return int(native.get_num_threads())
    if _threads:
        return _threads
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Set how many threads the kernels, and NumPy's BLAS where it can be told, may use.

    Raises:
        RuntimeError: if `count` is not a positive integer.
    """
    global _threads
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise RuntimeError(f"[set_num_threads] expects a positive integer: got {count!r}")
    _threads = count
    if native is not None:
        native.set_num_threads(count)
    _set_blas_threads(count)


def _set_blas_threads(count: int) -> None:
    """Tell the OpenBLAS inside NumPy; another BLAS is left as it is."""
    import ctypes
    import importlib

    try:
        linked = importlib.import_module("numpy._core._multiarray_umath").__file__
        library = ctypes.CDLL(linked)  # symbols are sought in what it links to, too
    except (ImportError, OSError):
        return
    stem = "openblas_set_num_threads"
    for name in (f"scipy_{stem}64_", f"scipy_{stem}", stem):
        function = getattr(library, name, None)
        if function is not None:
            function.argtypes, function.restype = [ctypes.c_int], None
            function(count)
            return


# ---- images ------------------------------------------------------------------------------------------------


def images_to_float(
    images: Any, indices: Any = None, mean: Sequence[float] = (), std: Sequence[float] = ()
) -> Any:
    """Byte images as float32 in [0, 1], channels first, in one pass: `ToTensor` and `Normalize` for many.

    Args:
        images: uint8, [count, height, width] or [count, height, width, channels], contiguous.
        indices: int64 [n], which images; None for all. One that is out of range (or negative) is declined.
        mean, std: if given, the result is `(value - mean) / std`, with one number a channel, or one for all.

    Returns:
        float32 [n, channels, height, width], every value exactly the float32 quotient by 255.
    """
    if native is None:
        return NotImplemented
    return native.images_to_float(images, indices, list(mean), list(std))
