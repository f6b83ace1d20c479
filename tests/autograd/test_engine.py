"""The backward pass: values, freeing, memory, depth, threads."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import facula as t


def leaf(*data: float) -> t.Tensor:
    return t.tensor([float(v) for v in data], requires_grad=True)


@pytest.fixture
def no_gc() -> Iterator[None]:
    """Reference counting alone frees memory."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# ---- values ------------------------------------------------------------------------------------------------


def test_gradients_add_up_over_calls() -> None:
    x = leaf(1, 2, 3)
    (x * x).sum().backward()
    first = x.grad
    assert first is not None and first.tolist() == [2, 4, 6]
    (x * 5).sum().backward()
    assert x.grad is first and first.tolist() == [7, 9, 11]


def test_a_graph_is_freed_unless_retained() -> None:
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        t.autograd.grad(y, x)
    assert x.grad.tolist() == [4, 8]


def test_a_graph_that_kept_no_tensors_can_run_again() -> None:
    x = leaf(1, 2)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2, 2]


def test_a_vector_weighs_the_rows_of_the_jacobian() -> None:
    x = leaf(1, 2, 3)
    (x**2).backward(t.tensor([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [2, 40, 600]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda x, y: y.backward(), RuntimeError, "only for scalar outputs"),
        (lambda x, y: y.backward(t.ones(3)), RuntimeError, "Mismatch in shape"),
        (lambda x, y: y.backward(1.0), TypeError, "Tensors or None"),
        (lambda x, y: t.ones(1).backward(), RuntimeError, "does not require grad"),
        (lambda x, y: t.autograd.backward([y, y], [t.ones(2)]), RuntimeError, "2 tensors and 1 gradients"),
        (lambda x, y: y.sum().backward(inputs=[]), RuntimeError, "cannot be empty"),
        (lambda x, y: t.autograd.grad(y.sum(), []), RuntimeError, "non-empty"),
        (lambda x, y: t.autograd.grad(y.sum(), [t.ones(2)]), RuntimeError, "does not require grad"),
        (lambda x, y: t.autograd.grad(y.sum(), leaf(1)), RuntimeError, "not have been used"),
        (lambda x, y: t.autograd.grad(y.sum(), "x"), TypeError, "expected Tensor"),
        (
            lambda x, y: t.autograd.grad(y.sum(), x, is_grads_batched=True),
            NotImplementedError,
            "is_grads_batched",
        ),
        (lambda x, y: t.autograd.grad(y.sum(), x, only_inputs=False), NotImplementedError, "only_inputs"),
        (lambda x, y: (t.ones(1, requires_grad=True) * 1j).backward(), RuntimeError, "real scalar"),
    ],
)
def test_errors(call: Any, kind: type[Exception], text: str) -> None:
    x = leaf(1, 2)
    with pytest.raises(kind, match=text):
        call(x, x * 2)


def test_grad_to_third_order() -> None:
    x = leaf(2)
    (a,) = t.autograd.grad((x**4).sum(), x, create_graph=True)
    (b,) = t.autograd.grad(a.sum(), x, create_graph=True)
    (c,) = t.autograd.grad(b.sum(), x)
    assert (a.item(), b.item(), c.item()) == (32, 48, 48)
    assert x.grad is None and a.requires_grad and not c.requires_grad


def test_unused_inputs() -> None:
    x, y = leaf(1, 2), leaf(3)
    assert t.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)[1] is None
    assert t.autograd.grad((x * 2).sum(), [x, y], materialize_grads=True)[1].tolist() == [0]
    with pytest.raises(ValueError, match="materialize_grads"):
        t.autograd.grad((x * 2).sum(), [x, y], materialize_grads=True, allow_unused=False)


def test_inputs_in_the_middle_of_the_graph_and_twice() -> None:
    x = leaf(1, 2)
    a = x * x
    b = a * 3
    assert [g.tolist() for g in t.autograd.grad((b * a).sum(), [b, a, x, x])] == [
        [1, 4],
        [6, 24],
        [12, 96],
        [12, 96],
    ]


def test_several_outputs_with_weights() -> None:
    x, y = leaf(1, 2), leaf(3, 4)
    gx, gy = t.autograd.grad([x * y, x + y], [x, y], [t.ones(2), t.tensor([10.0, 20.0])])
    assert gx.tolist() == [13, 24] and gy.tolist() == [11, 22]


def test_backward_into_chosen_tensors_only() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    z = x * w
    out = (z * z).sum()
    out.backward(inputs=[w, z])
    assert x.grad is None and w.grad.tolist() == [6, 32] and z.grad.tolist() == [6, 16]


def test_gradients_keep_the_dtype_of_their_tensor() -> None:
    tensors = [t.ones(2, dtype=d, requires_grad=True) for d in (t.float16, t.bfloat16, t.float32, t.float64)]
    product = tensors[0]
    for other in tensors[1:]:
        product = product * other
    product.sum().backward()
    assert [x.grad.dtype for x in tensors] == [t.float16, t.bfloat16, t.float32, t.float64]
    assert all(x.grad.tolist() == [1, 1] for x in tensors)


