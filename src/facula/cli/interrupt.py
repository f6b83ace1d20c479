"""Ctrl-C that lets the batch finish."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from .console import warn


class Interrupt:
    """In the `with` block the first Ctrl-C (or SIGTERM) only sets `wanted`; the second stops at once.

    >>> with Interrupt() as interrupt:
    ...     for batch in range(3):
    ...         if interrupt.wanted:
    ...             break
    """

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        # Only the main thread may set handlers; elsewhere (a notebook's worker) Ctrl-C never arrives.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            self._restore()
            raise KeyboardInterrupt
        self.wanted = True
        warn("\nstopping: the batch is finished and saved first (Ctrl-C again stops at once)")
