"""What programs ask about hardware before they choose a device."""

from __future__ import annotations

import pytest

import facula


def test_the_tutorials_question_is_answered_with_cpu():
    device = "cuda" if facula.cuda.is_available() else "mps" if facula.backends.mps.is_available() else "cpu"
    assert device == "cpu"
    assert facula.cuda.device_count() == 0


def test_seeding_devices_that_are_not_there_is_harmless():
    facula.cuda.manual_seed(0)
    facula.cuda.manual_seed_all(0)
    facula.cuda.empty_cache()


def test_using_cuda_says_that_it_is_not_there():
    x = facula.zeros(1)
    for use in (lambda: facula.zeros(1, device="cuda"), lambda: x.to("cuda"), x.cuda,
                facula.cuda.synchronize, facula.cuda.current_device):  # fmt: skip
        with pytest.raises(AssertionError, match="CUDA"):
            use()


def test_switches_of_cudnn_can_be_set():
    facula.backends.cudnn.benchmark = True
    facula.backends.cudnn.deterministic = True
    assert facula.backends.cudnn.is_available() is False
