"""`Tensor`: an array with a history.

The operations are defined in `ops/` and attach themselves here as methods; this file holds what is not an
operation: attributes, conversion to and from Python and NumPy, and the way into autograd.
"""

from __future__ import annotations

import copy as copying
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _device, _dtype
from ._core import TensorBase
from ._size import Size
from .utils.hooks import RemovableHandle, add_hook

if TYPE_CHECKING:
    from .autograd.node import Node


_engine: Any = None  # `autograd.engine`, which imports this module
_tuple = tuple.__new__  # makes a Size of what is known to be a shape


class Tensor(TensorBase):
    """A multi-dimensional array of one dtype that autograd can differentiate through.

    Made by `facula.tensor`, `zeros`, `rand`, `from_numpy` and the like. `Tensor(data)` makes a float tensor of the
    default dtype; `Tensor(2, 3)` an uninitialised one of that shape.
    """

    __array_priority__ = 1000  # so that `ndarray + tensor` asks the tensor

    if TYPE_CHECKING:  # the methods that ops attach

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __eq__(self, other: Any) -> Any: ...
        def __ne__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...

        T: Any
        mT: Any
        H: Any
        mH: Any
        real: Any
        imag: Any

    def __init__(self, *args: Any, dtype: Any = None, device: Any = None) -> None:
        from . import factory

        _device.check_device(device, "Tensor")
        if dtype is not None:
            raise TypeError("[Tensor] takes no dtype: use facula.tensor(data, dtype=...)")
        if len(args) == 1 and not isinstance(args[0], int):
            data = args[0]
            if isinstance(data, Size):
                source = factory.empty(data)
            elif isinstance(data, Tensor):
                source = data.detach()
            elif isinstance(data, (bool, float, complex)):
                raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
            else:
                source = factory.tensor(data, dtype=_dtype.get_default_dtype())
        else:
            source = factory.empty(*args) if args else factory.empty(0)
        self._array = source._array
        self._vc = source._vc

    # ---- attributes ------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The length of each dimension."""
        return _tuple(Size, self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension. IndexError if there is no such dimension."""
        if dim is None:
            return _tuple(Size, self._array.shape)
        return self._array.shape[normalize_dim(dim, self._array.ndim)]

    @property
    def dtype(self) -> _dtype.dtype:
        """The type of the elements."""
        return _dtype._FROM_NUMPY[self._array.dtype]

    @property
    def device(self) -> _device.device:
        """Where the elements are."""
        return _device.cpu

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """For each dimension (or for one), the step in elements from one entry to the next."""
        a = self._array
        # NumPy leaves the strides of empty arrays and of dimensions of length one open; contiguous ones are canonical.
        strides = (
            _contiguous_strides(a.shape)
            if a.flags.c_contiguous
            else tuple(s // a.itemsize for s in a.strides)
        )
        return strides if dim is None else strides[normalize_dim(dim, a.ndim)]

    def storage_offset(self) -> int:
        """The position of the first element in the memory that views of this tensor share, in elements."""
        root = memory_owner(self._array)
        return (
            self._array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        ) // self._array.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self._array.__array_interface__["data"][0])

    def untyped_storage(self) -> Any:
        """The memory behind this tensor and its views."""
        from .storage import UntypedStorage

        return UntypedStorage(memory_owner(self._array))

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order without gaps."""
        if memory_format is not None and str(memory_format).rpartition(".")[2] not in ("contiguous_format",):
            raise NotImplementedError(f"[is_contiguous] memory_format={memory_format} is not supported")
        return self._array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """Whether the dtype is floating."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self._array.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    @property
    def is_cuda(self) -> bool:
        """Always False: tensors are on the CPU."""
        return False

    @property
    def is_cpu(self) -> bool:
        """Always True."""
        return True

    name = None
    is_sparse = False
    is_sparse_csr = False
    is_mkldnn = False
    is_xla = False
    is_xpu = False
    is_quantized = False
    is_nested = False
    is_mps = False
    is_meta = False

    @property
    def layout(self) -> Any:
        """The memory layout; always strided."""
        from .factory import strided

        return strided

    def get_device(self) -> int:
        """The device's index; -1 for the CPU."""
        return -1

    # ---- autograd --------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if not self._requires_grad and self._base is not None and self._base._requires_grad:
            try:
                return self.grad_fn is not None  # its base may have got a history since
            except RuntimeError:  # one that may not be used: told when it is
                return True
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch gradients for a leaf on or off. RuntimeError for a non-leaf or a dtype without gradients."""
        if not requires_grad and self._grad_fn is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._array.dtype.kind not in "fcV":
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was not made by a recorded operation."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        if self._base is not None and (self._grad_fn is not None or self._base._requires_grad):
            from .autograd.op import refresh

            return refresh(self)
        return self._grad_fn

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this tensor is."""
        return self._nr

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient; None before the first backward pass."""
        if self._grad is None and self._grad_fn is not None and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._array.shape != self._array.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: got {list(value.shape)} and {list(self.shape)}"
                )
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: got {value.dtype} and {self.dtype}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor to the `.grad` of the leaves it depends on; see `autograd.backward`."""
        global _engine
        if _engine is None:
            from .autograd import engine as _engine
        _engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """A tensor over the same memory without history."""
        other = wrap(self._array)
        other._vc = self._vc
        return other

    def detach_(self) -> Tensor:
        """Cut this tensor's own history. RuntimeError for a view."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._grad_fn, self._nr, self._requires_grad = None, 0, False
        return self

    @property
    def data(self) -> Tensor:
        """A tensor over the same memory that autograd does not see, changes included."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array = value._array
        self._base = self._view = None

    @property
    def retains_grad(self) -> bool:
        """Whether this non-leaf keeps its gradient."""
        retained = self._grad_fn.retained if self._grad_fn is not None else None
        return bool(retained) and self._nr in retained  # type: ignore[operator]

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad`, too."""
        if not self._requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = self.grad_fn
        if node is not None:
            node.hooked = True
            node.retained = node.retained or {}
            node.retained[self._nr] = weakref.ref(self)

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad)` when the gradient is known; a returned Tensor replaces it. RuntimeError without grad."""
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.grad_fn
        if node is None:
            if self._hooks is None:
                self._hooks = OrderedDict()
            return add_hook(self._hooks, hook)
        node.hooked = True
        node.tensor_hooks = node.tensor_hooks or {}
        return add_hook(node.tensor_hooks.setdefault(self._nr, OrderedDict()), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(tensor)` after a gradient was added to this leaf's `.grad`. RuntimeError for a non-leaf."""
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._post_accumulate_hooks is None:
            self._post_accumulate_hooks = OrderedDict()
        return add_hook(self._post_accumulate_hooks, hook)

    @property
    def _version(self) -> int:
        return self._vc[0]

    def _bump_version(self) -> None:
        """Say that the elements were changed through the raw array."""
        self._vc[0] += 1

    def _is_view(self) -> bool:
        return self._base is not None

    def is_inference(self) -> bool:
        """Whether this tensor was made in inference mode; such tensors are not told apart here."""
        return False

    # ---- Python and NumPy ------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number. RuntimeError for more elements."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        value = self._array.item()
        return value if isinstance(value, (bool, int, float, complex)) else float(value)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        a = self._array
        return (a.astype(np.float32) if a.dtype.kind == "V" else a).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The elements as a NumPy array over the same memory. RuntimeError with a gradient wanted, unless `force`."""
        if self._requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if self._array.dtype.kind == "V":
            raise TypeError(f"Got unsupported ScalarType {self.dtype.name}: convert with .float() first")
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is None and not copy:
            return array
        return np.array(array, dtype=dtype, copy=copy)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        return wrap(np.asarray(array))

    def __bool__(self) -> bool:
        if self._array.size != 1:
            what = "no values" if self._array.size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self._array.item())

    def __int__(self) -> int:
        return int(self._number())

    def _number(self) -> Any:
        if self._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def __float__(self) -> float:
        value = self._number()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError("value cannot be converted to type double without overflow")
            value = value.real
        return float(value)

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self._array.size != 1 or self._array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Tensor:
        return self if self._array.ndim == 0 else self.flip(0)

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Tensor, bool, int, float, complex)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool((self == element).any().item())

    __hash__ = object.__hash__  # by identity, although == compares elements

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from .printing import format_tensor

        return format_tensor(self, tensor_contents=tensor_contents)

    def __format__(self, spec: str) -> str:
        if self._array.ndim == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)))

    def __copy__(self) -> Tensor:
        """A leaf of the same class over the same memory; without the gradient, with the user's attributes."""
        other: Tensor = object.__new__(type(self))
        other._array, other._vc = self._array, [0]
        other._requires_grad = self._requires_grad
        other.__dict__.update(self._extras())
        return other

    def _extras(self) -> dict[str, Any]:
        """The attributes that users set."""
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) in memo:
            found: Tensor = memo[id(self)]
            return found
        if self.grad_fn is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment."
            )
        other: Tensor = object.__new__(type(self))
        memo[id(self)] = other
        other._array = _copied(self._array, memo)
        other._vc = [0]
        other._requires_grad = self._requires_grad
        if self._grad is not None:
            other._grad = copying.deepcopy(self._grad, memo)
        for name, value in self._extras().items():
            setattr(other, name, copying.deepcopy(value, memo))
        return other

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (_rebuild, (type(self), self._array, self._requires_grad))

    def share_memory_(self) -> Tensor:
        """Not supported: raises NotImplementedError."""
        raise NotImplementedError("[share_memory_] shared memory between processes is not supported")

    def is_shared(self) -> bool:
        """Whether the memory is shared between processes; never."""
        return False

    def pin_memory(self) -> Tensor:
        """The tensor itself: there is no device to pin memory for."""
        return self

    def is_pinned(self) -> bool:
        """Whether the memory is pinned; never."""
        return False

    def cpu(self) -> Tensor:
        """The tensor itself: it is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Tensor:
        """Raises AssertionError: there is no CUDA device."""
        _device.check_device("cuda", "cuda")
        return self


def wrap(array: Any, requires_grad: bool = False) -> Tensor:
    """A Tensor around a raw array, without copying."""
    t: Tensor = object.__new__(Tensor)
    t._array = array if isinstance(array, np.ndarray) else np.asarray(array)
    t._vc = [0]
    if requires_grad:
        t._requires_grad = True
    return t


def _rebuild(cls: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    t = object.__new__(cls)
    t._array = np.array(array, order="K") if not array.flags.writeable else array
    t._vc = [0]
    t._requires_grad = requires_grad
    return t


def _copied(array: Any, memo: dict[int, Any]) -> Any:
    """A deep copy: arrays that share memory share the copy of it, too."""
    owner = memory_owner(array)
    if id(owner) not in memo:
        memo[id(owner)] = owner.copy(order="K")
        memo.setdefault(id(memo), []).append(owner)  # as `copy` itself does: the id must stay taken
    copied = memo[id(owner)]
    if owner is array:
        return copied
    offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    memory = copied.ravel(order="K").view(np.uint8)
    return np.ndarray(array.shape, array.dtype, memory, offset, array.strides)


def memory_owner(array: Any) -> Any:
    """The array that owns the memory which `array` is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def normalize_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; IndexError if it is out of range (0-d tensors take -1 and 0)."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim + n if dim < 0 else dim


def _contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))
