"""Switches of reproducibility and precision: remembered, checked, without effect."""

import pytest

import facula


@pytest.fixture(autouse=True)
def as_before():
    yield
    facula.use_deterministic_algorithms(False)
    facula.set_float32_matmul_precision("highest")


def test_deterministic_algorithms():
    assert not facula.are_deterministic_algorithms_enabled()
    facula.use_deterministic_algorithms(True, warn_only=True)
    assert facula.are_deterministic_algorithms_enabled()
    assert facula.is_deterministic_algorithms_warn_only_enabled()
    facula.use_deterministic_algorithms(True)
    assert not facula.is_deterministic_algorithms_warn_only_enabled()
    with pytest.raises(TypeError):
        facula.use_deterministic_algorithms("yes")


def test_matmul_precision():
    facula.set_float32_matmul_precision("medium")
    assert facula.get_float32_matmul_precision() == "medium"
    with pytest.warns(UserWarning, match="low"):
        facula.set_float32_matmul_precision("low")
    assert facula.get_float32_matmul_precision() == "medium"


def test_switches_of_backends():
    import facula.backends.cudnn as cudnn

    cudnn.benchmark = False
    assert facula.backends.cudnn is cudnn and cudnn.version() is None
    facula.backends.cuda.matmul.allow_tf32 = True
    assert not (facula.backends.cuda.is_built() or facula.backends.mps.is_available())
