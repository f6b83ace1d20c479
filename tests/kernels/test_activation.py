"""Kernels of activation functions against their definitions in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facula.autograd.op import OPS
from facula.kernels import cpu

pytestmark = pytest.mark.usefixtures("isa")

# The numbers besides the array, the interval that is looked at, and the largest error allowed: in units in the last
# place of the exact value, but no smaller ones than those of `floor` (0: relative everywhere).
FUNCTIONS: dict[str, tuple[tuple[float, ...], float, float, float, float]] = {
    "exp": ((), -87, 88, 2, 0), "log": ((), 1e-6, 1e6, 2, 0), "sqrt": ((), 0, 1e6, 0.51, 0),
    "rsqrt": ((), 1e-6, 1e6, 1.6, 0), "tanh": ((), -12, 12, 3, 0), "sigmoid": ((), -80, 80, 3, 0),
    "erf": ((), -5, 5, 3, 0), "erfc": ((), -5, 5, 18, 0), "relu": ((), -3, 3, 0, 0),
    "gelu_erf": ((), -6, 6, 12, 1e-2), "gelu_tanh": ((), -6, 6, 11, 1e-2), "silu": ((), -80, 80, 4, 0),
    "mish": ((), -30, 30, 5, 0), "log_sigmoid": ((), -50, 50, 4, 0), "softplus": ((1.5, 20.0), -40, 40, 6, 1e-3),
    "hardsigmoid": ((), -5, 5, 2, 1e-1), "hardswish": ((), -5, 5, 3, 1e-1), "hardtanh": ((-0.5, 6.0), -8, 8, 0, 0),
    "leaky_relu": ((0.2,), -3, 3, 0.6, 0), "elu": ((0.7, 1.1, 0.9), -10, 10, 4, 0),
}  # fmt: skip
GRADIENTS: dict[str, tuple[tuple[float, ...], float, float, float, float]] = {
    "tanh_grad": ((), -1, 1, 3, 1), "sigmoid_grad": ((), 0, 1, 3, 1), "relu_grad": ((), -3, 3, 0, 0),
    "gelu_erf_grad": ((), -6, 6, 4, 1), "gelu_tanh_grad": ((), -6, 6, 8, 1), "silu_grad": ((), -40, 40, 4, 1),
    "mish_grad": ((), -30, 30, 11, 1), "log_sigmoid_grad": ((), -50, 50, 4, 1),
    "softplus_grad": ((1.5, 20.0), -40, 40, 5, 1), "hardsigmoid_grad": ((), -5, 5, 1, 0),
    "hardswish_grad": ((), -5, 5, 3, 1), "hardtanh_grad": ((-0.5, 6.0), -8, 8, 0, 0),
    "leaky_relu_grad": ((0.2,), -3, 3, 0.6, 0), "elu_grad": ((0.7, 1.1, 0.9), -10, 10, 5, 1e-2),
}  # fmt: skip


def kernel(name: str) -> Any:
    return OPS[name].kernels[np.ndarray]


def exact(name: str, *arguments: Any) -> Any:
    """The definition in float64."""
    with np.errstate(all="ignore"):
        return OPS[name].forward(
            *(a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in arguments)
        )


def units(got: Any, wanted: Any, floor: float) -> Any:
    """The largest error in units in the last place, which are those of `floor` at least."""
    spacing = np.spacing(np.maximum(np.abs(wanted), max(floor, 1.2e-38)).astype(np.float32))
    return np.max(np.abs(got - wanted) / spacing, initial=0)


# The definitions of these subtract from 1 what is nearly 1: in the left tail they have no digits in float64 either.
def reference(name: str, x: Any, *numbers: float) -> Any:
    wide = x.astype(np.float64)
    if name == "gelu_erf":
        return wide * exact("erfc", -wide * math.sqrt(0.5)) / 2
    if name == "gelu_tanh":
        return wide * exact("sigmoid", math.sqrt(8 / math.pi) * (wide + 0.044715 * wide**3))
    return exact(name, x, *numbers)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_accurate(name: str, rng: Any) -> None:
    numbers, low, high, most, floor = FUNCTIONS[name]
    x = np.concatenate([np.linspace(low, high, 20011), rng.uniform(low, high, 5000) * 1e-3])
    x = x[(x >= low) & (x <= high)].astype(np.float32)
    got = kernel(name)(x, *numbers)
    assert got.dtype == np.float32
    assert units(got, reference(name, x, *numbers), floor) <= most


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_accurate(name: str, rng: Any) -> None:
    numbers, low, high, most, floor = GRADIENTS[name]
    x = np.linspace(low, high, 20011).astype(np.float32)
    g = rng.uniform(-1, 1, x.shape).astype(np.float32)
    got = kernel(name)(g, x, *numbers)
    assert got.dtype == np.float32
    assert units(got, exact(name, g, x, *numbers), floor) <= most


SPECIAL = [
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1e-40,
    -1e-40,
    1e30,
    -1e30,
    1e15,
    -1e15,
    100.0,
    -100.0,
    88.8,
    -88.8,
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_of_functions(name: str) -> None:
    x = np.array(SPECIAL, np.float32)
    with np.errstate(all="ignore"):
        wanted = OPS[name].forward(x, *FUNCTIONS[name][0])
    np.testing.assert_allclose(kernel(name)(x, *FUNCTIONS[name][0]), wanted, rtol=1e-5, atol=1e-36)


@pytest.mark.parametrize("name", GRADIENTS)
def test_special_values_of_gradients(name: str) -> None:
    x = np.array(SPECIAL, np.float32)
    with np.errstate(all="ignore"):
        wanted = OPS[name].forward(np.ones_like(x), x, *GRADIENTS[name][0])
    got = kernel(name)(np.ones_like(x), x, *GRADIENTS[name][0])
    if name == "relu_grad":  # as in PyTorch, where the definition gives 0
        wanted[0] = 1
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-36)


def test_signs_of_zeros() -> None:
    zeros = np.array([0.0, -0.0], np.float32)
    for name in ("tanh", "erf", "relu", "gelu_erf", "gelu_tanh", "silu", "mish", "elu", "leaky_relu", "sqrt"):
        assert np.signbit(kernel(name)(zeros, *FUNCTIONS[name][0])).tolist() == [False, True], name


def compare(name: str, shape: tuple[int, ...], change: Any = None) -> None:
    """A function or gradient on an array in some layout: values, and the layout that NumPy gives."""
    rng = np.random.default_rng(3)
    count = 2 if name in GRADIENTS else 1
    numbers = (GRADIENTS if name in GRADIENTS else FUNCTIONS)[name][0]
    arrays = [rng.uniform(0.1, 0.9, shape).astype(np.float32) for _ in range(count)]
    before = [a.copy() for a in arrays]
    arrays = [change(a) for a in arrays] if change else arrays
    got, wanted = kernel(name)(*arrays, *numbers), exact(name, *arrays, *numbers)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert got.shape == arrays[-1].shape and got.dtype == np.float32
    assert all(got is not a and not np.shares_memory(got, a) for a in arrays)
    if got.size > 1 and 0 not in arrays[-1].strides:
        wanted_strides = np.sqrt(arrays[-1]).strides
        assert all(a == b for a, b, n in zip(got.strides, wanted_strides, got.shape, strict=True) if n > 1)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, change(b) if change else b)


@pytest.mark.parametrize("name", [*FUNCTIONS, *GRADIENTS])
def test_sizes_around_the_vectors(name: str) -> None:
    for shape in [(), (0,), (1,), (7,), (8,), (9,), (33,), (3, 0, 2), (5, 7), (2, 3, 4)]:
        compare(name, shape)


@pytest.mark.parametrize("name", ["gelu_tanh", "relu", "silu_grad", "relu_grad", "elu_grad"])
@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.T, lambda a: a[:, ::2], lambda a: a[::-1], lambda a: a.transpose(1, 0, 2),
        lambda a: a[:, 1:3], lambda a: np.broadcast_to(a[:1], a.shape), lambda a: np.asfortranarray(a)[..., 1:],
    ],
)  # fmt: skip
def test_layouts(name: str, change: Any) -> None:
    compare(name, (4, 6, 9), change)


def test_gradient_and_input_in_different_layouts(rng: Any) -> None:
    g, x = rng.standard_normal((20, 30), np.float32), rng.standard_normal((30, 20), np.float32).T
    got = kernel("gelu_tanh_grad")(g, x)
    np.testing.assert_allclose(got, exact("gelu_tanh_grad", g, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "gelu_erf", "relu_grad", "gelu_tanh_grad"])
@pytest.mark.parametrize("size", [100_003, (1 << 23) + 5])
def test_large_arrays_on_threads(name: str, size: int, threads: int, rng: Any, isa: str) -> None:
    if size > 1 << 23 and (threads == 1 or name != "relu"):
        size = 70_001
    x = rng.standard_normal(size, np.float32)
    x = x[1:]  # not aligned
    arrays = (x[::-1].copy(), x) if name in GRADIENTS else (x,)
    got = kernel(name)(*arrays)
    some = np.r_[0:50, 16380:16390, size // 2 : size // 2 + 50, size - 60 : size - 1]
    np.testing.assert_allclose(got[some], exact(name, *(a[some] for a in arrays)), rtol=1e-5, atol=1e-6)
    again = np.concatenate([kernel(name)(*(a[i : i + 4096] for a in arrays)) for i in range(0, x.size, 4096)])
    np.testing.assert_array_equal(got, again)  # no element's value depends on where it lies


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([*FUNCTIONS, *GRADIENTS]),
    st.lists(st.integers(0, 19), min_size=0, max_size=3),
    st.permutations([0, 1, 2]),
    st.integers(1, 2),
)
def test_random_shapes(name: str, shape: list[int], order: list[int], step: int) -> None:
    compare(
        name,
        tuple(shape),
        lambda a: a.transpose([i for i in order if i < a.ndim])[..., ::step] if a.ndim else a,
    )


def test_what_is_declined() -> None:
    x = np.ones(5, np.float32)
    for bad in [x.astype(np.int64), x.astype(np.float16), 1.0, None, [1.0]]:
        assert kernel("gelu_erf")(bad) is NotImplemented
        assert kernel("silu_grad")(bad, bad) is NotImplemented
    assert kernel("gelu_erf")(x.astype(np.float64)) is NotImplemented
    assert kernel("silu_grad")(x, x[:4]) is kernel("silu_grad")(x, x.astype(np.float64)) is NotImplemented
    assert kernel("leaky_relu")(x, "a") is kernel("elu")(x, 1.0, None, 1.0) is NotImplemented
    with pytest.raises(KeyError):
        cpu.native.activation("unheard_of", None)


def test_small_float64_arrays_take_numpys_loop(rng: Any) -> None:
    x = rng.uniform(0.1, 2, 17)
    for name in ("exp", "log", "sqrt", "tanh"):
        np.testing.assert_array_equal(kernel(name)(x), getattr(np, name)(x))
    np.testing.assert_allclose(kernel("tanh_grad")(x, x), x * (1 - x * x))
    np.testing.assert_allclose(kernel("sigmoid_grad")(x, x), x * (1 - x) * x)
