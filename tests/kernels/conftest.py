"""Fixtures for the kernels: threads, and the path for processors without AVX2."""

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


@pytest.fixture(params=["avx2", "portable"])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test runs on AVX2 (where there is) and on the portable code."""
    if cpu.native is None:
        pytest.skip("no native kernels in this installation")
    cpu.native.set_avx2(request.param == "avx2")
    yield request.param
    cpu.native.set_avx2(True)


@pytest.fixture
def avx2() -> None:
    """Skips where the kernels that exist for AVX2 only would decline."""
    if cpu.native is None or not cpu.native.has_avx2():
        pytest.skip("needs the native kernels and AVX2")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)