def test_a_leaf_switched_off_after_the_forward_pass_gets_nothing() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    y = (x * w).sum()
    w.requires_grad_(False)
    y.backward()
    assert x.grad.tolist() == [3, 4] and w.grad is None


def test_backward_with_create_graph_warns_of_the_cycle() -> None:
    x = leaf(2)
    with pytest.warns(UserWarning, match="create_graph"):
        (x**3).sum().backward(create_graph=True)
    (g,) = t.autograd.grad(x.grad.sum(), x)
    assert g.item() == 12
    x.grad = None


def test_a_double_backward_adds_to_parameters() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    (g,) = t.autograd.grad((w * x * x).sum(), x, create_graph=True)
    (g * g).sum().backward()  # g = 2 w x
    assert w.grad.tolist() == [24, 128] and x.grad.tolist() == [72, 256]


# ---- memory of gradients -----------------------------------------------------------------------------------


def test_gradients_never_share_memory() -> None:
    a, b, c = leaf(1, 2), leaf(3, 4), leaf(5, 6)
    seed = t.ones(2)
    (a + b + c.view(2)).backward(seed)
    for x in (a, b, c):
        x.grad.fill_(7)
        assert seed.tolist() == [1, 1]
        assert sum(y.grad.tolist() == [7, 7] for y in (a, b, c)) == 1
        x.grad.fill_(0)


def test_a_gradient_of_a_transposed_tensor_lies_in_memory_as_its_tensor() -> None:
    a = t.ones(2, 3, requires_grad=True)
    (a.t() * t.arange(6.0).reshape(3, 2)).sum().backward()
    assert a.grad.stride() == (3, 1) and a.grad.tolist() == [[0, 2, 4], [1, 3, 5]]
    assert a.grad._array.flags.c_contiguous and a.grad._array.flags.writeable


def test_gradients_of_expanded_tensors_are_writeable() -> None:
    a = t.ones(3, requires_grad=True)
    a.sum().backward()
    a.grad[0] = 9
    assert a.grad.tolist() == [9, 1, 1]


def test_an_array_is_handed_over_to_the_leaf_without_a_copy() -> None:
    x = t.ones(1000, requires_grad=True)
    seen = []
    y = x * 2
    x.register_hook(lambda g: seen.append(g))
    y.sum().backward()
    first = x.grad.data_ptr()
    assert seen[0].data_ptr() != first  # the hook may have kept it: a copy
    x._hooks.clear()
    x.grad = None
    tracemalloc.start()
    big = t.ones(1_000_000, requires_grad=True)
    (big * 2).backward(t.ones(1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 5 * 1_000_000  # leaf, product, seed, gradient: and no fifth


# ---- freeing -----------------------------------------------------------------------------------------------


def _kept_alive(step: Any) -> list[str]:
    """Names of the arrays of a step that outlive it."""
    references = {name: weakref.ref(x._array) for name, x in step().items()}
    return [name for name, reference in references.items() if reference() is not None]


def test_a_step_is_freed_by_reference_counting(no_gc: None) -> None:
    w = t.randn(4, 4).requires_grad_()
    bias = t.randn(4).requires_grad_()

    def step() -> dict[str, t.Tensor]:
        x = t.randn(3, 4)
        hidden = (x @ w + bias).relu()
        scores = hidden.softmax(-1) if hasattr(hidden, "softmax") else hidden.exp()
        loss = scores.log().sum()
        loss.backward()
        return {"x": x, "hidden": hidden, "scores": scores, "loss": loss}

    assert _kept_alive(step) == []


def test_a_graph_never_used_is_freed_by_reference_counting(no_gc: None) -> None:
    w = leaf(1, 2)

    def step() -> dict[str, t.Tensor]:
        y = w * 2
        z = y.exp()  # keeps its own result
        z.mul_(3)
        v = z[:1]
        v.add_(1)
        values, _ = z.max(0)
        return {"y": y, "z": z, "v": v, "values": values}

    assert _kept_alive(step) == []


def test_a_function_is_freed_by_reference_counting(no_gc: None) -> None:
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: t.Tensor) -> t.Tensor:
            y = x.exp()
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx: Any, g: t.Tensor) -> t.Tensor:
            x, y = ctx.saved_tensors
            return g * y + 0 * x

    w = leaf(1, 2)

    def step() -> dict[str, t.Tensor]:
        x = w * 1
        y = Exp.apply(x)
        loss = y.sum()
        return {"x": x, "y": y, "loss": loss}

    assert _kept_alive(step) == []


