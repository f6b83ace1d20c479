"""Plain output."""

import io
import sys

from facula.cli.console import say, table, tolerate_any_encoding


def test_columns_line_up():
    assert table(["a", "long"], [["xyz", 1]], "lr").splitlines() == ["a    long", "---  ----", "xyz     1"]


def test_names_that_the_terminal_cannot_show_are_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    tolerate_any_encoding()
    say("caf\u00e9")
    assert raw.getvalue().split() == [rb"caf\xe9"]
