"""Nodes of the graph: names, edges, hooks, retained gradients."""

from __future__ import annotations

import re
import weakref
from typing import Any

import pytest

import facula as t


def leaf(*data: float) -> t.Tensor:
    return t.tensor([float(v) for v in data], requires_grad=True)


# ---- what can be seen --------------------------------------------------------------------------------------


def test_names() -> None:
    x = leaf(1, 2)
    y = x * 2
    assert re.fullmatch("<MulBackward0 object at 0x[0-9a-f]+>", repr(y.grad_fn))
    assert y.grad_fn.name() == type(y.grad_fn).__name__ == "MulBackward0"
    assert y.grad_fn is y.grad_fn and (y + 1).grad_fn.next_functions[0][0] is y.grad_fn
    assert x.grad_fn is None and x.is_leaf and not y.is_leaf


def test_edges() -> None:
    x, w = leaf(1, 2), t.ones(2, 2, requires_grad=True)
    node = (w @ x + 1).sum().grad_fn
    names = []
    while node.next_functions:
        names.append((node.name(), [n and n.name().rpartition(":")[2] for n, _ in node.next_functions]))
        node = node.next_functions[0][0]
    assert names == [
        ("SumBackward0", ["AddBackward0"]),
        ("AddBackward0", ["MvBackward0", None]),
        ("MvBackward0", ["AccumulateGrad", "AccumulateGrad"]),
    ]
    assert node.variable is w


def test_edges_from_several_outputs() -> None:
    a, b = t.tensor([[1.0, 5.0], [3.0, 2.0]], requires_grad=True).unbind(0)
    (first, i), (second, j) = (b * a).grad_fn.next_functions
    assert first is second is a.grad_fn and (i, j) == (1, 0) == (b.output_nr, a.output_nr)


def test_metadata() -> None:
    node = (leaf(1) * 2).grad_fn
    node.metadata["note"] = 5
    assert node.metadata == {"note": 5}


# ---- hooks on tensors --------------------------------------------------------------------------------------


def test_hooks_see_and_replace_the_gradient() -> None:
    x = leaf(1, 2)
    y = x * 3
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g + 1)
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1], [10, 10]] and x.grad.tolist() == [31, 31]
    handle.remove()
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [31 + 4, 31 + 4]


def test_a_hook_sees_the_complete_gradient_once() -> None:
    x = leaf(1, 2)
    y = x * 2
    calls: list[Any] = []
    x.register_hook(lambda g: calls.append(("x", g.tolist())))
    y.register_hook(lambda g: calls.append(("y", g.tolist())))
    (y * 3 + y * 4 + x).sum().backward()
    assert calls == [("y", [7, 7]), ("x", [15, 15])]


def test_hooks_run_for_grad_too_but_do_not_touch_leaves() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.register_hook(lambda g: g * 5)
    assert t.autograd.grad((y * 3).sum(), x)[0].tolist() == [30, 30]
    assert x.grad is None


@pytest.mark.parametrize(
    ("hook", "kind", "text"),
    [
        (lambda g: 5, TypeError, "should return a Tensor"),
        (lambda g: t.ones(3), RuntimeError, "size"),
        (lambda g: g.double(), RuntimeError, "type"),
    ],
)
def test_bad_hooks(hook: Any, kind: type[Exception], text: str) -> None:
    x = leaf(1, 2)
    x.register_hook(hook)
    with pytest.raises(kind, match=text):
        (x * 2).sum().backward()


def test_hooks_need_a_gradient() -> None:
    for register in (t.ones(1).register_hook, t.ones(1).register_post_accumulate_grad_hook):
        with pytest.raises(RuntimeError, match="doesn't require gradient"):
            register(print)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (leaf(1) * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        t.ones(1).retain_grad()


def test_a_handle_is_a_block() -> None:
    x = leaf(1)
    calls: list[Any] = []
    with x.register_hook(calls.append):
        (x * 2).backward()
    (x * 2).backward()
    assert len(calls) == 1


def test_post_accumulate_hooks_may_use_up_the_gradient() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    seen = []

    def step(p: t.Tensor) -> None:
        seen.append(p.grad.tolist())
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * w).sum().backward()
    assert seen == [[3, 4]] and x.grad is None and w.grad.tolist() == [1, 2]
    handle.remove()
    (x * w).sum().backward()
    assert x.grad.tolist() == [3, 4]


