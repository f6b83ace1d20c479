"""More ways to rearrange, join and pick elements, composed of the basic ones."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .._tensor import Tensor, normalize_dim, wrap
from ..autograd.op import apply_inplace, op, public, write_out
from ..kernels.namespace import namespace
from . import shape
from .arguments import sizes_of
from .index import _check_index, scatter_into, take_rows
from .pointwise import where
from .reshaping import cat, stack
from .shape import reshape, unslice

Shape = tuple[int, ...]

# ---- views
# ---------------------------------------------------------------------------------------------------


@public("torch", "Tensor")
def ravel(input: Tensor) -> Tensor:
    """All elements as a vector."""
    return input.contiguous().view(-1)


@public("Tensor")
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dimensions exchanged: a view."""
    return input.transpose(axis0, axis1)


@public("torch", "Tensor")
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged: a view."""
    return input.transpose(dim0, dim1)


@public("Tensor")
def moveaxis(self: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places; the rest keep their order."""
    return self.movedim(source, destination)


@public("Tensor")
def broadcast_to(self: Tensor, size: Any) -> Tensor:
    """Expanded to a shape."""
    return self.expand(tuple(size))


@public("torch", "Tensor")
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, of the conjugate."""
    result = input.transpose(-2, -1)
    return result.conj() if input.is_complex() else result


@op(grad_name="UnfoldBackward0")
def windows(input: Any, /, dim: int, size: int, step: int) -> Any:
    """All slices of `size` entries of a dimension, `step` apart, with the entries as a new last dimension."""
    view = namespace(input).lib.stride_tricks.sliding_window_view(input, size, dim)
    return view[(slice(None),) * dim + (slice(None, None, step),)].copy()


@op()
def unwindows(input: Any, /, shape: Shape, dim: int, size: int, step: int) -> Any:
    """Zeros of `shape` to which every slice is added at its place: the gradient of `windows`."""
    result = namespace(input).zeros(shape, input.dtype)
    count = input.shape[dim]
    for k in range(size):
        place = (slice(None),) * dim + (slice(k, k + (count - 1) * step + 1, step),)
        result[place] += input[..., k]
    return result


windows.vjp(input=lambda g, input_shape, dim, size, step: unwindows(g, input_shape, dim, size, step))
unwindows.vjp(input=lambda h, dim, size, step: windows(h, dim, size, step))


@public("Tensor")
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All slices of `size` entries of a dimension, `step` apart, with the entries as a new last dimension:
    a copy.
    """
    dim = normalize_dim(dimension, self.ndim)
    if size < 0 or step <= 0 or size > (self.shape[dim] if self.ndim else 1):
        raise RuntimeError(
            f"[unfold] size and step must fit the dimension: got size={size}, step={step}, length "
            f"{self.shape[dim]}"
        )
    return windows(self, dim, size, step)


@public("torch", "Tensor")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along a dimension: that many of nearly equal length, or cut at the given indices."""
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        sizes = [n // k + (i < n % k) for i in range(k)]
        cuts = list(itertools.accumulate(sizes))[:-1]
    else:
        cuts = [min(max(c + n if c < 0 else c, 0), n) for c in indices_or_sections]
    ends = [*cuts, n]
    starts = [0, *cuts]
    return tuple(shape.slice_dim(input, dim, a, max(a, b), 1) for a, b in zip(starts, ends, strict=True))


@public("torch", "Tensor")
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the second dimension (the first of a vector)."""
    return tensor_split(input, indices_or_sections, 0 if input.ndim == 1 else 1)


@public("torch", "Tensor")
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the first dimension."""
    return tensor_split(input, indices_or_sections, 0)


def _atleast(n: int, tensors: tuple[Any, ...]) -> Any:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    result = []
    for t in given:
        if t.ndim == 0:
            t = t.reshape((1,) * n)
        elif t.ndim == 1 and n > 1:
            t = t.unsqueeze(0)
        result.append(t.unsqueeze(-1) if n == 3 and t.ndim == 2 else t)
    return result[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else tuple(result)


@public("torch")
def atleast_1d(*tensors: Any) -> Any:
    """Tensors with at least one dimension."""
    return _atleast(1, tensors)


@public("torch")
def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions."""
    return _atleast(2, tensors)


@public("torch")
def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions."""
    return _atleast(3, tensors)


# ---- joining and making
# --------------------------------------------------------------------------------------


@public("torch")
def dstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined along the third dimension."""
    return cat(list(_atleast(3, (list(tensors),))), 2, out=out)


@public("torch")
def column_stack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined as columns; vectors are columns."""
    return cat([t.reshape(-1, 1) if t.ndim < 2 else t for t in tensors], 1, out=out)


@public("torch")
def row_stack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined as rows."""
    from .reshaping import vstack

    return vstack(tensors, out=out)


