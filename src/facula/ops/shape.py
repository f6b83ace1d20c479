"""Operations that rearrange elements: most are views of the same memory."""

from __future__ import annotations

from typing import Any

from ..autograd.op import op
from ..kernels.namespace import namespace

Shape = tuple[int, ...]


@op(view=True, grad_name="ViewBackward0")
def reshape(input: Any, /, shape: Shape) -> Any:
    """The elements in row-major order in another shape; a view where strides allow."""
    return input.reshape(shape)


reshape.vjp(input=lambda g, input_shape: reshape(g, input_shape))


@op(grad_name="UnsafeViewBackward0")
def reshape_copy(input: Any, /, shape: Shape) -> Any:
    """`reshape` where it is known that the strides do not allow a view; PyTorch's node has another name
    then.
    """
    return input.reshape(shape)


reshape_copy.vjp(input=lambda g, input_shape: reshape(g, input_shape))


@op(view=True)
def expand(input: Any, /, shape: Shape) -> Any:
    """Dimensions of length one repeated without copying; new ones in front."""
    result = namespace(input).broadcast_to(input, shape)
    if input.flags.writeable:
        result.flags.writeable = True  # as in PyTorch, writing through the view is allowed
    return result


def _expand_input(g: Any, input_shape: Shape) -> Any:
    from .reduce import sum_to

    return g if tuple(g.shape) == input_shape else sum_to(g, input_shape)


expand.vjp(input=_expand_input)


@op(view=True)
def permute(input: Any, /, dims: Shape) -> Any:
    """The dimensions in another order."""
    return input.transpose(dims)


permute.vjp(input=lambda g, dims: permute(g, tuple(dims.index(i) for i in range(len(dims)))))


