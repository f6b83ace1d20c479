"""Indexing: reading and writing parts of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._tensor import Tensor, normalize_dim
from ..autograd.mode import enable_grad
from ..autograd.op import apply_inplace, check_inplace, check_overlap, op, public
from ..kernels.namespace import namespace
from .pointwise import where, zeros_of

Shape = tuple[int, ...]


def _basic_name(input: Any, index: tuple[Any, ...]) -> str:
    """The node's name: PyTorch applies one view after the other, and the last one that does something
    shows.
    """
    if index == (slice(None),):
        return "SliceBackward0"
    name = "AliasBackward0"
    for item in index:
        if isinstance(item, int):
            name = "SelectBackward0"
        elif isinstance(item, slice) and item != slice(None):
            name = "SliceBackward0"
        elif item is None:
            name = "UnsqueezeBackward0"
    return name


@op(view=True, grad_name=_basic_name)
def basic_index(input: Any, /, index: tuple[Any, ...]) -> Any:
    """Indexing by numbers, slices, None and one Ellipsis: always a view."""
    return input[index if Ellipsis in index else (*index, Ellipsis)]


@op()
def basic_unindex(input: Any, /, shape: Shape, index: tuple[Any, ...]) -> Any:
    """Zeros of `shape` with the input where `basic_index` reads: its gradient."""
    result = namespace(input).zeros(shape, input.dtype)
    result[index] = input
    return result


basic_index.vjp(input=lambda g, input_shape, index: basic_unindex(g, input_shape, index))
basic_unindex.vjp(input=lambda g, index: basic_index(g, index))


@op(grad_name="IndexBackward0")
def index(input: Any, /, index: tuple[Any, ...]) -> Any:
    """Indexing by integer or bool arrays: a copy in row-major order."""
    xp = namespace(input)
    at = [i for i, a in enumerate(index) if not isinstance(a, slice)]
    if len(at) == 1 and index[at[0]] is not Ellipsis and index[at[0]].dtype != bool:
        return xp.take(input, index[at[0]], axis=at[0])  # quicker than general indexing
    return xp.asarray(input[index], order="C")


@op()
def unindex(input: Any, /, shape: Shape, index: tuple[Any, ...]) -> Any:
    """Zeros of `shape` to which the input is added where `index` reads: its gradient."""
    xp = namespace(input)
    result = xp.zeros(shape, input.dtype)
    if len(index) == 1 and index[0].dtype == bool:  # a mask names each place once
        result[index] = input
    else:
        xp.add.at(result, index, input)
    return result


# The attribute named `index` hides the op of that name inside the lambdas.
_index = index
index.vjp(input=lambda g, input_shape, index: unindex(g, input_shape, index))
unindex.vjp(input=lambda g, index: _index(g, index))


@op()
def index_put(input: Any, values: Any, /, indices: tuple[Any, ...], accumulate: bool = False) -> Any:
    """A copy of `input` in which `values` replace (or are added to) what `indices` read."""
    xp = namespace(input)
    result = xp.array(input)
    values = xp.asarray(values)
    if accumulate:
        xp.add.at(result, indices, values.astype(input.dtype))
    else:
        result[indices] = values
    return result


index_put.vjp(
    input=lambda g, indices, accumulate: g if accumulate else index_put(g, 0.0, indices, False),
    values=lambda g, indices: _index(g, indices),
)


@op(grad_name="CopyBackwards")
def copy(input: Any, src: Any, /) -> Any:
    """`src` in the shape and dtype of `input`."""
    xp = namespace(input)
    return xp.broadcast_to(src, input.shape).astype(input.dtype)


copy.vjp(input=lambda g: zeros_of(g), src=lambda g: g)


@public("Tensor")
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Copy the elements of `src` into this tensor, broadcasting and converting them."""
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    if src.ndim > self.ndim:  # unlike an assignment, which drops leading dimensions of length one
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(src.shape)}"
        )
    return assign(self, src)


