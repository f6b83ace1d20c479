"""Anomaly detection names the op and shows where its forward call stands."""

from __future__ import annotations

import pytest

import facula
from facula.autograd.op import observers


def nan_in_backward():
    x = facula.zeros(2, requires_grad=True)
    root = x.sqrt()  # the slope at 0 is infinite
    return (root * 0.0).sum()


def test_it_raises_and_shows_the_forward_line():
    with facula.autograd.detect_anomaly():
        loss = nan_in_backward()
        with pytest.warns(UserWarning, match="in nan_in_backward") as caught:  # noqa: SIM117 - the order matters
            with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th output"):
                loss.backward()
    assert "root = x.sqrt()" in str(caught[0].message)


def test_off_again_outside_and_without_the_check():
    with facula.autograd.detect_anomaly():
        pass
    assert not observers
    nan_in_backward().backward()
    with facula.autograd.set_detect_anomaly(True, check_nan=False):
        nan_in_backward().backward()
    assert not observers


def test_as_a_switch():
    facula.autograd.set_detect_anomaly(True)
    try:
        with pytest.warns(UserWarning), pytest.raises(RuntimeError):
            nan_in_backward().backward()
    finally:
        facula.autograd.set_detect_anomaly(False)
    nan_in_backward().backward()
