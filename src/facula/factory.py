"""Making tensors: from data, of constants, of random numbers, like others."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _device, _dtype
from ._tensor import Tensor, wrap
from .autograd.op import public
from .ops.overloads import sizes_of


class _Constant:
    """A named constant of PyTorch's, such as `strided` or `contiguous_format`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        from . import _branding

        return f"{_branding.name()}.{self._name}"


strided = _Constant("strided")
contiguous_format = _Constant("contiguous_format")
preserve_format = _Constant("preserve_format")
channels_last = _Constant("channels_last")
layout = memory_format = _Constant


def _dtype_of(dtype: Any, default: _dtype.dtype | None = None) -> Any:
    if dtype is None:
        dtype = default or _dtype.get_default_dtype()
    if not isinstance(dtype, _dtype.dtype):
        if dtype in (float, int, bool, complex):
            dtype = {float: _dtype.float64, int: _dtype.int64, bool: _dtype.bool_, complex: _dtype.complex128}[dtype]
        else:
            raise TypeError(f"argument 'dtype' must be {_dtype.float32!r} or another dtype, not {type(dtype).__name__}")
    return dtype.numpy


def _finish(array: Any, device: Any, requires_grad: bool, layout: Any = None, pin_memory: bool = False) -> Tensor:
    _device.check_device(device)
    if layout not in (None, strided):
        raise NotImplementedError(f"only the layout strided is supported: got {layout}")
    t = wrap(array)
    return t.requires_grad_() if requires_grad else t


# ---- from data ---------------------------------------------------------------------------------------------


def _infer(data: Any) -> Any:
    """The array of nested Python data, in the dtype that PyTorch would choose."""
    array = _nested(data)
    kind = array.dtype.kind
    if kind == "f":
        return array.astype(_dtype.get_default_dtype().numpy)
    if kind == "c":
        return array.astype(_dtype.get_default_dtype().to_complex().numpy)
    if kind in "iu":
        return array.astype(np.int64, copy=False)
    return array


def _nested(data: Any) -> Any:
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(_ragged(data)) from error
    if array.dtype == object or array.dtype.kind in "USmM":
        bad = _first_bad(data)
        if bad is not None:
            if isinstance(bad, str):
                raise TypeError(f"new(): invalid data type '{type(bad).__name__}'")
            raise RuntimeError(f"Could not infer dtype of {type(bad).__name__}")
        if any(isinstance(v, int) and not -(2**63) <= v < 2**63 for v in array.reshape(-1)):
            raise ValueError("Overflow when unpacking long long")
    elif array.dtype == np.uint64:
        raise ValueError("Overflow when unpacking long long")
    if array.size == 0 and array.dtype == np.float64:
        array = array.astype(_dtype.get_default_dtype().numpy)
    return array


def _ragged(data: Any) -> str:
    lengths = [len(d) if isinstance(d, Sequence) else 0 for d in data]
    for i, n in enumerate(lengths):
        if n != lengths[0]:
            return f"expected sequence of length {lengths[0]} at dim 1 (got {n})"
    return f"[tensor] expected nested sequences of equal lengths: got lengths {lengths}"


def _first_bad(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        for d in data:
            bad = _first_bad(d)
            if bad is not None:
                return bad
        return None
    return None if isinstance(data, (bool, int, float, complex, np.generic)) else data if data is not None else ...


def _from_sequence(data: Any) -> Any:
    """Nested sequences that may hold tensors."""
    if isinstance(data, Tensor):
        return data.detach()._array
    return [_from_sequence(d) for d in data] if isinstance(data, (list, tuple)) else data


def _has_arrays(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return any(_has_arrays(d) for d in data)
    return isinstance(data, (Tensor, np.ndarray, np.generic))


@public("torch")
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new leaf tensor with a copy of `data`: a number, nested sequences, an array or a tensor.

    Without `dtype`: Python floats become the default dtype, ints int64, arrays keep theirs.
    Raises ValueError for ragged sequences, TypeError or RuntimeError for what is no number.

    >>> import facula
    >>> facula.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor(sourceTensor).",
            stacklevel=2,
        )
        array = np.array(data._array, order="C")
    elif isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data, order="C")
        if array.dtype.byteorder not in "=|":
            raise ValueError("given numpy array has byte order different from the native byte order.")
        _dtype.from_numpy(array.dtype)
    elif isinstance(data, (list, tuple)) and _has_arrays(data):
        array = np.array(_from_sequence(data))
        _dtype.from_numpy(array.dtype)
    elif hasattr(data, "__array__"):
        array = np.array(data)
    elif dtype is not None:
        array = _nested(list(data) if isinstance(data, range) else data)  # not through the default dtype
    else:
        array = _infer(list(data) if isinstance(data, range) else data)
    if dtype is not None:
        with np.errstate(all="ignore"):
            array = array.astype(_dtype_of(dtype))
    return _finish(array, device, requires_grad)


