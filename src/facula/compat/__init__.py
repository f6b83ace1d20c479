"""Run programs written for PyTorch unchanged: `import torch` and `import torchvision` are served by Facula.

Opt-in, and an import hook rather than a set of copies: after `install()` the name `torch.nn` gives the module
object `facula.nn` itself, so that every module and class has one identity whichever name it was imported by.
`facula run script.py` does this for a whole program and its child processes.
"""

from __future__ import annotations

import sys

from .. import _branding
from . import children as _children
from .aliases import ROOTS
from .finder import TorchFinder, is_ours

__all__ = ["install", "is_installed", "uninstall"]

_finder: TorchFinder | None = None


def is_installed() -> bool:
    """Whether `import torch` is served by Facula in this process."""
    return _finder is not None


def install(*, children: bool = False) -> None:
    """Serve `torch` as `facula` and `torchvision` as `facula.vision` from now on, in this process.

    While it is installed printed names begin with `torch.` (`torch.float32`, `torch.Size([3, 4])`), and
    `torch.__version__` starts with the PyTorch release whose behaviour Facula follows
    (`2.13.0+facula0.1.0`), because programs compare it. Pickles keep Facula's own names. What Facula does not
    have is not there: importing it raises `ModuleNotFoundError` or `ImportError`. A second call does nothing
    more.

    Args:
        children: default False; True also covers the Python processes that this one starts with the same
            interpreter (through the environment variables `PYTHONPATH` and `FACULA_COMPAT`). A process
            that is forked is covered in any case. One that is started with an environment of its own, or
            with `python -I`, `-E` or `-S`, is not.

    Raises:
        RuntimeError: another `torch` or `torchvision` is already imported in this process.

    >>> import facula.compat
    >>> facula.compat.install()
    >>> import torch
    >>> torch.Size([3, 4]), torch is facula
    (torch.Size([3, 4]), True)
    >>> facula.compat.uninstall()
    >>> torch.Size([3, 4])
    facula.Size([3, 4])
    """
    global _finder
    if _finder is None:
        _refuse_the_real_one()
        _finder = TorchFinder()
        # First, so that an installed PyTorch is not found before it.
        sys.meta_path.insert(0, _finder)
        _branding.set_name("torch")
    if children:
        _children.cover()


def uninstall() -> None:
    """Undo `install`: forget the names `torch` and `torchvision`, and print `facula.` again.

    Modules and classes that a program already holds stay what they are: Facula's. Calling it when nothing is
    installed does nothing.
    """
    global _finder
    if _finder is None:
        return
    sys.meta_path.remove(_finder)
    _finder.forget()
    _finder = None
    _branding.set_name("facula")
    _children.uncover()


def _refuse_the_real_one() -> None:
    """Two libraries under one name in one process would mix their tensors; say so instead."""
    for root in ROOTS:
        module = sys.modules.get(root)
        if module is not None and not is_ours(module):
            where = getattr(module, "__file__", None) or "an unknown place"
            raise RuntimeError(
                f"[compat.install] {root} must not be imported yet: got {root!r} from {where}; "
                f"call facula.compat.install() before the first `import {root}`"
            )
