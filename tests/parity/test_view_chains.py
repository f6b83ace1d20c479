"""Random programs of views and in-place changes beside PyTorch: values, requires_grad, gradients, errors."""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is

# `a` and `b` are two of the tensors made so far; an expression's value joins them.
VIEWS = (
    "a[0]", "a.T", "a[1:]", "a.reshape(-1)", "a.unsqueeze(0)", "a.narrow(0, 0, 1)", "a.select(0, 0)",
    "a.flatten()", "a.expand(2, *a.shape)", "a.permute(*reversed(range(a.ndim)))", "a.detach()", "a[..., None]",
    "a.squeeze()", "a.transpose(0, -1)", "a.diagonal()", "a.chunk(2)[0]",
)  # fmt: skip
VALUES = (
    "a * 2", "a.exp()", "a.clone()", "a.sum(0)", "a + b", "a * b", "a.sin()", "a.masked_fill(a > 0, 0.5)",
    "a.sigmoid()",
    "a.relu()", "a.cumsum(0)", "a @ b",
)  # fmt: skip
CHANGES = (
    "a.mul_(2)", "a.add_(b)", "a.mul_(b)", "a.sigmoid_()", "a.relu_()", "a.copy_(b)", "a.zero_()", "a.tanh_()",
    "a.sub_(0.5)",
    "a.clamp_(min=0)", "a.exp_()", "a.pow_(2)", "a.div_(2)", "a.masked_fill_(a > 0, 0.5)", "a.sin_()", "a.abs_()",
    "a.fill_(0.3)",
    "a.__setitem__(0, 1.5)", "a.__setitem__(0, b.sum())", "a.__setitem__(slice(1, None), b[1:])",
)  # fmt: skip
PROGRAMS = 60  # for each seed


def program(source: random.Random) -> list[tuple[str, float, float]]:
    """Lines of code, each with two numbers that choose its tensors."""
    lines = []
    for _ in range(source.randint(3, 9)):
        table = source.choice((VIEWS, VALUES, CHANGES, CHANGES))
        lines.append((source.choice(table), source.random(), source.random()))
    return lines


def run(lib, start, lines):
    """What a program did: an outcome for each line, the tensors, and the gradients of the leaves."""
    leaves = [lib.from_numpy(x.copy()).requires_grad_() for x in start]
    made = [x * 1.0 for x in leaves]
    outcomes = []
    for code, i, j in lines:
        a, b = made[int(i * len(made))], made[int(j * len(made))]
        shared = "b" in code and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
        try:
            if code in CHANGES and shared:
                b = b.clone()  # reading what is being written is undefined
            value = eval(code, {"a": a, "b": b})
            if code not in CHANGES:
                made.append(value)
            outcomes.append("ok")
        except Exception as error:
            overlap = "single memory location" in str(error) or "memory overlap" in str(error)
            outcomes.append("overlap" if overlap else type(error).__name__)
    try:
        total = sum((x * float(n + 1)).sum() for n, x in enumerate(made))
        grads = lib.autograd.grad(total, leaves, allow_unused=True)
        grads = [np.zeros((3, 3)) if g is None else g.detach().numpy() for g in grads]
    except Exception as error:
        grads = "overlap" if "single memory location" in str(error) else type(error).__name__
    return outcomes, [x.detach().numpy() for x in made], [x.requires_grad for x in made], grads


@pytest.mark.filterwarnings("ignore:Use of masked_fill_ on expanded tensors")
@pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors of dimension other than 2")
@pytest.mark.filterwarnings("ignore:Tensor.T is deprecated on 0-D tensors")
@pytest.mark.parametrize("seed", range(10))
def test_same_history(seed):
    source = random.Random(seed)
    numbers = np.random.default_rng(seed)
    compared = 0
    for _ in range(PROGRAMS):
        lines = program(source)
        start = [numbers.standard_normal((3, 3)) for _ in range(2)]
        ours, theirs = run(facula, start, lines), run(torch, start, lines)
        if (
            "overlap" in ours[0]
            or "overlap" in theirs[0]
            or (isinstance(theirs[3], str) and theirs[3] == "overlap")
        ):
            continue  # PyTorch refuses more overlapping memory in some operations and less in others
        compared += 1
        assert ours[0] == theirs[0], lines
        assert ours[2] == theirs[2], lines
        for x, y in zip(ours[1], theirs[1], strict=True):
            assert x.shape == y.shape, lines
            assert np.allclose(x, y, rtol=1e-9, equal_nan=True), lines
        if isinstance(ours[3], str) or isinstance(theirs[3], str):
            assert ours[3] == theirs[3], lines
            continue
        for x, y in zip(ours[3], theirs[3], strict=True):
            assert np.allclose(x, y, rtol=1e-7, atol=1e-9, equal_nan=True), lines
    assert compared > PROGRAMS // 2
