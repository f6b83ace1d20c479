"""Small programs for test_without_native.py: `python programs.py [hidden]` runs each and prints results.

With the word "hidden" the compiled extension cannot be imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

if __name__ == "__main__" and "hidden" in sys.argv:
    sys.modules["facula._C"] = None  # type: ignore[assignment]

import facula as torch
from facula import nn
from facula.nn import functional as F

PROGRAMS: dict[str, Callable[[Any, Any], None]] = {}


def program(function: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Enter a program; it is given a matrix and a vector that require gradients."""
    PROGRAMS[function.__name__] = function
    return function


def show(*values: Any) -> None:
    """Print tensors to five digits, other values as they are."""
    for v in values:
        rounded = isinstance(v, torch.Tensor)
        print([float(f"{x:.5g}") for x in v.detach().reshape(-1).tolist()] if rounded else v)


def show_error(function: Callable[[], Any]) -> None:
    """Print the error that a function raises."""
    try:
        function()
    except Exception as error:
        print(type(error).__name__, str(error)[:60])
    else:
        print("no error")


@program
def arithmetic(x, w):
    y = ((x * w + 1) / 3 - w) ** 2
    y.sum().backward()
    show(y, x.grad, w.grad)


@program
def accumulation(x, w):
    for _ in range(3):
        (x * w).sum().backward()
    show(x.grad, w.grad)


@program
def one_input_twice(x, w):
    (x * x + x).sum().backward()
    show(x.grad)


@program
def a_leaf_as_root(x, w):
    w.sum().backward()
    w.backward(torch.ones(3))
    show(w.grad)


@program
def several_roots(x, w):
    torch.autograd.backward([(x * w).sum(), w.sum()])
    show(x.grad, w.grad)


@program
def broadcasting(x, w):
    (x + w + torch.ones(4, 1, 1)).exp().sum().backward()
    show(x.grad, w.grad)


@program
def numbers_and_integers(x, w):
    y = 2 - x / 4 + torch.arange(3) * w
    y.sum().backward()
    show(y, x.grad, w.grad)


@program
def promotion(x, w):
    y = x * w.double()
    y.sum().backward()
    show(y.dtype, x.grad.dtype, x.grad, w.grad)


@program
def halves(x, w):
    y = x.half() * 0.1 + w.bfloat16().float()
    y.sum().backward()
    show(y.dtype, y, x.grad, w.grad)


@program
def views(x, w):
    y = x.T[1:].reshape(-1)
    (y * y).sum().backward()
    show(y.grad_fn.name(), x.grad)


@program
def a_view_made_before_its_base_had_a_history(x, w):
    base = torch.ones(2, 3)
    view = base[0]
    base.mul_(x)
    (view * w).sum().backward()
    show(x.grad, w.grad)


@program
def several_results(x, w):
    a, b = (x * 1).split([1, 2], 1)
    (a.sum() * 2 + b.exp().sum()).backward()
    show(x.grad)


@program
def one_of_several_results(x, w):
    values, at = (x * w).max(1)
    values.sum().backward()
    show(values, at, x.grad)


@program
def sequences(x, w):
    torch.cat([x, x * w, torch.stack([w, w])]).pow(2).sum().backward()
    show(x.grad, w.grad)


@program
def in_place(x, w):
    y = x * 2
    y.mul_(w)
    y[0] = 1.0
    y.sum().backward()
    show(y, x.grad, w.grad)


@program
def tensor_hooks(x, w):
    y = x * w
    y.register_hook(lambda g: g * 10)
    w.register_hook(lambda g: g + 1)
    y.retain_grad()
    y.sum().backward()
    show(y.grad, x.grad, w.grad)


@program
def node_hooks(x, w):
    y = x * w
    y.grad_fn.register_hook(lambda into, out: tuple(g * 2 for g in into))
    y.sum().backward()
    show(x.grad, w.grad)


@program
def no_grad(x, w):
    with torch.no_grad():
        y = x * w
    show(y.requires_grad)
    show_error(lambda: y.sum().backward())


@program
def part_frozen(x, w):
    (x * w.detach()).sum().backward()
    show(x.grad, w.grad)


@program
def frozen_since(x, w):
    y = (x * w).sum()
    w.requires_grad_(False)
    y.backward()
    show(x.grad, w.grad)


@program
def backward_twice(x, w):
    y = (x * w).sum()
    y.backward(retain_graph=True)
    y.backward()
    show_error(y.backward)
    show(x.grad)


@program
def changed_since(x, w):
    y = x.exp()
    y.add_(1)
    show_error(y.sum().backward)


@program
def shapes_that_do_not_fit(x, w):
    show_error(lambda: x + torch.ones(4))
    show_error(lambda: x @ x)


@program
def second_derivative(x, w):
    (g,) = torch.autograd.grad((x**3 * w).sum(), x, create_graph=True)
    g.sum().backward()
    show(g, x.grad, w.grad)


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2 + 0 * ctx.saved_tensors[0]


@program
def custom_function(x, w):
    (Double.apply(x) * w).sum().backward()
    show(x.grad, w.grad)


@program
def activations(x, w):
    for f in (torch.tanh, torch.sigmoid, torch.relu, F.gelu):
        f(x * w).sum().backward()
        show(x.grad, w.grad)


@program
def softmax(x, w):
    for f in (F.softmax, F.log_softmax):
        (f(x * w, 1) * w).sum().backward()
        show(x.grad, w.grad)


@program
def special_values(x, w):
    show((torch.tensor([0.0, -1.0, 1e30]) / 0 * 1e30).tolist(), torch.log(-w).tolist()[1:])


@program
def training(x, w):
    model, loss_fn = nn.Sequential(nn.Linear(20, 33), nn.ReLU(), nn.Linear(33, 7)), nn.CrossEntropyLoss()
    for optimizer in (
        torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True),
        torch.optim.AdamW(model.parameters(), 0.01),
    ):
        for _ in range(4):
            loss = loss_fn(model(torch.randn(17, 20)), torch.randint(7, (17,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            show(loss)


if __name__ == "__main__":
    from facula.kernels import native_available

    assert not (native_available() and "hidden" in sys.argv)
    for name, function in PROGRAMS.items():
        print("====", name)
        torch.manual_seed(1)
        matrix = torch.arange(6.0).reshape(2, 3).requires_grad_()
        function(matrix, torch.tensor([0.5, -1.0, 2.0], requires_grad=True))