@public("torch")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory with a tensor or NumPy array where dtype and device allow."""
    _device.check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        made = from_numpy(data)
        return made if dtype is None else made.to(dtype)
    return tensor(data, dtype=dtype)


@public("torch")
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`obj` as a tensor; `copy=True` always copies, `copy=False` raises ValueError where a copy is needed."""
    made = as_tensor(obj, dtype=dtype, device=device)
    shares = isinstance(obj, (Tensor, np.ndarray)) and np.may_share_memory(made._array, getattr(obj, "_array", obj))
    if copy and shares:
        made = made.clone()
    if copy is False and not shares:
        raise ValueError("can't alias the given object: a copy is needed")
    return made.detach().requires_grad_() if requires_grad else made


@public("torch")
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array. TypeError for other objects, ValueError for negative strides.

    >>> import facula, numpy
    >>> a = numpy.zeros(2)
    >>> t = facula.from_numpy(a)
    >>> a[0] = 1
    >>> t
    tensor([1., 0.], dtype=facula.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    _dtype.from_numpy(ndarray.dtype)
    if ndarray.dtype.byteorder not in "=|":
        raise ValueError("given numpy array has byte order different from the native byte order.")
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable: writing to the tensor made of it raises an error. Copy the array "
            "first if you mean to change it.",
            stacklevel=2,
        )
    return wrap(ndarray.view(np.ndarray) if type(ndarray) is not np.ndarray else ndarray)


@public("torch")
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A one-dimensional tensor over the memory of a bytes-like object."""
    array = np.frombuffer(buffer, _dtype_of(dtype), count, offset)
    return _finish(array, None, requires_grad)


# ---- constants ---------------------------------------------------------------------------------------------


@public("torch")
def empty(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor whose elements are whatever the memory held."""
    return _made(np.empty, "empty", size, out, dtype, layout, device, requires_grad)