@public("torch")
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of a matrix of zeros."""
    from ..factory import zeros

    blocks = [t.reshape(1, -1) if t.ndim < 2 else t for t in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows, before = [], 0
    for b in blocks:
        left = zeros(b.shape[0], before, dtype=b.dtype)
        right = zeros(b.shape[0], width - before - b.shape[1], dtype=b.dtype)
        rows.append(cat([left, b, right], 1))
        before += b.shape[1]
    return cat(rows, 0)


@public("torch")
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid, one tensor for each vector; `indexing` "ij" (matrix) or "xy" (first two
    exchanged).
    """
    given = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if any(t.ndim > 1 for t in given):
        raise RuntimeError("torch.meshgrid: Expected 0D or 1D tensor in the tensor list")
    swap = indexing == "xy" and len(given) >= 2
    if swap:
        given[0], given[1] = given[1], given[0]
    full = tuple(t.numel() for t in given)
    grids = [
        t.reshape([-1 if i == k else 1 for i in range(len(given))]).expand(full) for k, t in enumerate(given)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@public("torch")
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element of each vector, a row each."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([g.reshape(-1) for g in meshgrid(*tensors)], 1)


@public("torch")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements of a vector, a row each."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return input[wrap(rows)]


@public("torch", "Tensor")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension on the diagonal of matrices of zeros."""
    n = input.ndim + 1
    a, b = normalize_dim(dim1, n), normalize_dim(dim2, n)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    length = input.shape[-1] + abs(offset)
    sizes = list(input.shape[:-1])
    for d in sorted((a, b)):
        sizes.insert(d, length)
    return shape.undiagonal(input, tuple(sizes), offset, a, b)


@public("torch", "Tensor")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements on the diagonal of a matrix of zeros."""
    return diag_embed(input.reshape(-1), offset)


@public("torch", "Tensor")
def fliplr(input: Tensor) -> Tensor:
    """The columns in the opposite order."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip(1)


@public("torch", "Tensor")
def flipud(input: Tensor) -> Tensor:
    """The rows in the opposite order."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip(0)


@public("torch", "Tensor")
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by 90 degrees `k` times, from the first of `dims` towards the second."""
    a, b = dims
    k %= 4
    if k == 0:
        return input.clone()
    if k == 2:
        return input.flip(a, b)
    return input.flip(b).transpose(a, b).contiguous() if k == 1 else input.transpose(a, b).flip(b)


@public("torch")
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements as columns, from the highest down."""
    from ..factory import ones_like

    columns = [ones_like(x)]
    for _ in range((x.shape[0] if N is None else N) - 1):
        columns.append(columns[-1] * x)
    return stack(columns if increasing else columns[::-1], 1)


# ---- picking and writing
# -------------------------------------------------------------------------------------


@public("torch", "Tensor")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened tensor."""
    n = input.numel()
    if index.numel() and not -n <= int(index._array.min()) <= int(index._array.max()) < n:
        raise IndexError(f"out of range: tried to access an index on a tensor of {n} elements")
    return take_rows(input.reshape(-1), 0, index._array)


@public("torch", "Tensor")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """`gather` with indices that broadcast; without `dim` from the flattened tensor."""
    if dim is None:
        result = input.reshape(-1).gather(0, indices.reshape(-1))
    else:
        dim = normalize_dim(dim, input.ndim)
        others = lambda s: [1 if i == dim else n for i, n in enumerate(s)]  # noqa: E731
        full = np.broadcast_shapes(others(input.shape), others(indices.shape))
        width = [indices.shape[dim] if i == dim else n for i, n in enumerate(full)]
        length = [input.shape[dim] if i == dim else n for i, n in enumerate(full)]
        result = input.expand(length).gather(dim, indices.expand(width))
    found: Tensor = write_out("take_along_dim", result, out)
    return found


def _with_rows(name: str, input: Tensor, dim: int, index: Tensor, source: Any, mode: str) -> tuple[Any, ...]:
    """The arguments of `scatter_into` that write whole entries of a dimension."""
    dim = normalize_dim(dim, input.ndim)
    if index._array.dtype.kind not in "iu":
        raise (IndexError if name == "index_fill" else RuntimeError)(
            f"{name}_(): Expected dtype int32/int64 for index"
        )
    if index.ndim > 1:
        raise IndexError(f"{name}_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if isinstance(source, Tensor) and source.ndim and source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"{name}_(): self and source expected to have the same dtype, but got (self) {input.dtype} and "
            f"(source) {source.dtype}"
        )
    at = index._array.reshape(-1)
    at = np.where(at < 0, at + input.shape[dim], at) if name == "index_fill" else at
    full = tuple(at.size if i == dim else n for i, n in enumerate(input.shape))
    if isinstance(source, Tensor) and source.ndim and tuple(source.shape) != full:
        raise (IndexError if source.ndim != input.ndim else RuntimeError)(
            f"[{name}] source must have shape {full}: got {tuple(source.shape)}"
        )
    where_ = np.broadcast_to(at.reshape([-1 if i == dim else 1 for i in range(input.ndim)]), full)
    _check_index(name, where_, tuple(input.shape), dim)
    if isinstance(source, Tensor) and source.ndim == 0:
        source = source.expand(full)
    return (input, source, dim, where_, mode)


@public("torch", "Tensor")
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy to whose entries along `dim` those of `alpha * source` are added at `index`."""
    return scatter_into(
        *_with_rows("index_add", input, dim, index, source if alpha == 1 else source * alpha, "add")
    )


@public("Tensor")
def index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """In-place `index_add`."""
    args = _with_rows("index_add", self, dim, index, source if alpha == 1 else source * alpha, "add")
    return apply_inplace(scatter_into.op, args, None, "IndexAddBackward0")


@public("torch", "Tensor")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy whose entries along `dim` at `index` are those of `source`."""
    return scatter_into(*_with_rows("index_copy", input, dim, index, source, "set"))


@public("Tensor")
def index_copy_(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """In-place `index_copy`."""
    return apply_inplace(
        scatter_into.op, _with_rows("index_copy", self, dim, index, source, "set"), None, "IndexCopyBackward0"
    )


@public("torch", "Tensor")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy whose entries along `dim` at `index` are all `value`."""
    return scatter_into(*_with_rows("index_fill", input, dim, index, value, "set"))


@public("Tensor")
def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """In-place `index_fill`."""
    return apply_inplace(
        scatter_into.op, _with_rows("index_fill", self, dim, index, value, "set"), None, "IndexFillBackward0"
    )


@public("torch", "Tensor")
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with `source` written (or added) at places of the flattened tensor."""
    flat = input.clone().reshape(-1).index_put((index.reshape(-1),), source.reshape(-1), accumulate)
    return flat.reshape(input.shape)


@op(grad_name="MaskedScatterBackward0")
def scatter_masked(input: Any, source: Any, /, mask: Any) -> Any:
    """A copy in which the places where the mask is True take the elements of `source` in order."""
    result = input.copy()
    result[mask] = source.reshape(-1)[: int(mask.sum())]
    return result


def _masked_source(g: Any, source_shape: Shape, mask: Any) -> Any:
    from .index import mask_select

    n = 1
    for s in source_shape:
        n *= s
    taken = mask_select(g, mask)
    return reshape(unslice(taken, (n,), 0, 0, taken.shape[0], 1), source_shape)


scatter_masked.vjp(input=lambda g, mask: where(mask, 0.0, g), source=_masked_source)


def _masked(input: Tensor, mask: Tensor, source: Tensor) -> tuple[Any, ...]:
    if mask._array.dtype != bool:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    if source._array.dtype != input._array.dtype:
        raise RuntimeError("masked_scatter_: expected self and source to have same dtypes")
    full = np.broadcast_to(mask._array, input._array.shape)
    if source.numel() < full.sum():
        raise RuntimeError(
            f"masked_scatter_: expected at least {int(full.sum())} source elements: got {source.numel()}"
        )
    return (input, source, full)


@public("torch", "Tensor")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy in which the places where the mask is True take the elements of `source` in order."""
    return scatter_masked(*_masked(input, mask, source))


@public("Tensor")
def masked_scatter_(self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """In-place `masked_scatter`."""
    return apply_inplace(scatter_masked.op, _masked(self, mask, source))


@public("torch", "Tensor")
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy combined with `src` at `index`: "sum" or "mean". RuntimeError for another name, "prod",
    "amax", "amin" are not supported.
    """
    if reduce in ("prod", "amax", "amin"):
        raise NotImplementedError(f"[scatter_reduce] reduce={reduce!r} is not supported")
    if reduce not in ("sum", "mean"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    ones = wrap(np.ones(index._array.shape, input._array.dtype))
    hit = wrap(np.zeros(input._array.shape, input._array.dtype)).scatter_add(dim, index, ones)
    base = input if include_self else input.masked_fill(hit > 0, 0)
    total = base.scatter_add(dim, index, src)
    if reduce == "sum":
        return total
    count = hit + 1 if include_self else hit.clamp_min(1)
    return total / count


@public("Tensor")
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Summed over the dimensions that broadcasting from `size` would repeat."""
    from .reduce import sum_to

    return sum_to(self, sizes_of("sum_to_size", size))


def _in_place(name: str) -> None:
    """`name_`: the result of `name` written into the tensor."""
    from ..autograd.op import check_inplace
    from .index import assign

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        from ..autograd.op import alias

        old = alias(self) if check_inplace(self) else self
        return assign(self, getattr(old.clone(), name)(*args, **kwargs))

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"In-place form of `{name}`."
    public("Tensor")(change)


for _name in ("tril", "triu", "cumsum", "cumprod", "addmm", "baddbmm", "addmv", "put"):
    _in_place(_name)
