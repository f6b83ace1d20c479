"""The native way of op calls and backward passes against the Python one, which is its reference."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facula as t
from facula._core import native
from facula.autograd.op import OPS, op

needs_native = pytest.mark.skipif(native is None, reason="the compiled extension is not there")


@pytest.fixture
def python_only() -> Iterator[None]:
    """Op calls and backward passes run in Python."""
    native.enable_core(False)
    try:
        yield
    finally:
        native.enable_core(True)


def leaf(*shape: int, dtype: Any = t.float32, start: float = 0.1) -> t.Tensor:
    n = int(np.prod(shape))
    return (t.arange(n, dtype=t.float64) * 0.3 + start).reshape(shape).to(dtype).detach().requires_grad_()


def chain(x: t.Tensor, y: t.Tensor) -> t.Tensor:
    for _ in range(3):
        x = ((x * 1.01 + y).tanh() - 0.1) / 2
    return x.sum()


def inplace(x: t.Tensor, y: t.Tensor) -> t.Tensor:
    z = x * 2
    z[0] = 3.0
    z += y
    z.mul_(y)
    return (z * z).sum()


def views(x: t.Tensor, y: t.Tensor) -> t.Tensor:
    z = (x + 0).view(-1)[1:]
    z.mul_(3)
    return (z.reshape(-1, 1) * y.view(-1)).mean()


def several(x: t.Tensor, y: t.Tensor) -> t.Tensor:
    values, _ = x.sort(dim=-1, descending=True)
    first, *_, last = t.cat([values, y]).unbind(0)
    return (first * last).sum() + x.max(dim=0).values.sum()


PROGRAMS: list[Callable[[t.Tensor, t.Tensor], t.Tensor]] = [
    chain, inplace, views, several,
    lambda x, y: (x + y[0]).exp().mean(),  # broadcasting
    lambda x, y: (x * t.arange(3) + t.tensor(2, dtype=t.int64) * y).sum(),  # promotion
    lambda x, y: (x.half() * 1.5 + y.half()).float().sum(),
    lambda x, y: (x.double() @ y.double().T).sum().float(),
    lambda x, y: (1 - x / (2 ** y)).abs().pow(1.5).sum(),
    lambda x, y: t.stack([x, y, x]).softmax(0)[0].sum(),
    lambda x, y: (x.sum() * 2 + y.max() * x.min()),  # numbers of no dimension
    lambda x, y: t.where(x > y, x, y * y).T.clone().norm(),
]  # fmt: skip


def outcome(program: Callable[..., t.Tensor], dtype: Any) -> list[Any]:
    x, y = leaf(2, 3, dtype=dtype), leaf(2, 3, dtype=dtype, start=0.7)
    out = program(x, y)
    names = []
    node: Any = out.grad_fn
    while node is not None:
        names.append(node.name())
        node = next((f for f, _ in node.next_functions if f is not None), None)
    out.backward()
    first = [x.grad.numpy().copy(), y.grad.numpy().copy()] if y.grad is not None else [x.grad.numpy().copy()]
    program(x, y).backward()
    second = [] if x.grad is None else [x.grad.numpy()]
    return [out.detach().numpy(), *first, *second, names, out.dtype, x.grad._version]


@needs_native
@pytest.mark.parametrize("dtype", [t.float32, t.float64])
@pytest.mark.parametrize("program", PROGRAMS)
def test_both_ways_agree(program: Callable[..., t.Tensor], dtype: Any) -> None:
    fast = outcome(program, dtype)
    native.enable_core(False)
    try:
        slow = outcome(program, dtype)
    finally:
        native.enable_core(True)
    for a, b in zip(fast, slow, strict=True):
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
        else:
            assert a == b


@needs_native
def test_the_switch(python_only: None) -> None:
    assert not native.core_enabled()
    x = leaf(2, 3)
    assert (x * x).grad_fn.name() == "MulBackward0"
    assert native.backward((x * x).sum(), False) is False


PURE = """
    import sys

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name == "facula._C":
                raise ImportError(name)

    sys.meta_path.insert(0, Absent())
    import pickle, copy
    import facula as t
    from facula._core import native
    assert native is None
    x = t.ones(3, requires_grad=True)
    x.note = "mine"
    y = ((x * 2 + x).tanh() @ t.ones(3)) / 3
    y.backward()
    assert abs(x.grad[0].item() - (1 - 0.99505475) * (1 + 0.99505475)) < 1e-5, x.grad
    assert copy.deepcopy(x).note == "mine" and pickle.loads(pickle.dumps(t.tanh)) is t.tanh
    assert repr(y.grad_fn).startswith("<DivBackward0")
    layer = t.nn.Linear(3, 2)
    layer(x).sum().backward()
    t.optim.SGD(layer.parameters(), 0.1).step()
    print("fine")