def assign(target: Tensor, value: Any) -> Tensor:
    """Write a tensor or a number into all of `target`."""
    source = value._array if isinstance(value, Tensor) else value
    shape = np.shape(source)
    lead = len(shape) - target.ndim
    if (lead > 0 and any(n != 1 for n in shape[:lead])) or any(
        n not in (1, m) for n, m in zip(reversed(shape), reversed(target._array.shape), strict=False)
    ):
        raise RuntimeError(
            f"The expanded size of the tensor {tuple(target.shape)} must match the existing size "
            f"{tuple(shape)}: lengths must be equal or 1"
        )
    if shape and 0 in target._array.strides:
        check_overlap(target)
    if lead > 0:
        source = source.reshape(shape[lead:])
        value = value.reshape(shape[lead:]) if isinstance(value, Tensor) else source
    if check_inplace(target) and (
        target._requires_grad or (isinstance(value, Tensor) and value._requires_grad)
    ):
        return apply_inplace(copy.op, (target, value))
    kind = getattr(source, "dtype", None)
    if kind is not None and kind.kind == "c" and target._array.dtype.kind != "c":
        source = source.real
    if isinstance(source, (int, float)) and target._array.dtype.kind in "iu":
        source = np.asarray(source).astype(target._array.dtype)
    with np.errstate(all="ignore"):
        np.copyto(target._array, source, casting="unsafe")
    target._vc[0] += 1
    return target


# ---- the [] operator ---------------------------------------------------------------------------------------


def _split(x: Tensor, key: Any) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """A key as a basic part (numbers, slices, None, ...) and an index by arrays for what that part leaves."""
    if (
        isinstance(key, list)
        and len(key) < 32
        and any(
            v is None or v is Ellipsis or isinstance(v, (Tensor, list, tuple, slice, np.ndarray)) for v in key
        )
    ):
        key = tuple(key)  # by old custom
    items = list(key) if isinstance(key, tuple) else [key]
    basic: list[Any] = []
    arrays: list[Any] = []
    used = 0
    for item in items:
        if isinstance(item, Tensor):
            item = item._array
        elif isinstance(item, (list, range)) or (isinstance(item, tuple) and item is not key):
            item = np.asarray([v._array if isinstance(v, Tensor) else v for v in item])
            if item.size == 0:
                item = item.astype(np.int64)
        if isinstance(item, (bool, np.bool_)):
            basic.append(None)
            arrays.append(np.asarray([bool(item)]))
        elif isinstance(item, np.ndarray) and (item.ndim or item.dtype == bool):
            if item.dtype == np.uint8:
                item = item.astype(bool)
            if item.dtype != bool and item.dtype.kind not in "iu":
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            covers = item.ndim if item.dtype == bool else 1
            basic.extend([slice(None)] * covers)
            arrays.append(item)
            used += covers
        elif item is Ellipsis:
            basic.append(Ellipsis)
            arrays.append(Ellipsis)
        elif item is None:
            basic.append(None)
            arrays.append(slice(None))
        elif isinstance(item, slice):
            bounds = [v if v is None else _as_index(v) for v in (item.start, item.stop, item.step)]
            if bounds[2] is not None and bounds[2] <= 0:
                raise ValueError("step must be greater than zero")
            basic.append(slice(*bounds))
            arrays.append(slice(None))
            used += 1
        else:
            basic.append(_as_index(item))
            used += 1
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    by_array = any(isinstance(a, np.ndarray) for a in arrays)
    return tuple(basic), tuple(arrays) if by_array else None


def _as_index(item: Any) -> int:
    try:
        return int(item.__index__())
    except AttributeError:
        raise (IndexError if isinstance(item, float) else TypeError)(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
            "indices "
            f"(got {type(item).__name__})"
        ) from None


def _axis_as_dimension(error: IndexError) -> IndexError:
    return IndexError(str(error).replace("axis", "dimension"))


@public("Tensor")
def __getitem__(self: Tensor, key: Any) -> Tensor:
    """Part of the tensor: a view for numbers, slices, None and ...; a copy for arrays and masks."""
    if (
        type(key) is int and self._array.ndim and 0 <= key < len(self._array)
    ):  # the way that loops over data sets go
        return basic_index(self, (key,))
    basic, arrays = _split(self, key)
    if type(key) is int and self.ndim == 0:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
            "to convert a "
            "0-dim tensor to a number"
        )
    try:
        if arrays is None:
            return basic_index(self, basic)
        part = self if _is_trivial(basic) else basic_index(self, basic)
        return _index(part, arrays)
    except IndexError as error:
        raise _axis_as_dimension(error) from None


