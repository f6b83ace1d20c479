"""Questions about hardware that programs ask before they choose a device, and the switches they set."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    from . import cuda, cudnn, mps
else:
    __getattr__ = lazily(__name__, modules=("cuda", "cudnn", "mps"))

__all__ = ["cuda", "cudnn", "mps"]