def test_gradients_of_gradients_are_freed_by_reference_counting(no_gc: None) -> None:
    w = leaf(1, 2)

    def step() -> dict[str, t.Tensor]:
        x = w * 2
        (g,) = t.autograd.grad((x.tanh() * x).sum(), x, create_graph=True)
        (h,) = t.autograd.grad(g.sum(), w)
        return {"x": x, "g": g, "h": h}

    assert _kept_alive(step) == []


def test_backward_frees_what_was_kept_while_the_loss_lives_on(no_gc: None) -> None:
    w = leaf(1, 2)
    x = w * 2
    kept = weakref.ref(x._array)
    loss = (x * x).sum()
    del x
    assert kept() is not None
    loss.backward()
    assert kept() is None


def test_hooks_and_retained_gradients_do_not_keep_the_graph(no_gc: None) -> None:
    w = leaf(1, 2)

    def step() -> dict[str, t.Tensor]:
        x = w * 2
        x.register_hook(lambda g: g)
        x.retain_grad()
        y = x.exp()
        y.sum().backward()
        return {"x": x, "y": y, "grad": x.grad}

    assert _kept_alive(step) == []


def test_memory_does_not_grow_over_training_steps(no_gc: None) -> None:
    w = t.randn(4, 4).mul(0.1).requires_grad_()
    x = t.ones(2, 4)

    def train(steps: int) -> None:
        for _ in range(steps):
            loss = (((x @ w).tanh() - 1) ** 2).sum()
            loss.backward()
            with t.no_grad():
                w.sub_(0.01 * w.grad)
                w.grad = None

    tracemalloc.start()
    train(2000)  # fills NumPy's cache of small blocks
    before = tracemalloc.get_traced_memory()[0]
    train(3000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 60_000  # one object a step would be more than twice that


# ---- depth and width ---------------------------------------------------------------------------------------


def test_a_graph_of_100000_nodes_needs_no_recursion(no_gc: None) -> None:
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = y + 1
    array = weakref.ref(y._array)
    y.backward()
    assert x.grad.tolist() == [1]
    del y
    assert array() is None


def test_an_unused_deep_graph_is_dropped_without_overflowing_the_stack() -> None:
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    node = weakref.ref(y._array)
    del y
    assert node() is None


def test_a_deep_graph_of_gradients() -> None:
    x = leaf(1)
    y = x
    for _ in range(3000):
        y = y * 1.001
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    assert g.item() == pytest.approx(1.001**3000, rel=1e-3)


def test_many_uses_of_one_tensor() -> None:
    x = leaf(1, 2)
    total = x * 0
    for k in range(1000):
        total = total + x * float(k)
    total.sum().backward()
    assert x.grad.tolist() == [499500, 499500]


# ---- threads -----------------------------------------------------------------------------------------------


def _in_threads(count: int, work: Any) -> list[Any]:
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def run(k: int) -> None:
        try:
            results[k] = work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    return results


def test_backward_in_several_threads_with_a_shared_leaf() -> None:
    w = t.ones(50, requires_grad=True)

    def work(k: int) -> Any:
        x = t.full((50,), float(k + 1))
        own = t.ones(50, requires_grad=True)
        for _ in range(20):
            (w * x * own).sum().backward(inputs=[own])
        return own.grad[0].item()

    assert _in_threads(6, work) == [20.0 * (k + 1) for k in range(6)]
    assert w.grad is None


def test_grad_in_several_threads_over_one_graph() -> None:
    x = leaf(1, 2, 3)
    y = (x * x * x).sum()

    def work(k: int) -> Any:
        return t.autograd.grad(y, x, retain_graph=True)[0].tolist()

    assert _in_threads(6, work) == [[3, 12, 27]] * 6


# ---- what a rule gives back --------------------------------------------------------------------------------


def test_no_numpy_warnings_come_out() -> None:
    x = leaf(0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (x.log() * 0).sum().backward()
    assert np.isnan(x.grad.numpy()[0]) and x.grad.numpy()[1] == 0


def test_views_made_before_their_base_got_a_history() -> None:
    a = leaf(1, 2)
    x = t.zeros(4)
    v = x[:2]
    x[2:] = a
    assert v.requires_grad
    v.sum().backward()
    assert a.grad.tolist() == [0, 0]


def test_threads_do_not_lose_what_they_add_to_one_gradient() -> None:
    # Large enough for NumPy to let other threads run while it adds.
    x = t.ones(200_000)
    for _ in range(3):
        w = t.ones(200_000, requires_grad=True)

        def work(k: int, w: t.Tensor = w) -> None:
            for _ in range(25):
                (w * x).sum().backward()

        _in_threads(4, work)
        assert (w.grad == 100).all()


def test_a_view_whose_base_changed_shape_in_place_is_refused():
    base = t.ones(2, 3, requires_grad=True) * 1
    row = base[0]
    base.t_()
    with pytest.raises(NotImplementedError, match="changed its shape in place"):
        (row * 2).sum().backward()
    assert base[0].shape == (2,)  # taken anew it is right
