"""Progress without and with a terminal."""

import io
import sys

import pytest

from facula.cli import progress as module
from facula.cli.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_clock():
    assert [clock(0.4), clock(59.6), clock(3599), clock(3600)] == ["0:00", "1:00", "59:59", "1:00:00"]


def test_plain_lines_come_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with Progress("epoch 1/2", 1000, done=100) as progress:
        for _ in range(4):
            now[0] += 4.0
            progress.update(100, 0.5, 0.75)
    lines = capsys.readouterr().err.splitlines()
    # 12 s in, 300 of the 900 images were done since the start: 25 a second, 600 are left.
    assert lines == ["epoch 1/2: 400/1000 images, loss 0.5000, accuracy 75.0 %, 25 images/s, ETA 0:24"]


def test_disabled_is_silent(capsys, monkeypatch):
    monkeypatch.setattr(module, "LINE_INTERVAL", 0.0)
    with Progress("epoch 1/2", 100, enabled=False) as progress:
        progress.update(10, 0.5, 0.75)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    pytest.importorskip("tqdm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("epoch 1/2", 100, done=50) as progress:
        progress.update(25, 0.5, 0.75)
        progress._bar.refresh()
    shown = terminal.getvalue()
    assert "epoch 1/2 |" in shown
    assert " 75 %" in shown
    assert "loss 0.5000, accuracy 75.0 %" in shown
    assert "images/s, ETA " in shown


def test_a_terminal_without_tqdm_gets_lines(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(module, "LINE_INTERVAL", 0.0)
    with Progress("epoch 1/2", 100) as progress:
        progress.update(25, 0.5, 0.75)
    assert terminal.getvalue().startswith("epoch 1/2: 25/100 images")
