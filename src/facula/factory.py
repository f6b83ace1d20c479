"""Making tensors: from data, of constants, of random numbers, like others."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import _branding, _device, _dtype
from ._data import array_of, fit
from ._tensor import Tensor, wrap
from .autograd.op import public
from .ops.arguments import sizes_of


class _Constant:
    """A named constant of PyTorch's, such as `strided` or `contiguous_format`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"{_branding.name()}.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class layout(_Constant):
    """How the elements lie in memory; always `strided` here."""


class memory_format(_Constant):
    """In which order the dimensions lie in memory."""


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")


def _dtype_of(dtype: Any, default: _dtype.dtype | None = None) -> Any:
    if dtype is None:
        dtype = default or _dtype.get_default_dtype()
    if not isinstance(dtype, _dtype.dtype):
        if dtype in (float, int, bool, complex):
            dtype = {
                float: _dtype.float64,
                int: _dtype.int64,
                bool: _dtype.bool_,
                complex: _dtype.complex128,
            }[dtype]
        else:
            raise TypeError(
                f"argument 'dtype' must be {_dtype.float32!r} or another dtype, not {type(dtype).__name__}"
            )
    return dtype.numpy


def _finish(
    array: Any, device: Any, requires_grad: bool, layout: Any = None, pin_memory: bool = False
) -> Tensor:
    _device.check_device(device)
    if layout not in (None, strided):
        raise NotImplementedError(f"only the layout strided is supported: got {layout}")
    t = wrap(array)
    return t.requires_grad_() if requires_grad else t


# ---- from data ---------------------------------------------------------------------------------------------


def _copied(array: Any) -> Any:
    """A copy of the caller's array, strides kept."""
    _check_array(array)
    return np.array(array, order="K")


def _check_array(array: Any) -> None:
    if array.dtype.byteorder not in "=|":
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte "
            "orders is currently not supported."
        )
    _dtype.from_numpy(array.dtype)
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are "
            "not currently supported. (You can probably work around this by making a copy of your array with "
            "array.copy().)"
        )


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
    target = None if dtype is None else _dtype.from_numpy(_dtype_of(dtype))
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor(sourceTensor).",
            stacklevel=2,
        )
        array = np.array(data._array, order="K")
    elif isinstance(data, (np.ndarray, np.generic)):
        array = _copied(data)
    elif hasattr(data, "__array__"):
        array = _copied(np.asarray(data))
    else:
        array = array_of(data, target)
    if target is not None and array.dtype != target.numpy:
        with np.errstate(all="ignore"):
            array = array.astype(target.numpy)
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
    shares = isinstance(obj, (Tensor, np.ndarray)) and np.may_share_memory(
        made._array, getattr(obj, "_array", obj)
    )
    if copy and shares:
        made = made.clone()
    if copy is False and not shares:
        raise ValueError("can't alias the given object: a copy is needed")
    return made.detach().requires_grad_() if requires_grad else made


@public("torch")
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array. TypeError for other objects; ValueError for negative strides
    and for a foreign byte order.

    >>> import facula, numpy
    >>> a = numpy.zeros(2)
    >>> t = facula.from_numpy(a)
    >>> a[0] = 1
    >>> t
    tensor([1., 0.], dtype=facula.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    _check_array(ndarray)
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable: writing to the tensor made of it raises an error. Copy "
            "it first if you mean to change it.",
            stacklevel=2,
        )
    return wrap(ndarray.view(np.ndarray) if type(ndarray) is not np.ndarray else ndarray)


@public("torch")
def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A one-dimensional tensor over the memory of a bytes-like object."""
    length = memoryview(buffer).nbytes
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    array = np.frombuffer(buffer, _dtype_of(dtype), count, offset)
    return _finish(array, None, requires_grad)


# ---- constants ---------------------------------------------------------------------------------------------


@public("torch")
def empty(
    *args: Any,
    size: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor whose elements are whatever the memory held."""
    return _made(np.empty, "empty", args, size, out, dtype, layout, device, requires_grad)