"""


def test_the_package_works_without_the_extension() -> None:
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PURE)], capture_output=True, text=True, timeout=60,
        cwd=Path(t.__file__).parents[1], check=False,
    )  # fmt: skip
    assert found.stdout.strip() == "fine", found.stderr


def test_errors_are_the_same_and_leave_nothing_behind() -> None:
    x = leaf(2, 3)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="must match the size of tensor b"):
            x + t.ones(4)
        with pytest.raises(TypeError):
            x + "text"
        with pytest.raises(TypeError, match="missing"):
            t.mul(x)
        with pytest.raises(TypeError, match="unexpected keyword"):
            t.mul(x, x, colour=1)
    y = x.exp()
    out = y.sum()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()
    out = (x * x).sum()
    out.backward()
    with pytest.raises(RuntimeError, match="second time"):
        out.backward()
    assert t.is_grad_enabled()


def test_a_hook_may_run_backward_over_the_same_graph() -> None:
    x = leaf(2, 3)
    middle = x * x
    out = (middle * 3).sum()
    entered: list[Any] = []

    def again(g: t.Tensor) -> None:
        if not entered:
            entered.append(None)
            out.backward(retain_graph=True)

    middle.register_hook(again)
    out.backward(retain_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), 12 * x.detach().numpy(), rtol=1e-6)
    x.grad = None
    depth: list[Any] = []

    def another(g: t.Tensor) -> None:
        if not depth:
            depth.append(None)
            with t.enable_grad():
                (x * 2).sum().backward()

    x.register_hook(another)
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy() + 2, rtol=1e-6)


def test_an_error_in_a_hook_comes_through() -> None:
    x = leaf(2, 3)

    def fail(g: t.Tensor) -> None:
        raise KeyError("mine")

    y = x * 2
    y.register_hook(fail)
    with pytest.raises(KeyError, match="mine"):
        y.sum().backward()
    assert t.is_grad_enabled() and x.grad is None


def test_gradients_are_nobody_elses_memory() -> None:
    a, b = leaf(2, 3), leaf(2, 3)
    (a + b).sum().backward()
    g = t.ones(2, 3)
    c = leaf(2, 3)
    (c + 0).backward(g)
    c.grad.zero_()
    a.grad.zero_()
    assert b.grad.tolist() == [[1.0] * 3] * 2 and g.tolist() == [[1.0] * 3] * 2


def test_memory_is_freed_by_reference_counting() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(2, 3)
        out = chain(x, x)
        node = weakref.ref(out.grad_fn)
        array = weakref.ref(out._array)
        out.backward()
        del out
        assert node() is None and array() is None
    finally:
        gc.enable()


def test_cycles_through_user_attributes_are_collected() -> None:
    x = leaf(2, 3)
    x.me = x
    y = x * 2
    y.grad_fn.me = y
    gone = weakref.ref(x), weakref.ref(y)
    del x, y
    gc.collect()
    assert [r() for r in gone] == [None, None]


def test_a_long_graph_is_freed_without_recursion() -> None:
    x = t.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1
    del y
    y = x
    for _ in range(20_000):
        y = y * 1
    y.backward()
    assert x.grad.item() == 1


def test_threads_may_share_leaves() -> None:
    x = leaf(2, 3)
    threads = [threading.Thread(target=lambda: [chain(x, x).backward() for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    once = leaf(2, 3)
    chain(once, once).backward()
    np.testing.assert_allclose(x.grad.numpy(), 80 * once.grad.numpy(), rtol=1e-4)


def test_an_op_is_a_function_like_others() -> None:
    assert t.tanh.__name__ == "tanh" and "tangent" in t.tanh.__doc__
    assert pickle.loads(pickle.dumps(t.tanh)) is t.tanh and copy.deepcopy(t.tanh) is t.tanh
    assert t.Tensor.tanh(t.zeros(1)).item() == 0 and t.zeros(1).tanh().item() == 0
    assert t.tanh(input=t.zeros(1)).item() == 0


def test_operators_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t.Tensor, "__add__", lambda self, other: "added")
    assert t.ones(1) + 1 == "added"
    monkeypatch.undo()

    class Special(t.Tensor):
        def __mul__(self, other: Any) -> Any:
            return "multiplied"

    assert Special([1.0]) * 2 == "multiplied" and (Special([1.0]) + 1).tolist() == [2.0]
    assert (3 - Special([1.0])).tolist() == [2.0] and (2 ** t.tensor([3.0])).tolist() == [8.0]


def test_fields_and_user_attributes() -> None:
    x = leaf(2, 3)
    x.note = ["mine"]
    assert vars(x) == {"note": ["mine"]} or native is None
    assert copy.copy(x).note is x.note and copy.deepcopy(x).note == x.note
    y = x * 2
    assert (y.grad_fn.seq < (y * 2).grad_fn.seq) and y._version == 0
    with pytest.raises(AttributeError):
        y.nothing  # noqa: B018


@pytest.mark.parametrize("core", [True, False], ids=["native", "python"])
def test_a_joint_rule_gives_the_gradients_of_all_inputs(core):
    def both(a, b, /, k):
        return a * b * k

    product = op()(both)
    OPS.pop("both")  # the tests of all ops need not know of it
    product.joint_vjp(lambda g, a, b, k: (g * b * k, g * a * k))
    if native is not None:
        native.enable_core(core)
    try:
        a, b = t.tensor([1.0, 2.0], requires_grad=True), t.tensor([3.0, 5.0], requires_grad=True)
        product(a, b, 2.0).sum().backward()
        assert a.grad.tolist() == [6, 10] and b.grad.tolist() == [2, 4]
        assert t.autograd.grad(product(b.detach(), a, 2.0).sum(), a)[0].tolist() == [6, 10]
        (first,) = t.autograd.grad(product(a, a, 1.0).sum(), a, create_graph=True)
        assert t.autograd.grad(first.sum(), a)[0].tolist() == [2, 2]
    finally:
        if native is not None:
            native.enable_core(True)


@needs_native
def test_a_large_tensor_that_nobody_else_sees_takes_over_the_result_of_an_in_place_change() -> None:
    x = t.randn(100_000, requires_grad=True)
    y = x * 2
    before = y.data_ptr()
    y.relu_()
    assert y.data_ptr() != before
    y.sum().backward()
    assert x.grad is not None and t.equal(x.grad, 2.0 * (x.detach() > 0))


@pytest.mark.parametrize("look", [
    lambda y: y.detach(), lambda y: y[3:], lambda y: y.detach().numpy(), lambda y: y.view(10, -1),
])  # fmt: skip
def test_whoever_shares_memory_sees_a_large_in_place_change(look: Callable[[t.Tensor], Any]) -> None:
    y = t.randn(100_000, requires_grad=True) * 2
    other = look(y)
    y.mul_(3.0)
    assert np.array_equal(
        np.asarray(look(y.detach())), np.asarray(other.detach() if isinstance(other, t.Tensor) else other)
    )


def test_a_parameter_keeps_its_memory_when_changed_in_place() -> None:
    w = t.nn.Parameter(t.ones(100_000))
    before = w.data_ptr()
    with t.no_grad():
        w += 1
    assert w.data_ptr() == before and w[0].item() == 2


def test_what_a_rule_kept_is_not_to_be_changed_in_place_however_large() -> None:
    y = t.randn(100_000, requires_grad=True) * 2
    z = y * y
    y.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        z.sum().backward()
