"""PyTorch's call shapes of rearranging: thin wrappers over the ops."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from .. import _dtype
from .._tensor import Tensor, normalize_dim, wrap
from ..autograd.op import public, write_out
from . import pointwise, shape
from .arguments import dims_of, numpy_names, sizes_of


def _whole(input: Tensor, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with -1 worked out; RuntimeError if it does not fit."""
    n = input._array.size
    if sizes and builtins.min(sizes) >= 0 and math.prod(sizes) == n:
        return sizes
    if builtins.any(s < -1 for s in sizes):
        raise RuntimeError(f"invalid shape dimension {builtins.min(sizes)}")
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 in sizes:
        known = math.prod(s for s in sizes if s != -1)
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the unspecified "
                "dimension size -1 "
                "can be any value and is ambiguous"
            )
        if n % known:
            raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {n}")
        return tuple(n // known if s == -1 else s for s in sizes)
    if math.prod(sizes) != n:
        raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {n}")
    return sizes


@public("Tensor")
def view(self: Tensor, *shape_or_dtype: Any) -> Tensor:
    """The same memory in another shape, or read as another dtype. RuntimeError if the strides do not allow
    it.
    """
    if len(shape_or_dtype) == 1 and isinstance(shape_or_dtype[0], _dtype.dtype):
        return wrap(self._array.view(shape_or_dtype[0].numpy))
    sizes = _whole(self, sizes_of("view", shape_or_dtype))
    result = shape.reshape(self, sizes)
    if result._base is None and self._array.size and not np.may_share_memory(result._array, self._array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return result


@public("Tensor")
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same memory in the shape of `other`."""
    return self.view(other.shape)


@public("torch")
def reshape(input: Tensor, shape: Any) -> Tensor:
    """The elements in row-major order in another shape; a view where strides allow, else a copy."""
    return _reshape(input, sizes_of("reshape", (tuple(shape),)))


@public("Tensor", name="reshape")
def reshape_method(self: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order in another shape; a view where strides allow, else a copy."""
    return _reshape(self, sizes_of("reshape", shape))


def _reshape(input: Tensor, sizes: tuple[int, ...]) -> Tensor:
    sizes = _whole(input, sizes)
    a = input._array
    if a.flags.c_contiguous or np.may_share_memory(a.reshape(sizes), a):
        return shape.reshape(input, sizes)
    return shape.reshape_copy(input, sizes)


@public("Tensor")
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of `other`."""
    return _reshape(self, tuple(other.shape))


@public("torch", "Tensor")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` as one."""
    n = input._array.ndim
    start, end = normalize_dim(start_dim, n), normalize_dim(end_dim, n)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end and n:
        return input
    sizes = input._array.shape
    return _reshape(input, (*sizes[:start], math.prod(sizes[start : end + 1]), *sizes[end + 1 :]))


@public("torch", "Tensor")
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several; one of `sizes` may be -1."""
    dim = normalize_dim(dim, input.ndim)
    sizes = tuple(int(s) for s in sizes)
    known = math.prod(s for s in sizes if s != -1)
    n = input.shape[dim]
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if (-1 in sizes and (known == 0 or n % known)) or (-1 not in sizes and known != n):
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({n}) in "
            "the input tensor"
        )
    whole = tuple(n // known if s == -1 else s for s in sizes)
    return shape.reshape(input, tuple(input.shape[:dim]) + whole + tuple(input.shape[dim + 1 :]))


@public("torch", "Tensor")
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of length one: all of them, or those of `dim`."""
    if isinstance(dim, int):
        return shape.squeeze(input, normalize_dim(dim, input._array.ndim))
    return shape.squeeze(input, None if dim is None else dims_of(dim, input.ndim))


@public("torch", "Tensor")
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of length one at `dim`."""
    return shape.unsqueeze(input, normalize_dim(dim, input._array.ndim + 1))


@public("torch", "Tensor")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged: a view."""
    return shape.transpose(input, normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim))


@public("torch")
def permute(input: Tensor, dims: Any) -> Tensor:
    """The dimensions in another order: a view."""
    return _permute(input, dims)


@public("Tensor", name="permute")
def permute_method(self: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order: a view."""
    return _permute(self, sizes_of("permute", dims))


def _permute(input: Tensor, dims: Any) -> Tensor:
    if len(dims) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of "
            "the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple(normalize_dim(d, input.ndim) for d in dims)
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return shape.permute(input, order)


@public("torch", "Tensor")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places; the rest keep their order."""
    n = input.ndim
    a = [normalize_dim(d, n) for d in ([source] if isinstance(source, int) else source)]
    b = [normalize_dim(d, n) for d in ([destination] if isinstance(destination, int) else destination)]
    order = [i for i in range(n) if i not in a]
    for place, dim in sorted(zip(b, a, strict=True)):
        order.insert(place, dim)
    return shape.permute(input, tuple(order))


@public("Tensor")
def expand(self: Tensor, *sizes: Any) -> Tensor:
    """Dimensions of length one repeated without copying; -1 keeps a length."""
    wanted = sizes_of("expand", sizes)
    have = self._array.shape
    lead = len(wanted) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"expand({self.dtype}{list(have)}, size={list(wanted)}): the number of sizes provided "
            f"({len(wanted)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    full = []
    for i, n in enumerate(wanted):
        old = have[i - lead] if i >= lead else None
        if n == -1:
            if old is None:
                raise RuntimeError(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                    f"dimension {i}"
                )
            n = old
        if old not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                "non-singleton dimension "
                f"{i}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(have)}"
            )
        full.append(n)
    return shape.expand(self, tuple(full))


@public("Tensor")
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expanded to the shape of `other`."""
    return self.expand(other.shape)


@public("torch")
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Expanded to a shape."""
    return input.expand(tuple(size))


@public("torch")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape."""
    full = np.broadcast_shapes(*(t._array.shape for t in tensors))
    return tuple(t.expand(full) for t in tensors)


@public("torch", "Tensor")
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` entries of a dimension from `start`: a view."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim]
    start = int(start)
    if start < 0:
        start += n
    if length < 0 or start < 0 or start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return shape.narrow(input, dim, start, length)


@public("torch", "Tensor")
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One entry of a dimension, which disappears: a view."""
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return shape.select(input, dim, int(index) % n)


@public("torch", "Tensor")
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Consecutive pieces along a dimension: of one length (the last may be shorter) or of the given
    lengths.
    """
    if tensor.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = normalize_dim(dim, tensor.ndim)
    n = tensor.shape[dim]
    if not isinstance(split_size_or_sections, int):
        sizes = tuple(int(s) for s in split_size_or_sections)
        if builtins.sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
                f"dimension {dim}), "
                f"but got split_sizes={list(sizes)}"
            )
        return shape.split_sizes(tensor, sizes, dim)
    step = split_size_or_sections
    if step < 0 or (step == 0 and n):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    sizes = tuple(builtins.min(step, n - i) for i in range(0, n, step)) if n else (0,)
    return shape.split_equal(tensor, sizes, dim)


@public("torch", "Tensor")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` consecutive pieces of equal length (the last may be shorter) along a dimension."""
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim]
    if n == 0:
        return shape.split_equal(input, (0,) * chunks, normalize_dim(dim, input.ndim))
    return split(input, -(-n // chunks), dim)


@public("torch", "Tensor")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All entries of a dimension as separate tensors: views."""
    if input._array.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = normalize_dim(dim, input._array.ndim)
    return shape.unbind(input, dim) if input._array.shape[dim] else ()


def _joinable(name: str, tensors: Any) -> list[Tensor]:
    found = list(tensors)
    if not found:
        raise RuntimeError(f"[{name}] expected a non-empty list of Tensors: got 0 tensors")
    for i, x in enumerate(found):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return found


@public("torch")
def cat(tensors: Any, dim: int = 0, *, out: Any = None, **numpy: Any) -> Tensor:
    """Tensors joined along a dimension; the other dimensions must agree. Dtypes are promoted.

    >>> import facula
    >>> facula.cat([facula.zeros(1, 2), facula.ones(1, 2)]).shape
    facula.Size([2, 2])
    """
    if numpy:
        dim, _ = numpy_names("cat", dim, False, numpy)
    if not len(tensors):
        raise ValueError("[cat] expected a non-empty list of Tensors: got 0 tensors")
    found = _joinable("cat", tensors)
    shapes = [x._array.shape for x in found]
    if () in shapes:
        raise RuntimeError(f"zero-dimensional tensor (at position {shapes.index(())}) cannot be concatenated")
    if len({x._array.dtype for x in found}) > 1:
        target = _dtype.result_dtype([x._array for x in found])
        found = [x.to(target) for x in found]
    # By old custom an empty vector fits everything.
    kept = [x for x in found if x._array.shape != (0,)] or found[:1]
    first = kept[0]._array.shape
    dim = normalize_dim(dim, len(first))
    for i, x in enumerate(kept):
        s = x._array.shape
        if len(s) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(s)}")
        if s[:dim] + s[dim + 1 :] != first[:dim] + first[dim + 1 :]:
            bad = next(d for d in range(len(s)) if d != dim and s[d] != first[d])
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {first[bad]} but got "
                f"size {s[bad]} "
                f"for tensor number {i} in the list."
            )
    return write_out("cat", shape.cat(kept, dim), out)


@public("torch")
def stack(tensors: Any, dim: int = 0, *, out: Any = None, **numpy: Any) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    if numpy:
        dim, _ = numpy_names("stack", dim, False, numpy)
    found = _joinable("stack", tensors)
    first = found[0]._array.shape
    for i, x in enumerate(found):
        if x._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x._array.shape)} at entry {i}"
            )
    if len({x._array.dtype for x in found}) > 1:
        target = _dtype.result_dtype([x._array for x in found])
        found = [x.to(target) for x in found]
    return write_out("stack", shape.stack(found, normalize_dim(dim, len(first) + 1)), out)


@public("torch")
def hstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined side by side: along the first dimension for vectors, the second otherwise."""
    found = [x.reshape(1) if x.ndim == 0 else x for x in _joinable("hstack", tensors)]
    return cat(found, 0 if found[0].ndim == 1 else 1, out=out)


@public("torch")
def vstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Tensors joined as rows; vectors are rows."""
    return cat([x.reshape(1, -1) if x.ndim < 2 else x for x in _joinable("vstack", tensors)], 0, out=out)


@public("torch", "Tensor")
def flip(input: Tensor, *sizes: Any, dims: Any = None) -> Tensor:
    """The order of entries reversed along dimensions, given one by one or as a sequence `dims`: a copy."""
    if dims is None:
        dims = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    elif sizes:
        raise TypeError("flip() got multiple values for argument 'dims'")
    wanted = (dims,) if isinstance(dims, int) else dims
    found = tuple(normalize_dim(d, input.ndim) for d in wanted)
    return shape.flip(input, found if input.ndim else ())


@public("torch", "Tensor")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Entries shifted along dimensions (or in the flattened tensor); what falls out comes in at the other
    end.
    """
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or dims == ():
        return shape.roll(input, shifts, None)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return shape.roll(input, shifts, tuple(normalize_dim(d, input.ndim) for d in dims))


@public("Tensor")
def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor repeated along each dimension; new dimensions come in front."""
    times = sizes_of("repeat", repeats)
    if len(times) < self.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"got {len(times)} and {self.ndim}"
        )
    return shape.repeat(self, times)


@public("torch", "Tensor")
def tile(input: Tensor, *dims: Any) -> Tensor:
    """The whole tensor repeated along the last dimensions."""
    times = sizes_of("tile", dims)
    return shape.repeat(input, (1,) * (input.ndim - len(times)) + times)


@public("torch", "Tensor")
def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each entry repeated in place: `repeats` times, or each as often as a tensor says."""
    if dim is None:
        input, dim = input.flatten(), 0
    dim = normalize_dim(dim, input.ndim)
    times = repeats._array if isinstance(repeats, Tensor) else repeats
    return input.index_select(dim, wrap(np.repeat(np.arange(input.shape[dim]), times)))


@public("torch", "Tensor")
def tril(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The part of the matrices on and below a diagonal; zeros elsewhere."""
    if input.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return write_out("tril", shape.tril(input, diagonal), out)


@public("torch", "Tensor")
def triu(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The part of the matrices on and above a diagonal; zeros elsewhere."""
    if input.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return write_out("triu", shape.triu(input, diagonal), out)


@public("torch", "Tensor")
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal of two dimensions as the last dimension: a view."""
    return shape.diagonal(input, offset, normalize_dim(dim1, input.ndim), normalize_dim(dim2, input.ndim))


@public("torch", "Tensor")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector on the diagonal of a matrix of zeros, or the diagonal of a matrix."""
    if input.ndim == 2:
        return shape.diagonal(input, diagonal, 0, 1).clone()
    if input.ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    n = input.shape[0] + builtins.abs(diagonal)
    return shape.undiagonal(input, (n, n), diagonal, 0, 1)


@public("Tensor")
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor if its elements lie in row-major order, else a copy in which they do."""
    if self.is_contiguous(memory_format):
        return self
    from ..factory import contiguous_format

    return pointwise.clone(self, contiguous_format)