def test_order_of_the_hooks() -> None:
    x = leaf(1)
    y = x * 2
    seen: list[str] = []
    y.grad_fn.register_prehook(lambda go: seen.append("before the node"))
    y.register_hook(lambda g: seen.append("tensor"))
    y.grad_fn.register_hook(lambda gi, go: seen.append("after the node"))
    x.register_post_accumulate_grad_hook(lambda p: seen.append("accumulated"))
    x.register_hook(lambda g: seen.append("leaf"))
    y.backward()
    assert seen == ["tensor", "before the node", "after the node", "leaf", "accumulated"]


# ---- hooks on nodes ----------------------------------------------------------------------------------------


def test_node_hooks_see_both_sides_and_replace() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    y = x * w
    seen: list[Any] = []
    y.grad_fn.register_hook(lambda gi, go: seen.append([[g.tolist() for g in side] for side in (gi, go)]))
    y.grad_fn.register_prehook(lambda go: (go[0] * 2,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, gi[1]))
    y.sum().backward()
    assert seen == [[[[6, 8], [2, 4]], [[2, 2]]]]
    assert x.grad.tolist() == [60, 80] and w.grad.tolist() == [2, 4]


def test_node_hooks_get_none_for_inputs_without_gradient() -> None:
    y = leaf(1, 2) * t.tensor([3.0, 4.0])
    seen: list[Any] = []
    y.grad_fn.register_hook(lambda gi, go: seen.append(gi))
    y.sum().backward()
    assert seen[0][1] is None and seen[0][0].tolist() == [3, 4]


def test_a_node_hook_must_return_as_many_gradients() -> None:
    y = leaf(1, 2) * 2
    y.grad_fn.register_hook(lambda gi, go: (gi[0], gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="returned 3"):
        y.sum().backward()


def test_hooks_at_the_node_of_a_leaf() -> None:
    x = leaf(1, 2)
    node = (x * 2).grad_fn.next_functions[0][0]
    seen: list[Any] = []
    after = node.register_hook(lambda gi, go: seen.append((gi, go[0].tolist(), x.grad.tolist())))
    node.register_prehook(lambda go: (go[0] * 10,))
    (x * 3).sum().backward()
    assert x.grad.tolist() == [30, 30]
    after.remove()
    (x * 3).sum().backward()
    assert len(seen) == 1 and seen[0][0] == () and seen[0][2] == [30, 30]


# ---- retained gradients ------------------------------------------------------------------------------------


def test_retained_gradients_add_up_and_do_not_keep_the_tensor() -> None:
    x = leaf(1, 2)
    y = x * 3
    assert not y.retains_grad
    y.retain_grad()
    x.retain_grad()  # no effect on a leaf
    assert y.retains_grad and not x.retains_grad
    z = (y * y).sum()
    z.backward(retain_graph=True)
    assert y.grad.tolist() == [6, 12]
    z.backward(retain_graph=True)
    assert y.grad.tolist() == [12, 24]
    gone = weakref.ref(y)
    del y
    z.backward()
    assert gone() is None


def test_the_gradient_of_another_non_leaf_is_none_with_a_warning() -> None:
    y = leaf(1, 2) * 3
    y.sum().backward()
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None


def test_in_place_changes_move_what_is_retained_but_not_the_hooks() -> None:
    x = leaf(1, 2)
    y = x * 2
    y.retain_grad()
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(10)
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3, 3] and seen == [[30, 30]] and x.grad.tolist() == [60, 60]
