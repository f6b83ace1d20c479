"""Questions about hardware that programs ask before they choose a device."""

from __future__ import annotations


class _Backend:
    """One kind of hardware; none but the CPU is there."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        # Programs set these switches; without the hardware they change nothing.
        self.benchmark = False
        self.deterministic = False
        self.enabled = False

    def is_available(self) -> bool:
        """Whether it can be used: never."""
        return False

    def is_built(self) -> bool:
        """Whether the package was built for it: never."""
        return False


mps = _Backend("mps")
cuda = _Backend("cuda")
cudnn = _Backend("cudnn")
