"""Indexing, assignment, gathering and in-place changes of views beside PyTorch."""

# ruff: noqa: E501 - tables of calls, a topic to a paragraph
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

KEYS = [
    "0", "-1", "3", "-4", "1, 2", "1, -1", "1, 4", "1, 2, 3", ":", "1:", ":2", "-2:", "::2", "1::2", ":, 1:3", "1:, ::2", "5:", "2:1", "...", "..., 0", "0, ...", "..., None", "None", "None, 1", "None, :, None", "1, None, 2:", ":, None", "..., 1:2, None", "0, ..., 0",
    "True", "False", "True, 0", "[0, 2]", "[0, 0, 1]", "[[0, 1]]", "[0, -1], 1", "[0, 1], [1, 2]", ":, [0, 2]", "[0, 2], 1:3", "1, [0, 2]", "[1, 2], None", "None, [1, 2]", "..., [0, 1]", "[], 0", "[]", "[0, 3]", "[0, 1], [0, 1, 2]", "[[0], [1]], [1, 2]", "::2, [0, 1]",
    "ix(3, 4)", "ix(3, 2, 2)", "ix(3, 2), ix(4, 2)", ":, ix(4, 3)", "ix(3, 2), :2", "ix(3, 2, 1), ix(4, 3)", "of(1, 'int64')", "of(1, 'int64'), 2", "ix(3, 0)", "of([0, 1], 'int32')", "of([0, -1], 'int64')", "of([0, 3], 'int64')", "of([1.0])", "of([0, 1, 0], 'uint8')", "of(True, 'bool')",
    "b(3)", "b(3, 4)", "b(4)", "b(3), 1", "b(3), 1:", ":, b(4)", "b(3), None", "[True, False, True]", "b(2)", "b(3, 3)", "b(3, 4), None", "np.array([0, 1])", "np.int64(1)", "slice(0, 2)", "slice(None, None, -1)", "::-1", "::0", "1.5", "'a'", "(0, 1)", "((0, 1),)", "((0, 1), (1, 2))", "range(2)", "of(1, 'int64'):", "1:of(2, 'int64')", "np.arange(2), np.arange(2)", "[of(0, 'int64'), 1]",
]  # fmt: skip
MORE_KEYS = [  # of a tensor (2, 3, 4)
    "0, :, 1", ":, 0, [1, 2]", "[0, 1], :, [1, 2]", "[0, 1], 1, [1, 2]", "0, [0, 1], [1, 2]", ":, [0, 1], [1, 2]", "[0, 1], [1, 2]", "..., [0, 1], 1", "b(2, 3)", "b(2, 3), 1", "1, b(3)", ":, b(3, 4)", "b(2), :, [0]", "[[0], [1]], [0, 1], 2", "None, [0, 1], :, [2, 3]", "0, ..., None, [1, 2]", ":, None, [0, 1], 2", "ix(2, 3), 1:, ix(4, 3)", "1, ix(3, 2), None, :", "[0], [1], [2]", "b(2), ix(3, 1)",
]  # fmt: skip
SETS = [  # key, value
    ("0", "1"), ("0", "f(4)"), ("0", "f(1)"), ("0", "f()"), ("0", "f(1, 4)"), ("0", "f(3)"), ("0", "f(2, 4)"), (":", "0"), ("1:", "f(2, 4)"), ("1:", "f(4)"), (":, 1", "f(3)"), (":, 1:3", "2.5"), ("...", "f(3, 4)"), ("..., 0", "f(3)"), ("None", "f(3, 4)"), ("0, 0", "3"), ("0, 0", "f()"), ("0, 0", "f(1)"), ("::2", "f(2, 1)"), ("2:1", "1"), ("3", "1"),
    ("[0, 2]", "1"), ("[0, 2]", "f(2, 4)"), ("[0, 2]", "f(4)"), ("[0, 2]", "f(3)"), ("[0, 2], 1", "f(2)"), (":, [0, 2]", "f(3, 2)"), (":, [0, 2]", "f(2)"), ("[0, 1], [1, 2]", "f(2)"), ("[0, 1], [1, 2]", "7.0"), ("ix(3, 2)", "0"), ("of([2, 0], 'int64')", "f(2, 4)"), ("b(3)", "0"), ("b(3, 4)", "-1"), ("b(3, 4)", "f()"), ("b(3, 4)", "f(1)"), ("b(3), 1", "0"), (":, b(4)", "0"), ("True", "f(3, 4)"), ("[]", "1"), ("[0, 5]", "1"),
    ("0", "i(4)"), ("0", "d(4)"), ("[0, 1]", "d(2, 4)"), ("[0, 1]", "i(2, 4)"), ("0", "[1, 2, 3, 4]"), ("0", "np.ones(4)"), ("0", "True"), ("0", "'a'"), ("0", "1j"), ("of(1, 'int64')", "5"), ("1, 1:", "f(3)"), ("1:, [0, 1]", "f(2, 2)"), ("[[0], [1]], [0, 1]", "f(2, 2)"), ("..., None", "f(3, 4, 1)"), ("0", "None"),
]  # fmt: skip
ALONG = [
    "f(3, 4).gather(1, ix(4, 3, 2))", "f(3, 4).gather(0, ix(3, 2, 4))", "f(3, 4).gather(0, ix(3, 2, 2))", "f(3, 4).gather(-1, ix(4, 3, 5))", "f(3, 4).gather(1, ix(4, 3))", "f(3, 4).gather(1, of([[4]], 'int64'))", "f(3, 4).gather(1, f(3, 2))", "f().gather(0, ix(1))", "f(3).gather(0, ix(3, 0))", "i(3).gather(0, ix(3, 4))", "f(3, 4).gather(2, ix(4, 3, 2))", "t.gather(f(2, 2, 3), 2, ix(3, 2, 2, 1))", "f(3).gather(0, of([-1], 'int64'))",
    "f(3, 4).index_select(0, ix(3, 5))", "f(3, 4).index_select(1, ix(4, 2))", "f(3, 4).index_select(0, of([3], 'int64'))", "f(3, 4).index_select(0, ix(3, 2, 2))", "f(3, 4).index_select(0, f(2))", "f(3, 4).index_select(0, of(1, 'int64'))", "f(3, 4).take(ix(12, 3, 2))", "t.take_along_dim(f(3, 4), ix(4, 3, 2), 1)", "f(3, 4).take_along_dim(ix(12, 5))",
    "f(3, 4).scatter(1, of([[0, 2], [1, 3], [2, 0]], 'int64'), f(3, 2))", "f(3, 4).scatter(0, of([[2, 1, 0, 0]], 'int64'), 5.0)", "f(3, 4).scatter_add(1, ix(4, 3, 3), f(3, 3))", "f(3).scatter(0, ix(3, 2), d(2))", "f(3, 4).scatter(0, of([[5]], 'int64'), 1.0)", "f(3, 4).detach().scatter(1, of([[0, 2], [1, 3], [2, 0]], 'int64'), 2, reduce='add')", "g(3).scatter_(0, of([2, 0], 'int64'), 1.5)", "g(3, 4).scatter_add_(1, ix(4, 3, 3), f(3, 3))", "f(4).scatter_reduce(0, ix(4, 6), f(6), 'sum')", "f(4).scatter_reduce(0, ix(4, 6), f(6), 'mean', include_self=False)",
    "f(3, 4).masked_select(b(3, 4))", "f(3, 4).masked_select(b(4))", "f(3, 4).masked_select(i(4))", "f(3, 4).masked_fill(b(3, 4), 0)", "f(3, 4).masked_fill(b(4), 1.5)", "f(3).masked_fill(b(3), f())", "f(3).masked_fill(i(3), 1)", "i(3).masked_fill(b(3), 2.0)", "f(3).masked_fill(b(2, 3), 1)", "f(4).masked_scatter(b(4), f(4))", "i(3, 4).nonzero()", "b(3, 4).nonzero(as_tuple=True)", "f().nonzero()", "i(5).argwhere()", "t.nonzero(b(4))", "t.where(b(3, 2))",
    "f(4, 2).index_add(0, ix(4, 3), f(3, 2))", "f(4, 2).index_add(0, ix(4, 3), f(3, 2), alpha=2)", "f(4, 2).index_copy(0, of([2, 0], 'int64'), f(2, 2))", "f(4, 2).index_fill(0, of([2, 0], 'int64'), 1.5)", "f(2, 4).index_add(1, ix(4, 3), f(2, 3))", "f(2, 4).index_fill(1, of([1], 'int64'), f())", "f(4).put(ix(4, 2), f(2))", "f(4).index_put((of([1, 2], 'int64'),), f(2))", "f(4).index_put((of([1, 1], 'int64'),), f(2), accumulate=True)", "g(4).index_put_((of([1, 2], 'int64'),), f())", "f(3, 4).index_put((b(3),), f())",
]  # fmt: skip
VIEW_CHANGES = [
    "x = g(3, 4); y = x[0]; y.mul_(2); x", "x = g(3, 4); y = x[0]; y.mul_(2); (x, y)", "x = g(3, 4); y = x.view(12); y.add_(1); x", "x = g(3, 4); y = x.view(12); x.mul_(2); y", "x = g(3, 4); y = x.T; y[0] = f(3); x", "x = g(3, 4); y = x[1]; x.mul_(3); y", "x = g(3, 4); x[0].mul_(2); x.sum()", "x = g(3, 4); x[0][1] = 5; x", "x = g(3, 4); y = x[0]; z = y[1:]; z.mul_(2); (x, y, z)", "x = g(3, 4); y = x[:, 1]; y.copy_(f(3)); x",
    "x = g(3, 4); x[0] = x[1]; x", "x = g(3, 4); x[:2] += 1; x", "x = g(3, 4); x[:, 0] *= f(3); x", "x = g(3, 4); x.diagonal().fill_(2); x", "x = g(3, 4); a = x.exp(); x[0] = 0; a", "x = g(3, 4); a = x.exp(); a[0] = 0; a", "x = g(3, 4); a = x * x; x[0] = 0; a", "x = g(3, 4); a = x + x; x[0] = 0; a", "x = g(3); a = x.sin(); x.add_(1); a", "x = g(3); a = x.relu(); a.add_(1); a", "x = g(3); a = x.sigmoid(); a.mul_(2); a",
    "x = f(3, 4); x[0] = 1; x", "x = f(3, 4); y = x[0]; y.add_(1); x", "x = f(3, 4); y = x.detach(); y[0] = 1; x", "x = f(3, 4); x.data[0] = 1; x * 1", "x = t.zeros(3); x[1] = f(); x", "x = t.zeros(3, 4); x[0] = f(4); x[1] = f(4); x", "x = t.zeros(3, 4); y = x[0]; y.copy_(f(4)); (x, y)", "x = t.zeros(3, 4); y = x[0]; x.add_(f(3, 4)); y", "x = t.zeros(2, 2); x[0, 0] = f(); x[0, 0] = f(); x", "x = t.zeros(3); x[[0, 1]] = f(2); x", "x = t.zeros(3, 4); x[:, [0, 1]] = f(3, 2); x", "x = t.zeros(3); x[b(3)] = f(); x",
    "x = g(4); a, c_ = x.chunk(2); a.mul_(2); x", "x = g(3); a, b_, c_ = x.unbind(); a.mul_(2); x", "x = g(2, 3); y = x.expand(2, 3); y.add_(1); x", "x = g(3); y = x.reshape(3, 1); y.add_(1); x", "x = g(2, 3); y = x.T.reshape(6); y.add_(1); x", "x = g(3, 4); y = x.select(0, 1); y.zero_(); x", "x = g(3, 4); y = x.narrow(1, 1, 2); y.fill_(2); x * x", "x = g(3); x.requires_grad_(); x.mul_(2)", "x = g(3); y = x.detach(); y.mul_(2); x", "x = g(3); x.detach_(); x", "x = g(3)[1:]; x.detach_()", "x = g(3); y = x[1:]; x.add_(1); y.add_(1); (x, y)", "x = g(3); y = x[1:]; y.add_(1); x.mul_(2); y.mul_(3); (x, y)",
    "x = g(3); x._version", "x = g(3); x.add_(1); x[0] = 2; x._version", "x = g(3); y = x[1:]; y.add_(1); x._version", "x = g(3); y = x.detach(); y.add_(1); x._version", "x = g(3); y = x.clone(); y.add_(1); x._version", "x = g(3); x.zero_(); x.fill_(1); x._version", "x = g(3); y = x.view(3); y._is_view()", "x = g(3); y = x[1:]; y._base is x", "x = g(3, 4); w = f(3, 4); y = x * w; x.add_(1); y", "x = g(3, 4); w = f(3, 4); y = (x * 2).pow_(2) * w; y",
    "x = g(1, 3).detach(); y = x.expand(2, 3); y.zero_(); x", "x = g(1, 3); y = x.expand(2, 3); y.mul_(2); x", "x = i(3, 4); x[0] = 7; x", "x = i(3); x[1] = 2.7; x", "x = i(3); x += 1; x", "x = b(3); x[0] = 5; x", "x = u8(3); x[0] = 200; x", "x = h(3).clone(); x[0] = 0.1; x", "x = i(3, 4); x[x > 0] = 0; x", "x = i(3, 4); x[:, 0] = i(3); x", "x = f(3, 4).detach(); x[x > 0] *= 2; x", "x = f(4).detach(); x[[0, 0, 1]] += 1; x", "x = t.zeros(3, dtype=t.int64); x[of([0, 1], 'int64')] = of([4, 5], 'int64'); x",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize(
    "code",
    [f"f(3, 4)[{k}]" for k in KEYS]
    + [f"f(2, 3, 4)[{k}]" for k in MORE_KEYS]
    + [f"i(3, 4).T[{k}]" for k in KEYS[:30] if "True" not in k]
    + ["f()[...]", "f()[None]", "f()[0]", "f()[True]", "f()[b()]", "f(0)[b(0)]"],
)
def test_get(agree, code):
    agree(code, exact=True)


@pytest.mark.parametrize(
    "code",
    [f"x = g(3, 4); x[{k}] = {v}; x" for k, v in SETS]
    + [f"x = i(3, 4); x[{k}] = {v}; x" for k, v in SETS if "i" in v or v[0].isdigit()]
    + [
        "x = g(); x[...] = 2; x",
        "x = g(2, 3, 4); x[0, ..., 1] = f(3); x",
        "x = g(2, 3, 4); x[:, [0, 1], 1:] = f(2, 2, 3); x",
        "x = g(2, 3, 4); x[b(2, 3)] = 0; x",
    ],
)
def test_set(agree, code):
    agree(code, exact=False, names="x[:] = 0" not in code)


# Composed of other operations than PyTorch's: grad_fn has another name there.
OTHER_NAMES = (
    "take(",
    "scatter_reduce",
    ").index_add",
    ").index_copy",
    ").index_fill",
    "put(",
    "reduce='add'",
    "x[:] = 0",
)


@pytest.mark.parametrize("code", ALONG)
def test_along_a_dimension(agree, code):
    agree(code, exact=False, names=not any(n in code for n in OTHER_NAMES))


@pytest.mark.parametrize("code", VIEW_CHANGES)
def test_views_changed_in_place(agree, code):
    agree(code, exact=False)
