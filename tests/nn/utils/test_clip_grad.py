"""Clipping gradients."""

from __future__ import annotations

import pytest

import facula
from facula import nn


def parameters():
    result = [nn.Parameter(facula.zeros(1)), nn.Parameter(facula.zeros(1)), nn.Parameter(facula.zeros(2))]
    result[0].grad, result[1].grad = facula.tensor([3.0]), facula.tensor([-4.0])
    return result


@pytest.mark.parametrize(("norm", "total"), [(2, 5), (1, 7), (float("inf"), 4)])
def test_norm_before_and_after(norm, total):
    group = parameters()
    assert nn.utils.clip_grad_norm_(group, 1.0, norm).item() == pytest.approx(total)
    after = nn.utils.get_total_norm([p.grad for p in group[:2]], norm)
    assert after.item() == pytest.approx(1.0, abs=1e-5)
    assert group[2].grad is None


def test_small_gradients_are_left_alone():
    group = parameters()
    nn.utils.clip_grad_norm_(group, 100.0)
    assert [p.grad.item() for p in group[:2]] == [3, -4]


def test_not_finite():
    group = parameters()
    group[0].grad.fill_(float("inf"))
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(group, 1.0, error_if_nonfinite=True)
    assert group[1].grad.item() == -4


def test_values():
    group = parameters()
    nn.utils.clip_grad_value_(group, 3.5)
    assert [p.grad.item() for p in group[:2]] == [3, -3.5]


def test_old_name():
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        assert nn.utils.clip_grad_norm(parameters(), 1.0).item() == 5