@public("torch")
def zeros(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of zeros, of the default dtype unless `dtype` says otherwise.

    >>> import facula
    >>> facula.zeros(2, 3).shape
    facula.Size([2, 3])
    """
    return _made(np.zeros, "zeros", size, out, dtype, layout, device, requires_grad)


@public("torch")
def ones(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of ones, of the default dtype unless `dtype` says otherwise."""
    return _made(np.ones, "ones", size, out, dtype, layout, device, requires_grad)


def _made(
    make: Any, name: str, size: tuple[Any, ...], out: Any, dtype: Any, layout: Any, device: Any, requires_grad: bool
) -> Tensor:
    shape = sizes_of(name, size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    made = make(shape, _dtype_of(dtype, out.dtype if out is not None else None))
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out(name, wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


@public("torch")
def full(
    size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor in which every element is `fill_value`; its dtype follows the value's unless given."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    target = _dtype_of(dtype, out.dtype if out is not None else _dtype.of_scalar(fill_value))
    made = np.empty(sizes_of("full", (tuple(size) if not isinstance(size, int) else (size,),)), target)
    made[...] = np.asarray(fill_value).astype(target)
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out("full", wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


@public("torch")
def arange(
    start: Any, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers from `start` (default 0) up to but without `end` in steps of `step`; int64 if all are integers.

    >>> import facula
    >>> facula.arange(3)
    tensor([0, 1, 2])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integral = all(isinstance(v, int) for v in (start, end, step))
    target = _dtype_of(dtype, _dtype.int64 if integral else None)
    n = -(-(end - start) // step) if integral else math.ceil((end - start) / step)
    if integral:
        made = (start + step * np.arange(n, dtype=np.int64)).astype(target)
    else:
        made = (start + np.arange(n, dtype=np.float64) * step).astype(target)
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out("arange", wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


@public("torch")
def linspace(
    start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    target = _dtype_of(dtype)
    real = np.float64 if target.kind in "iu" else target
    step = real.type(0) if isinstance(real, np.dtype) else 0.0
    if steps > 1:
        step = (np.asarray(end, real) - np.asarray(start, real)) / np.asarray(steps - 1, real)
    i = np.arange(steps, dtype=real)
    # From both ends, so that the last number is `end` to the bit.
    made = np.where(i < steps // 2, np.asarray(start, real) + step * i, np.asarray(end, real) - step * (steps - 1 - i))
    if steps == 1:
        made = np.full(1, start, real)
    made = made.astype(target)
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out("linspace", wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


@public("torch")
def eye(
    n: int, m: int | None = None, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A matrix with ones on the diagonal and zeros elsewhere."""
    made = np.eye(n, m, dtype=_dtype_of(dtype, out.dtype if out is not None else None))
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out("eye", wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


# ---- like others -------------------------------------------------------------------------------------------


def _like(input: Tensor, dtype: Any) -> Any:
    return _dtype_of(dtype, input.dtype)


def _check_like(memory_format: Any) -> None:
    if memory_format not in (None, preserve_format, contiguous_format):
        raise NotImplementedError(f"memory_format={memory_format} is not supported")


@public("torch")
def empty_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """An uninitialised tensor of the shape, dtype and strides order of `input`."""
    _check_like(memory_format)
    return _finish(np.empty_like(input._array, dtype=_like(input, dtype)), device, requires_grad, layout)


@public("torch")
def zeros_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Zeros of the shape and dtype of `input`."""
    _check_like(memory_format)
    return _finish(np.zeros_like(input._array, dtype=_like(input, dtype)), device, requires_grad, layout)


@public("torch")
def ones_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Ones of the shape and dtype of `input`."""
    _check_like(memory_format)
    return _finish(np.ones_like(input._array, dtype=_like(input, dtype)), device, requires_grad, layout)


@public("torch")
def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`fill_value` in the shape and dtype of `input`."""
    _check_like(memory_format)
    target = _like(input, dtype)
    made = np.empty_like(input._array, dtype=target)
    made[...] = np.asarray(fill_value).astype(target)
    return _finish(made, device, requires_grad, layout)


@public("Tensor")
def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`, of this tensor's dtype unless given."""
    return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_empty(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """An uninitialised tensor of this tensor's dtype."""
    return empty(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_zeros(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of this tensor's dtype."""
    return zeros(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_ones(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of this tensor's dtype."""
    return ones(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_full(
    self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`fill_value` in a shape, of this tensor's dtype."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


# ---- names of types ----------------------------------------------------------------------------------------

_TYPE_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor", "bfloat16": "BFloat16Tensor",
    "uint8": "ByteTensor", "int8": "CharTensor", "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor",
    "bool": "BoolTensor", "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip


def type_name(dtype: _dtype.dtype) -> str:
    """PyTorch's old name of a tensor type, such as "torch.FloatTensor"."""
    from . import _branding

    return f"{_branding.name()}.{_TYPE_NAMES.get(dtype.name, dtype.name)}"


def type_dtype(name: Any) -> _dtype.dtype:
    """The dtype for a dtype or an old type name."""
    if isinstance(name, _dtype.dtype):
        return name
    short = str(getattr(name, "__name__", name)).rpartition(".")[2]
    for found, old in _TYPE_NAMES.items():
        if old == short:
            return _dtype._by_name(found)
    raise ValueError(f"invalid type: {name!r}")


class _TypedTensor(type):
    """`FloatTensor` and the like: callable to make tensors, and true in isinstance for their dtype."""

    dtype: _dtype.dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any) -> Tensor:
        if len(args) == 1 and not isinstance(args[0], int):
            return tensor(args[0], dtype=cls.dtype)
        return empty(*(args or (0,)), dtype=cls.dtype)


def _typed(name: str) -> Any:
    return _TypedTensor(_TYPE_NAMES[name], (), {"dtype": _dtype._by_name(name), "__doc__": f"Tensors of {name}."})


FloatTensor, DoubleTensor, HalfTensor = _typed("float32"), _typed("float64"), _typed("float16")
ByteTensor, CharTensor, ShortTensor = _typed("uint8"), _typed("int8"), _typed("int16")
IntTensor, LongTensor, BoolTensor = _typed("int32"), _typed("int64"), _typed("bool")
BFloat16Tensor = _typed("bfloat16")