@op(view=True)
def transpose(input: Any, /, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged."""
    return input.swapaxes(dim0, dim1) if input.ndim else input[...]


transpose.vjp(input=lambda g, dim0, dim1: transpose(g, dim0, dim1))


@op("torch", "Tensor", view=True)
def t(input: Any, /) -> Any:
    """The transpose of a matrix; a vector or a number comes back unchanged."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.T


t.vjp(input=lambda g: t(g))


def _squeeze_name(input: Any, dim: Any) -> str:
    return f"SqueezeBackward{0 if dim is None else 1 if isinstance(dim, int) else 2}"


@op(view=True, grad_name=_squeeze_name)
def squeeze(input: Any, /, dim: int | Shape | None = None) -> Any:
    """Without the dimensions of length one (only those among `dim`, if given)."""
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return input.reshape(tuple(n for i, n in enumerate(input.shape) if not (i in dims and n == 1)))


squeeze.vjp(input=lambda g, input_shape: reshape(g, input_shape))


@op(view=True)
def unsqueeze(input: Any, /, dim: int) -> Any:
    """A new dimension of length one at `dim`."""
    return namespace(input).expand_dims(input, dim)


unsqueeze.vjp(input=lambda g, input_shape: reshape(g, input_shape))


@op(view=True, grad_name="SliceBackward0")
def slice_dim(input: Any, /, dim: int, start: int, stop: int, step: int) -> Any:
    """Every `step`-th entry of a dimension from `start` up to `stop`."""
    return input[(slice(None),) * dim + (slice(start, stop, step),)]


slice_dim.vjp(
    input=lambda g, input_shape, dim, start, stop, step: unslice(g, input_shape, dim, start, stop, step)
)


@op()
def unslice(input: Any, /, shape: Shape, dim: int, start: int, stop: int, step: int) -> Any:
    """Zeros of `shape` with the input in the place that `slice_dim` takes: the gradient of slicing."""
    result = namespace(input).zeros(shape, input.dtype)
    result[(slice(None),) * dim + (slice(start, stop, step),)] = input
    return result


unslice.vjp(input=lambda g, dim, start, stop, step: slice_dim(g, dim, start, stop, step))


def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    """`length` entries of a dimension from `start`."""
    return slice_dim(x, dim, start, start + length, 1)


@op(view=True)
def select(input: Any, /, dim: int, index: int) -> Any:
    """One entry of a dimension, which disappears."""
    return input[(slice(None),) * dim + (index, ...)]  # the dots keep a 0-d result an array


select.vjp(input=lambda g, input_shape, dim, index: unselect(g, input_shape, dim, index))


@op()
def unselect(input: Any, /, shape: Shape, dim: int, index: int) -> Any:
    """Zeros of `shape` with the input at `index` of `dim`: the gradient of selecting."""
    result = namespace(input).zeros(shape, input.dtype)
    result[(slice(None),) * dim + (index,)] = input
    return result


unselect.vjp(input=lambda g, dim, index: select(g, dim, index))


@op(view=True, grad_name="SplitWithSizesBackward0")
def split_sizes(input: Any, /, sizes: Shape, dim: int) -> Any:
    """Consecutive pieces of the given lengths along a dimension."""
    pieces, start = [], 0
    for n in sizes:
        pieces.append(input[(slice(None),) * dim + (slice(start, start + n),)])
        start += n
    return tuple(pieces)


@op(view=True, grad_name="SplitBackward0")
def split_equal(input: Any, /, sizes: Shape, dim: int) -> Any:
    """`split_sizes` for equal lengths; PyTorch tells the two apart by the name of the node."""
    return split_sizes.op.forward(input, sizes, dim)


def _split_input(g: Any, input_shape: Shape, input_dtype: Any, sizes: Shape, dim: int) -> Any:
    if len(sizes) == 1:
        return g
    return cat(
        [
            filled(p, (*input_shape[:dim], n, *input_shape[dim + 1 :]), input_dtype, g)
            for p, n in zip(g, sizes, strict=True)
        ],
        dim,
    )


split_sizes.vjp(input=_split_input)
split_equal.vjp(input=_split_input)


def filled(piece: Any, shape: Shape, dtype: Any, others: Any) -> Any:
    """A piece of a gradient, or zeros on the others' device where no gradient came."""
    if piece is not None:
        return piece
    known = next(p for p in others if p is not None)
    array = known._array if hasattr(known, "_array") else known
    return namespace(array).zeros(shape, getattr(dtype, "numpy", dtype))


@op(view=True)
def unbind(input: Any, /, dim: int = 0) -> Any:
    """All entries of a dimension, each without it."""
    return tuple(input[(slice(None),) * dim + (i, ...)] for i in range(input.shape[dim]))


def _unbind_input(g: Any, input_shape: Shape, input_dtype: Any, dim: int) -> Any:
    if input_shape[dim] == 1:
        return reshape(g, input_shape)
    return stack([filled(p, input_shape[:dim] + input_shape[dim + 1 :], input_dtype, g) for p in g], dim)


unbind.vjp(input=_unbind_input)


@op(sequence=True, name="concatenate")
def cat(tensors: Any, /, dim: int = 0) -> Any:
    """Arrays joined along a dimension."""
    xp = namespace(tensors[0])
    return xp.ascontiguousarray(xp.concatenate(tensors, axis=dim))


def _cat_tensors(g: Any, tensors_shape: Any, dim: int) -> Any:
    pieces, start = [], 0
    for shape in tensors_shape:
        pieces.append(narrow(g, dim, start, shape[dim]))
        start += shape[dim]
    return pieces


cat.vjp(tensors=_cat_tensors)


@op(sequence=True)
def stack(tensors: Any, /, dim: int = 0) -> Any:
    """Arrays of one shape joined along a new dimension."""
    return namespace(tensors[0]).stack(tensors, axis=dim)


stack.vjp(tensors=lambda g, tensors_shape, dim: [select(g, dim, i) for i in range(len(tensors_shape))])


@op()
def flip(input: Any, /, dims: Shape) -> Any:
    """The order of entries reversed along dimensions; a copy."""
    return namespace(input).flip(input, dims).copy()


flip.vjp(input=lambda g, dims: flip(g, dims))


@op()
def roll(input: Any, /, shifts: Shape, dims: Shape | None = None) -> Any:
    """Entries shifted along dimensions; what falls out at the end comes in at the front."""
    return namespace(input).roll(input, shifts, dims)


roll.vjp(input=lambda g, shifts, dims: roll(g, tuple([-s for s in shifts]), dims))


@op()
def repeat(input: Any, /, repeats: Shape) -> Any:
    """The whole array repeated along each dimension."""
    return namespace(input).tile(input, repeats)


def _repeat_input(g: Any, input_shape: Shape, repeats: Shape) -> Any:
    from .reduce import sum

    shape = (1,) * (len(repeats) - len(input_shape)) + input_shape
    split = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    if 0 in repeats:
        return expand(reshape(sum(g, None, False, None), (1,) * len(input_shape)), input_shape)
    return reshape(sum(reshape(g, tuple(split)), tuple(range(0, len(split), 2)), False, None), input_shape)


repeat.vjp(input=_repeat_input)


@op(name="tril")
def tril(input: Any, /, diagonal: int = 0) -> Any:
    """The part on and below a diagonal; zeros elsewhere."""
    return namespace(input).tril(input, diagonal)


@op(name="triu")
def triu(input: Any, /, diagonal: int = 0) -> Any:
    """The part on and above a diagonal; zeros elsewhere."""
    return namespace(input).triu(input, diagonal)


tril.vjp(input=lambda g, diagonal: tril(g, diagonal))
triu.vjp(input=lambda g, diagonal: triu(g, diagonal))


@op(view=True)
def diagonal(input: Any, /, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A diagonal of two dimensions, as a new last dimension."""
    result = namespace(input).diagonal(input, offset, dim1, dim2)
    if input.flags.writeable:
        result.flags.writeable = True
    return result


@op(grad_name="DiagEmbedBackward0")
def undiagonal(input: Any, /, shape: Shape, offset: int, dim1: int, dim2: int) -> Any:
    """Zeros of `shape` with the input on a diagonal: the gradient of `diagonal`."""
    xp = namespace(input)
    result = xp.zeros(shape, input.dtype)
    view = xp.diagonal(result, offset, dim1, dim2)
    view.flags.writeable = True
    view[...] = input
    return result


diagonal.vjp(input=lambda g, input_shape, offset, dim1, dim2: undiagonal(g, input_shape, offset, dim1, dim2))
undiagonal.vjp(input=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2))
