"""Ctrl-C, once and twice."""

import signal

import pytest

from facula.cli.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_stops(capsys, number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.wanted
        signal.raise_signal(number)
        assert interrupt.wanted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before
    assert "Ctrl-C again stops at once" in capsys.readouterr().err


def test_in_another_thread_it_changes_nothing():
    import threading

    seen = []

    def work():
        with Interrupt() as interrupt:
            seen.append(interrupt.wanted)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
