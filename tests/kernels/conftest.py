"""Fixtures for the kernels: threads and instruction sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from facula.kernels import cpu


@pytest.fixture(params=[1, 2], ids="threads{}".format)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """The test runs with one thread and with two."""
    before = cpu.get_num_threads()
    cpu.set_num_threads(request.param)
    yield request.param
    cpu.set_num_threads(before)


ISAS = [name for name in ("base", "avx2", "avx512") if cpu.native is None or cpu.native.has_isa(name)]


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test runs on every instruction set that this processor has."""
    if cpu.native is None:
        pytest.skip("no native kernels in this installation")
    before = cpu.native.isa()
    cpu.native.set_isa(request.param)
    yield request.param
    cpu.native.set_isa(before)


@pytest.fixture
def native() -> None:
    """Skips where the kernels would decline."""
    if cpu.native is None:
        pytest.skip("no native kernels in this installation")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)
