"""Everything the commands print goes through here: plain text, flushed line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def say(text: str = "") -> None:
    """Print a line of a command's result to standard output, at once (logs stay in order)."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print a line that must be noticed to standard error."""
    print(text, file=sys.stderr, flush=True)


def tolerate_any_encoding() -> None:
    """Let names that the terminal cannot show come out escaped instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], align: str) -> str:
    """Lay out rows in columns; `align` has one letter per column, `l` or `r`.

    >>> print(table(["name", "n"], [["a", 1], ["bcd", 20]], "lr"))
    name   n
    ----  --
    a      1
    bcd   20
    """
    cells = [[str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if side == "l" else text.rjust(width)
            for text, width, side in zip(row, widths, align, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(list(headers)), "  ".join("-" * width for width in widths), *map(line, cells)])


def percent(part: float) -> str:
    """A fraction as the commands write it.

    >>> percent(0.8831)
    '88.3 %'
    """
    return f"{100 * part:.1f} %"