def _is_trivial(basic: tuple[Any, ...]) -> bool:
    return all(item is Ellipsis or (isinstance(item, slice) and item == slice(None)) for item in basic)


@public("Tensor")
def __setitem__(self: Tensor, key: Any, value: Any) -> None:
    """Write a number or a tensor into part of this tensor."""
    basic, arrays = _split(self, key)
    if not isinstance(value, Tensor):
        value = _assignable(self, value)
    try:
        with enable_grad() if check_inplace(self) else _nothing:
            part = self if _is_trivial(basic) else basic_index(self, basic)
        if arrays is None:
            assign(part, value)
        else:
            _put(part, arrays, value, False)
    except IndexError as error:
        raise _axis_as_dimension(error) from None


def _assignable(target: Tensor, value: Any) -> Any:
    """A number that may be written into `target`. TypeError for what is no number, RuntimeError for a
    complex one.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(f"can't assign a {type(value).__name__} to a tensor of dtype {target.dtype}")
    if isinstance(value, complex) and not target.is_complex():
        raise RuntimeError(f"value cannot be converted to type {target.dtype} without overflow")
    return value


class _Nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


_nothing = _Nothing()


def _put(target: Tensor, indices: tuple[Any, ...], value: Any, accumulate: bool) -> Tensor:
    if isinstance(value, Tensor) and value._array.dtype != target._array.dtype:
        if value.ndim:
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {target.dtype} for the "
                "destination and "
                f"{value.dtype} for the source."
            )
        value = value.to(target.dtype)
    shape = np.shape(value._array if isinstance(value, Tensor) else value)
    if shape[:1] == (1,):  # leading dimensions of length one do not count
        value = value.reshape(shape[next((i for i, n in enumerate(shape) if n != 1), len(shape)) :])
    source = value._array if isinstance(value, Tensor) else value
    place = target._array[indices].shape
    try:
        fits = np.broadcast_shapes(np.shape(source), place) == place
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(source))} cannot be broadcast to "
            f"indexing result of shape {list(place)}"
        )
    if check_inplace(target) and (
        target._requires_grad or (isinstance(value, Tensor) and value._requires_grad)
    ):
        return apply_inplace(index_put.op, (target, value, indices, accumulate))
    if accumulate:
        np.add.at(target._array, indices, source)
    else:
        target._array[indices] = source
    target._vc[0] += 1
    return target


@public("Tensor")
def index_put_(self: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """Write `values` where the index tensors point, or add them if `accumulate`."""
    _, arrays = _split(self, tuple(indices))
    return _put(self, arrays or (), values, accumulate)


@public("torch", "Tensor", name="index_put")
def index_put_copy(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `values` where the index tensors point."""
    return index_put_(input.clone(), indices, values, accumulate)


# ---- along a dimension -------------------------------------------------------------------------------------


def _along(shape: Shape, index: Any, dim: int) -> tuple[Any, ...]:
    """NumPy's index that reads `index` along `dim` and every other dimension in step."""
    if not index.shape:
        return (index,) if shape else ()
    grid = []
    for i, n in enumerate(index.shape):
        grid.append(index if i == dim else np.arange(n).reshape((-1,) + (1,) * (index.ndim - i - 1)))
    return tuple(grid)


def _check_index(name: str, index: Any, shape: Shape, dim: int) -> None:
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.size:
        n = shape[dim] if shape else 1
        if len(shape) != index.ndim and shape and index.ndim:
            raise RuntimeError(
                f"[{name}] index must have the same number of dimensions as input: got {index.ndim} and "
                f"{len(shape)}"
            )
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= n:
            raise RuntimeError(
                f"index {low if low < 0 else high} is out of bounds for dimension {dim} with size {n}"
            )


