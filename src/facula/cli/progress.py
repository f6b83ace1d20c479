"""How far the work is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from .console import percent, warn

#: Seconds between two lines when there is no terminal to draw a bar on.
LINE_INTERVAL = 10.0


def clock(seconds: float) -> str:
    """Seconds as minutes and hours.

    >>> clock(75), clock(4000)
    ('1:15', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _bar_wanted() -> bool:
    if not sys.stderr.isatty():
        return False
    try:
        import tqdm  # noqa: F401
    except ImportError:
        return False
    return True


def _width() -> dict[str, Any]:
    """The bar follows the terminal's width; a terminal that does not tell it (some say 0) gets 80 by 24."""
    try:
        known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}


class Progress:
    """Progress over `total` images, shown on standard error.

    Args:
        label: what is being done, such as `epoch 2/5`.
        total: images to go through.
        done: images already behind us (a resumed epoch).
        enabled: False shows nothing.
    """

    def __init__(self, label: str, total: int, done: int = 0, enabled: bool = True) -> None:
        self._label, self._total = label, total
        self._first, self._done = done, done
        self._enabled = enabled
        self._start = self._last = time.monotonic()
        self._bar: Any = None
        if enabled and _bar_wanted():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                initial=done,
                desc=label,
                leave=False,
                unit=" images",
                bar_format="{desc} |{bar}| {percentage:3.0f} % {rate_noinv_fmt}, ETA {remaining}{postfix}",
                **_width(),
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, images: int, loss: float, accuracy: float) -> None:
        """Count `images` more and show the running loss and accuracy."""
        self._done += images
        if not self._enabled:
            return
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}, accuracy {percent(accuracy)}", refresh=False)
            self._bar.update(images)
            return
        now = time.monotonic()
        if now - self._last < LINE_INTERVAL:
            return
        self._last = now
        rate = (self._done - self._first) / (now - self._start)
        left = (self._total - self._done) / rate
        warn(
            f"{self._label}: {self._done}/{self._total} images, loss {loss:.4f}, "
            f"accuracy {percent(accuracy)}, {rate:.0f} images/s, ETA {clock(left)}"
        )
