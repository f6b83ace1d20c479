"""Rearranging, joining and converting tensors beside PyTorch: shapes, strides, what is a view, gradients, errors."""

# ruff: noqa: E501 - tables of calls, a topic to a paragraph
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

VIEWS = [
    "f(2, 6).view(3, 4)", "f(2, 6).view(-1)", "f(2, 6).view(-1, 3)", "f(2, 6).view((4, 3))", "f(2, 6).view(5)", "f(2, 6).view(-1, -1)", "f(2, 3).T.view(6)", "f(2, 3).view(t.int32)", "f().view(1, 1)", "f(0, 3).view(3, 0)", "f(0, 3).view(-1)", "f(0, 3).view(-1, 0)", "f(2, 3).view_as(f(3, 2))",
    "f(2, 6).reshape(3, 4)", "f(2, 6).reshape(-1)", "t.reshape(f(2, 6), (4, 3))", "f(2, 3).T.reshape(6)", "f(2, 3).reshape(7)", "f(2, 3).reshape(())", "f(1).reshape(())", "f(2, 3).reshape_as(f(3, 2))", "f(2, 3, 4).permute(0, 2, 1).reshape(2, 12)", "f(2, 3).reshape([3, 2])", "f(2, 3).reshape(3, 2.0)",
    "f(2, 3, 4).flatten()", "f(2, 3, 4).flatten(1)", "f(2, 3, 4).flatten(0, 1)", "f(2, 3, 4).flatten(2, 1)", "f().flatten()", "f(3).flatten()", "t.flatten(f(2, 3, 4), 1, 2)", "f(2, 3).T.flatten()", "f(2, 6).unflatten(1, (2, 3))", "f(2, 6).unflatten(1, (-1, 3))", "f(2, 6).unflatten(1, (4, 3))", "f(2, 3).ravel()", "f(2, 3).T.ravel()",
    "f(1, 3, 1).squeeze()", "f(1, 3, 1).squeeze(0)", "f(1, 3, 1).squeeze(1)", "f(1, 3, 1).squeeze(-1)", "f(1, 3, 1).squeeze((0, 2))", "f().squeeze()", "f().squeeze(0)", "f(1, 3).squeeze(2)", "f(1, 1).squeeze()", "f(3).unsqueeze(0)", "f(3).unsqueeze(-1)", "f(3).unsqueeze(1)", "f(3).unsqueeze(3)", "f().unsqueeze(0)", "f(2, 3).T.unsqueeze(1)",
    "f(2, 3).transpose(0, 1)", "f(2, 3, 4).transpose(-1, 0)", "f(2, 3).transpose(0, 2)", "f().transpose(0, 0)", "f(2, 3).t()", "f(3).t()", "f(2, 3, 4).t()", "f(2, 3).T", "f(2, 3, 4).mT", "f(3).mT", "f(2, 3, 4).permute(2, 0, 1)", "t.permute(f(2, 3), (1, 0))", "f(2, 3).permute(1)", "f(2, 3).permute(0, 0)", "f(2, 3).permute(-1, 0)", "f(2, 3, 4).swapaxes(0, 2)", "f(2, 3).swapdims(0, 1)",
    "f(2, 3, 4).movedim(0, 2)", "f(2, 3, 4).movedim((0, 1), (2, 0))", "t.moveaxis(f(2, 3), 0, 1)", "f(1, 3).expand(2, 3)", "f(3).expand(2, 3)", "f(1, 3).expand(4, -1)", "f(1, 3).expand(-1, -1)", "f(2, 3).expand(2, 4)", "f(2, 3).expand(3)", "f(3).expand(-1, 3)", "f(1).expand_as(f(3))", "f().expand(2)", "t.broadcast_to(f(3), (2, 3))", "t.broadcast_tensors(f(3, 1), f(1, 2))", "f(1, 3).broadcast_to((2, 3))",
    "f(5).narrow(0, 1, 3)", "f(5).narrow(0, -2, 2)", "f(5).narrow(0, 3, 3)", "f().narrow(0, 0, 1)", "f(3, 4).select(1, 2)", "f(3, 4).select(0, -1)", "f(3, 4).select(0, 3)", "f(3, 4).diagonal()", "f(3, 4).diagonal(1)", "f(2, 3, 4).diagonal(0, 1, 2)", "f(3, 4).diagonal(-1)", "f(3).diagonal()", "t.diag(f(3))", "t.diag(f(3), 1)", "t.diag(f(3, 3))", "t.diag(f(3, 4), -1)", "t.diag(f(2, 2, 2))", "t.diag_embed(f(2, 3))", "t.diag_embed(f(2, 3), 1)", "t.diagflat(f(2, 2))",
    "f(5).unfold(0, 2, 1)", "f(3, 7).unfold(1, 3, 2)", "f(3).detach()", "f(3).data", "f(2, 3).real", "f(6).tensor_split(4)", "f(6).tensor_split((2, 3))", "f(2, 3).adjoint()",
    "f(5).split(2)", "f(5).split([2, 3])", "f(5).split([2, 2])", "f(4, 5).split(2, dim=1)", "f(4, 5).split([1, 3], 0)", "f(5).split(0)", "f(5).split(10)", "f(6).chunk(3)", "f(7).chunk(3)", "f(3).chunk(5)", "f(4, 6).chunk(2, dim=1)", "f(4, 6).chunk(2, -1)", "f(5).chunk(0)", "f(3, 2).unbind()", "f(3, 2).unbind(1)", "f().unbind()", "t.unbind(f(2, 3), -1)", "f(4, 2).hsplit(2)", "f(4, 2).vsplit(2)",
    "t.atleast_1d(f())", "t.atleast_2d(f(3))", "t.atleast_3d(f(2, 3))", "f(3).contiguous()", "f(2, 3).T.contiguous()", "f(1, 3).expand(2, 3).contiguous()", "f(2, 3).T.clone()", "f(1, 3).expand(2, 3).clone()", "f(2, 3, 4).permute(1, 2, 0).clone()", "f(2, 3).clone(memory_format=t.contiguous_format)", "f(2, 3).is_contiguous()", "f(2, 3).T.is_contiguous()", "f(2, 3).stride()", "f(2, 3, 4).permute(2, 0, 1).stride()", "f(3, 1, 2).stride()", "f(4)[1:].storage_offset()", "f(2, 3).size()", "f(2, 3).size(-1)", "f(2, 3).size(2)", "f(2, 3).numel()", "f(2, 3).dim()", "len(f(2, 3))", "f(2, 3).shape[0]", "f(2, 3).nbytes", "f(3).element_size()",
]  # fmt: skip
JOINS = [
    "t.cat([f(2, 3), f(1, 3)])", "t.cat((f(2, 3), f(2, 1)), dim=1)", "t.cat([f(2, 3), f(2, 1)], -1)", "t.cat([f(2, 3), f(3)])", "t.cat([f(2, 3), f(3, 2)])", "t.cat([])", "t.cat([f(3), i(3)])", "t.cat([f(3), h(3)])", "t.cat([f(2, 3), f(0)])", "t.cat([f(0), f(0)])", "t.cat([f(), f()])", "t.cat([f(2), 3])", "t.cat([f(2)], 1)", "t.cat([f(2, 3).T, f(2, 3).T])", "t.concat([f(2), f(2)])", "t.cat([b(2), i(2)])", "t.cat([f(2, 3)], axis=1)", "t.cat([f(0, 3), f(2, 3)])",
    "t.stack([f(2, 3), f(2, 3)])", "t.stack([f(3), f(3)], 1)", "t.stack([f(3), f(3)], dim=-1)", "t.stack([f(), f()])", "t.stack([f(3), f(4)])", "t.stack([f(3)], 2)", "t.stack([f(3), d(3)])", "t.stack([])", "t.hstack([f(3), f(2)])", "t.hstack([f(2, 3), f(2, 1)])", "t.vstack([f(3), f(3)])", "t.vstack([f(1, 3), f(2, 3)])", "t.hstack([f(), f()])", "t.dstack([f(2), f(2)])", "t.column_stack([f(3), f(3, 2)])", "t.row_stack([f(3), f(3)])", "t.block_diag(f(2, 2), f(1, 3))",
    "f(3).repeat(2)", "f(3).repeat(2, 2)", "f(2, 3).repeat(2)", "f(2, 3).repeat(1, 2)", "f(2, 3).repeat((2, 1, 1))", "f(3).repeat(0)", "f(3).tile(2)", "f(2, 3).tile((2,))", "t.tile(f(2, 3), (1, 2, 2))", "f(3).repeat_interleave(2)", "f(2, 3).repeat_interleave(2, dim=1)", "f(3).repeat_interleave(of([1, 0, 2], 'int64'))", "f(2, 3).repeat_interleave(of([1, 2], 'int64'), dim=0)", "f(2, 2).repeat_interleave(2)",
    "f(2, 3).flip(0)", "f(2, 3).flip(0, 1)", "f(2, 3).flip([1])", "t.flip(f(2, 3), (0,))", "f(3).flip(1)", "f(2, 3).fliplr()", "f(2, 3).flipud()", "f(2, 3).rot90()", "f(2, 3).roll(1)", "f(2, 3).roll(1, 0)", "f(2, 3).roll((1, 2), (0, 1))", "f(2, 3).roll(-1, -1)", "f(3, 3).tril()", "f(3, 4).tril(1)", "f(2, 3, 3).triu(-1)", "t.triu(f(3, 3), diagonal=1)", "b(3, 3).tril()", "f(3).tril()", "t.tril_indices(3, 3)", "t.triu_indices(3, 4, 1)",
    "t.meshgrid(f(2), f(3))", "t.meshgrid(f(2), f(3), indexing='xy')", "t.meshgrid(f(2), f(3), indexing='ij')", "t.cartesian_prod(f(2), f(3))", "t.combinations(f(4), 2)", "t.diff(f(5))", "t.diff(f(3, 5), n=2, dim=1)", "f(5).diff()", "b(4).diff()", "t.vander(f(3).detach())", "t.cumulative_trapezoid(f(5))", "t.trapezoid(f(5))",
]  # fmt: skip
CONVERT = [
    "f(3).to(t.float64)", "f(3).to(t.float32)", "f(3).to('cpu')", "f(3).to(t.float16, copy=True)", "f(3).to(t.float32, copy=True)", "f(3).to(d(2))", "f(3).to('cpu', t.float64)", "f(3).to(dtype=t.int64)", "f(3).to(t.device('cpu'))", "f(3).double()", "f(3).half()", "f(3).bfloat16()", "f(3).int()", "f(3).long()", "f(3).bool()", "i(3).float()", "f(3).type(t.float64)", "f(3).type()", "i(3).type()", "f(3).type_as(d(2))", "b(3).float()", "of([1.9, -1.9, 0.5]).int()", "of([300, -1], 'int64').to(t.uint8)", "f(2, 3).T.double()", "h(3).float()", "c(3).to(t.complex128)", "f(3).to(t.complex64)", "d(3).float()", "bf(3).half()", "f(3).float()", "of([0.0, 0.1, -2.0]).bool()",
    "f(2).tolist()", "i(2, 2).tolist()", "f().item()", "f(2).item()", "i().item()", "b(2).tolist()", "bool(f(1))", "bool(f(2))", "bool(f(0))", "int(of(2.7))", "float(i())", "float(f(2))", "[x for x in i(3)]", "list(f())", "2 in of([1, 2], 'int64')", "range(5)[of(2, 'int64')]", "range(5)[of(2.0)]", "f(3).__len__()", "f().__len__()", "t.is_tensor(f(2))", "t.numel(f(2, 3))", "t.is_floating_point(i(2))", "t.is_complex(c(2))", "f(3).is_floating_point()", "f(3).is_signed()", "u8(3).is_signed()", "f(1).is_nonzero()", "t.is_nonzero(f(2))", "f(3).requires_grad", "f(3).is_leaf", "(f(3) * 2).is_leaf", "(i(3) * 2).requires_grad",
    "t.zeros_like(f(2, 3))", "t.ones_like(i(2))", "t.full_like(f(2), 3)", "t.full_like(i(2), 3)", "t.zeros_like(f(2, 3).T)", "t.ones_like(f(2), dtype=t.int64)", "t.empty_like(f(2, 3).T).stride()", "f(2).new_zeros(3)", "f(2).new_ones(2, 2)", "f(2).new_full((2,), 1.5)", "i(2).new_tensor([1.5])", "f(2).new_tensor([1, 2])", "d(2).new_empty(2).dtype", "t.zeros(2, 3)", "t.zeros((2, 3))", "t.zeros([2])", "t.zeros(2, dtype=t.int64)", "t.ones(())", "t.full((2,), 1)", "t.full((2,), 1.5)", "t.full((2,), True)", "t.full((2,), 1, dtype=t.float64)", "t.eye(3)", "t.eye(2, 3)", "t.arange(5)", "t.arange(1, 5)", "t.arange(0, 1, 0.25)", "t.arange(5.0)", "t.arange(5, 0, -2)", "t.arange(3, 1)", "t.arange(0, 3, dtype=t.float64)", "t.linspace(0, 1, 5)", "t.linspace(3, 3, 1)", "t.linspace(0, 10, 4, dtype=t.int64)", "t.logspace(0, 2, 3)", "t.zeros(-1)", "t.zeros(2.5)", "t.tensor([1, 2])", "t.tensor([1.0, 2])", "t.tensor(True)", "t.tensor([[1], [2]])", "t.tensor([])", "t.tensor([1, 2.5, True])", "t.tensor([[1, 2], [3]])", "t.tensor('a')", "t.tensor([None])", "t.tensor(3j)", "t.tensor([1, 2], dtype=t.float16)", "t.as_tensor([1, 2])", "t.scalar_tensor(3)", "t.tensor(2**63)", "t.arange(0, 2, 0.3)", "t.linspace(-1, 1, 7)", "t.logspace(0, 1, 4, base=2)",
]  # fmt: skip
# Composed of other operations than PyTorch's: grad_fn has another name there.
OTHER_NAMES = ("rot90", "t.diag(", "block_diag", "repeat_interleave", "combinations", "vander", "trapezoid")
# Copies where PyTorch has views or another order in memory.
OTHER_LAYOUT = ("unfold", "rot90")


@pytest.mark.parametrize("code", VIEWS)
def test_views(agree, code):
    agree(code, exact=True, names="t.diag(" not in code, layout=not any(n in code for n in OTHER_LAYOUT))


@pytest.mark.parametrize("code", JOINS)
def test_joining(agree, code):
    # Gradients of repetitions are sums, in another order.
    agree(
        code,
        exact=False,
        names=not any(n in code for n in OTHER_NAMES),
        layout=not any(n in code for n in OTHER_LAYOUT),
    )


@pytest.mark.parametrize("code", CONVERT)
def test_conversion(agree, code):
    agree(code, exact=not any(n in code for n in ("linspace", "logspace", "arange")))