@op(grad_name="GatherBackward0")
def gather_along(input: Any, /, dim: int, index: Any) -> Any:
    """Elements picked along a dimension: `out[i][j] = input[index[i][j]][j]` for dim 0."""
    _check_index("gather", index, input.shape, dim)
    result = input[_along(input.shape, index, dim)] if input.ndim else input.reshape(1)[index.reshape(-1)]
    return result.reshape(index.shape)


@op()
def scatter_zeros(input: Any, /, index: Any, dim: int, shape: Shape) -> Any:
    """Zeros of `shape` to which the input is added at `index` along `dim`: the gradient of gathering."""
    xp = namespace(input)
    result = xp.zeros(shape, input.dtype)
    xp.add.at(result, _along(shape, index, dim), input)
    return result


gather_along.vjp(input=lambda g, input_shape, dim, index: scatter_zeros(g, index, dim, input_shape))
scatter_zeros.vjp(input=lambda g, index, dim: gather_along(g, dim, index))


@public("torch", "Tensor")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Any = None) -> Tensor:
    """Elements picked along a dimension; `index` has as many dimensions as `input`.

    >>> import facula
    >>> facula.gather(facula.tensor([[1, 2], [3, 4]]), 1, facula.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    from ..autograd.op import write_out

    return write_out("gather", gather_along(input, normalize_dim(dim, input.ndim), index._array), out)


def _scatter_name(input: Any, src: Any, dim: int, index: Any, mode: str) -> str:
    if mode == "add":
        return "ScatterAddBackward0"
    return "ScatterBackward0" if hasattr(src, "_array") else "ScatterBackward1"


@op(grad_name=_scatter_name)
def scatter_into(input: Any, src: Any, /, dim: int, index: Any, mode: str) -> Any:
    """A copy of `input` with `src` written, added or multiplied in at `index` along `dim`."""
    _check_index("scatter", index, input.shape, dim)
    xp = namespace(input)
    result = xp.array(input)
    at = _along(input.shape, index, dim)
    if hasattr(src, "shape") and src.shape != ():
        src = src[tuple(slice(0, n) for n in index.shape)]
    if mode == "set":
        result[at] = src
    elif mode == "add":
        xp.add.at(result, at, src)
    else:
        xp.multiply.at(result, at, src)
    return result


def _scatter_input(g: Any, dim: int, index: Any, mode: str) -> Any:
    if mode == "multiply":
        raise NotImplementedError("[scatter] the derivative of reduce='multiply' is not implemented")
    return g if mode == "add" else scatter_into(g, 0.0, dim, index, "set")


def _scatter_src(g: Any, src_shape: Shape, dim: int, index: Any, mode: str) -> Any:
    from .shape import unslice

    if mode == "multiply":
        raise NotImplementedError("[scatter] the derivative of reduce='multiply' is not implemented")
    picked = gather_along(g, dim, index)
    for d, n in enumerate(src_shape):
        if picked.shape[d] != n:  # only the corner of src that index covers was read
            shape = tuple(picked.shape)
            picked = unslice(picked, (*shape[:d], n, *shape[d + 1 :]), d, 0, shape[d], 1)
    return picked


scatter_into.vjp(input=_scatter_input, src=_scatter_src)


def _scatter_arguments(
    name: str, input: Tensor, dim: int, index: Any, src: Any, mode: str
) -> tuple[Any, ...]:
    if isinstance(src, Tensor) and src._array.dtype != input._array.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    return (input, src, normalize_dim(dim, input.ndim), index._array, mode)


_MODES = {None: "set", "add": "add", "multiply": "multiply"}


@public("torch", "Tensor")
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Tensor:
    """A copy of `input` with `src` (a tensor) or `value` (a number) written at `index` along `dim`."""
    return scatter_into(
        *_scatter_arguments("scatter", input, dim, index, value if src is None else src, _MODES[reduce])
    )


@public("Tensor")
def scatter_(
    self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Tensor:
    """Write `src` (a tensor) or `value` (a number) into this tensor at `index` along `dim`."""
    args = _scatter_arguments("scatter", self, dim, index, value if src is None else src, _MODES[reduce])
    return apply_inplace(scatter_into.op, args)


@public("torch", "Tensor")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `input` to which `src` is added at `index` along `dim`."""
    return scatter_into(*_scatter_arguments("scatter_add", input, dim, index, src, "add"))