@public("torch")
def zeros(
    *args: Any,
    size: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros, of the default dtype unless `dtype` says otherwise.

    >>> import facula
    >>> facula.zeros(2, 3).shape
    facula.Size([2, 3])
    """
    return _made(np.zeros, "zeros", args, size, out, dtype, layout, device, requires_grad)


@public("torch")
def ones(
    *args: Any,
    size: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones, of the default dtype unless `dtype` says otherwise."""
    return _made(np.ones, "ones", args, size, out, dtype, layout, device, requires_grad)


def shape_of(name: str, args: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The shape given as numbers, as one sequence or as `size=`. TypeError if there is none, RuntimeError for
    negative lengths.
    """
    if not args:
        if size is None:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        args = (size,)
    shape = sizes_of(name, args)
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def _made(
    make: Any,
    name: str,
    args: tuple[Any, ...],
    size: Any,
    out: Any,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    shape = shape_of(name, args, size)
    made = make(shape, _out_dtype(dtype, out))
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out(name, wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


def _out_dtype(dtype: Any, out: Any, default: _dtype.dtype | None = None) -> Any:
    """The dtype to make; RuntimeError if it is not that of `out`."""
    if out is not None and dtype is not None and out.dtype is not dtype:
        raise RuntimeError(f"dtype {dtype} does not match dtype of out parameter ({out.dtype})")
    return _dtype_of(dtype, out.dtype if out is not None else default)


def _number(name: str, argument: str, value: Any) -> Any:
    """A Python number of what may be a 0-d tensor or a NumPy number."""
    if isinstance(value, (Tensor, np.generic)):
        return value.item()
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type(value).__name__}")
    return value


def _filled(made: Any, value: Any) -> Any:
    """An array with every element set to a number; RuntimeError if its dtype cannot hold it."""
    kind = made.dtype.kind
    if isinstance(value, complex) and kind != "c":
        if value.imag:
            raise RuntimeError(
                f"value cannot be converted to type {_dtype.from_numpy(made.dtype).name} without overflow"
            )
        value = value.real
    made[...] = (
        fit(value, _dtype.from_numpy(made.dtype)) if kind in "iu" else np.asarray(value).astype(made.dtype)
    )
    return made


@public("torch")
def full(
    size: Any,
    fill_value: Any,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor in which every element is `fill_value`; its dtype follows the value's unless given."""
    fill_value = _number("full", "fill_value", fill_value)
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"
        )
    target = _out_dtype(dtype, out, _dtype.of_scalar(fill_value))
    made = _filled(np.empty(shape_of("full", (size,)), target), fill_value)
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out("full", wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


@public("torch")
def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor of a number, of the default dtype unless `dtype` is given."""
    return full(
        (),
        s,
        dtype=dtype or _dtype.get_default_dtype(),
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


@public("torch")
def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """An uninitialised tensor whose elements lie in memory with the given strides (in elements)."""
    shape, steps = shape_of("empty_strided", (tuple(size),)), tuple(int(n) for n in stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(steps)})"
        )
    target = _dtype_of(dtype)
    reach = 0 if 0 in shape else 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    made = np.lib.stride_tricks.as_strided(
        np.empty(reach, target), shape, [n * target.itemsize for n in steps]
    )
    return _finish(made, device, requires_grad, layout)


@public("torch")
def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere."""
    for name, value in (("n", n), ("m", m)):
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
            raise TypeError(f"eye(): argument '{name}' must be int, not {type(value).__name__}")
        if value is not None and value < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    made = np.eye(n, m, dtype=_out_dtype(dtype, out))
    if out is not None:
        from .autograd.op import write_out

        result: Tensor = write_out("eye", wrap(made), out)
        return result
    return _finish(made, device, requires_grad, layout)


# ---- like others -------------------------------------------------------------------------------------------


def _like(name: str, input: Tensor, dtype: Any, memory_format: Any) -> Any:
    """An array like that of `input`: strides in the same order unless `memory_format` says otherwise."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if memory_format not in (None, preserve_format, contiguous_format):
        raise NotImplementedError(f"[{name}] memory_format={memory_format} is not supported")
    order: Any = "C" if memory_format is contiguous_format else "K"
    return np.empty_like(input._array, dtype=_dtype_of(dtype, input.dtype), order=order)


@public("torch")
def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """An uninitialised tensor of the shape, dtype and strides order of `input`."""
    made = _like("empty_like", input, dtype, memory_format)
    return _finish(made, device, requires_grad, layout)


@public("torch")
def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros of the shape and dtype of `input`."""
    made = _like("zeros_like", input, dtype, memory_format)
    made[...] = 0
    return _finish(made, device, requires_grad, layout)


@public("torch")
def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones of the shape and dtype of `input`."""
    made = _like("ones_like", input, dtype, memory_format)
    made[...] = 1
    return _finish(made, device, requires_grad, layout)


@public("torch")
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`fill_value` in the shape and dtype of `input`."""
    made = _filled(
        _like("full_like", input, dtype, memory_format), _number("full_like", "fill_value", fill_value)
    )
    return _finish(made, device, requires_grad, layout)


@public("Tensor")
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of `data`, of this tensor's dtype unless given."""
    return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_empty(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """An uninitialised tensor of this tensor's dtype."""
    return empty(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_zeros(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of this tensor's dtype."""
    return zeros(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_ones(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones of this tensor's dtype."""
    return ones(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


@public("Tensor")
def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`fill_value` in a shape, of this tensor's dtype."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


# ---- names of types ----------------------------------------------------------------------------------------

_TYPE_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor", "uint8": "ByteTensor", "int8": "CharTensor", "int16": "ShortTensor",
    "int32": "IntTensor", "int64": "LongTensor",
    "bool": "BoolTensor", "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip


def type_name(dtype: _dtype.dtype) -> str:
    """PyTorch's old name of a tensor type, such as "torch.FloatTensor"."""
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
    return _TypedTensor(
        _TYPE_NAMES[name], (), {"dtype": _dtype._by_name(name), "__doc__": f"Tensors of {name}."}
    )


FloatTensor, DoubleTensor, HalfTensor = _typed("float32"), _typed("float64"), _typed("float16")
ByteTensor, CharTensor, ShortTensor = _typed("uint8"), _typed("int8"), _typed("int16")
IntTensor, LongTensor, BoolTensor = _typed("int32"), _typed("int64"), _typed("bool")
BFloat16Tensor = _typed("bfloat16")