@public("Tensor")
def scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add `src` to this tensor at `index` along `dim`."""
    return apply_inplace(scatter_into.op, _scatter_arguments("scatter_add", self, dim, index, src, "add"))


@op(grad_name="IndexSelectBackward0")
def take_rows(input: Any, /, dim: int, index: Any) -> Any:
    """Entries of a dimension in the order of a vector of indices."""
    return namespace(input).take(input, index, axis=dim)


@op()
def untake_rows(input: Any, /, shape: Shape, dim: int, index: Any) -> Any:
    """Zeros of `shape` to which entries are added at `index`: the gradient of `take_rows`."""
    xp = namespace(input)
    result = xp.zeros(shape, input.dtype)
    xp.add.at(result, (slice(None),) * dim + (index,), input)
    return result


take_rows.vjp(input=lambda g, input_shape, dim, index: untake_rows(g, input_shape, dim, index))
untake_rows.vjp(input=lambda g, dim, index: take_rows(g, dim, index))


@public("torch", "Tensor")
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Tensor:
    """Entries of a dimension in the order of a vector of indices."""
    from ..autograd.op import write_out

    if index._array.dtype.kind not in "iu":
        raise RuntimeError(f"index_select(): Expected dtype int32 or int64 for index but got: {index.dtype}")
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got dim: {index.ndim}")
    dim = normalize_dim(dim, input.ndim)
    n = input.shape[dim] if input.ndim else 1
    if index.numel() and not (int(index._array.min()) >= 0 and int(index._array.max()) < n):
        raise IndexError(
            f"[index_select] index out of range: got {index.tolist()} for dimension {dim} with size {n}"
        )
    if input.ndim == 0:
        return input.clone()
    return write_out("index_select", take_rows(input, dim, index._array.reshape(-1)), out)


@public("torch", "Tensor")
def masked_select(input: Tensor, mask: Tensor, *, out: Any = None) -> Tensor:
    """The elements where the mask is True, as a vector."""
    from ..autograd.op import write_out

    if mask._array.dtype != bool:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask: got {mask.dtype}")
    shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    return write_out(
        "masked_select", mask_select(input.expand(shape), np.broadcast_to(mask._array, shape)), out
    )


@op(grad_name="MaskedSelectBackward0")
def mask_select(input: Any, /, mask: Any) -> Any:
    """The elements where a mask of the same shape is True."""
    return input[mask]


mask_select.vjp(input=lambda g, input_shape, mask: unindex(g, input_shape, (mask,)))


@op(grad_name=lambda input, mask, value: f"MaskedFillBackward{int(hasattr(value, '_array'))}")
def fill_where(input: Any, mask: Any, value: Any, /) -> Any:
    """The input with `value` where the mask is True."""
    xp = namespace(input)
    return xp.where(mask, xp.asarray(value).astype(input.dtype), input)


fill_where.vjp(
    input=lambda g, mask: where(mask, 0.0, g),
    value=lambda g, mask: where(mask, g, 0.0),
)


def _mask(mask: Any) -> Any:
    if not isinstance(mask, Tensor) or mask._array.dtype != bool:
        raise RuntimeError(
            "masked_fill only supports boolean masks, but got mask with dtype "
            f"{getattr(mask, 'dtype', type(mask).__name__)}"
        )
    return mask


@public("torch", "Tensor")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy with `value` where the mask is True."""
    return fill_where(input, _mask(mask), value)


@public("Tensor")
def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Write `value` where the mask is True."""
    return apply_inplace(fill_where.op, (self, _mask(mask), value))


@op("torch", "Tensor", differentiable=False, name="argwhere")
def argwhere(input: Any, /) -> Any:
    """The indices of all non-zero elements, one row each."""
    return namespace(input).argwhere(input)


@public("torch", "Tensor")
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Any = None) -> Any:
    """The indices of all non-zero elements: one row each, or a tuple with one vector for each dimension."""
    from ..autograd.op import write_out

    rows = argwhere(input)
    return rows.unbind(1) if as_tuple else write_out("nonzero", rows, out)
