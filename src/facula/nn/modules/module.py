"""`Module`, the base class of all layers and models."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ... import _branding
from ..._device import device as Device
from ..._dtype import bfloat16, dtype, float16, float32, float64
from ..._tensor import Tensor
from ..._typename import typename
from ...autograd.mode import no_grad
from ...factory import empty_like
from .._hooks import Hooks
from .._state_dict import StateDict
from .._traversal import Traversal
from ..parameter import Buffer, Parameter

T = TypeVar("T", bound="Module")
T_destination = TypeVar("T_destination", bound=Mapping[str, Any])

# A module's own state in the order in which PyTorch sets it (pickled modules hold this dict).
_HOOK_DICTS_FIRST = ("_backward_pre_hooks", "_backward_hooks")
_HOOK_DICTS_REST = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _forward_unimplemented(self: Module, *input: Any) -> None:
    """Define the computation here, in every subclass."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(Traversal, StateDict, Hooks):
    """Base class of all neural network modules.

    A subclass calls `super().__init__()`, assigns parameters and submodules to attributes (they are
    registered by that) and defines `forward`. Calling the module runs `forward` and the hooks.

    >>> import facula
    >>> class Net(facula.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = facula.nn.Linear(4, 2)
    ...
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> net = Net()
    >>> net
    Net(
      (fc): Linear(in_features=4, out_features=2, bias=True)
    )
    >>> net(facula.rand(3, 4)).shape
    facula.Size([3, 2])
    """

    dump_patches: bool = False
    # Subclasses raise it when the layout of their saved state changes; it is stored with the state_dict.
    _version: int = 1
    # A subclass with more than one base sets it to have the next base's __init__ called too.
    call_super_init: bool = False
    training: bool
    _compiled_call_impl: Callable[..., Any] | None = None

    forward: Callable[..., Any] = _forward_unimplemented

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                    f"'{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were "
                    "given"
                )
        own = self.__dict__  # past our own __setattr__, which has to look at every value
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        for name in _HOOK_DICTS_FIRST:
            own[name] = OrderedDict()
        own["_is_full_backward_hook"] = None
        for name in _HOOK_DICTS_REST:
            own[name] = OrderedDict()
        own["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        # Reached only when ordinary look-up has failed, so for parameters, buffers and submodules.
        own = self.__dict__
        if "_modules" in own:
            members = own["_parameters"]
            if name in members:
                return members[name]
            members = own["_modules"]
            if name in members:
                return members[name]
            members = own["_buffers"]
            if name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        parameters = own.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, own, own["_buffers"], own["_modules"])
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' "
                    f"({_branding.name()}.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            if parameters is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, own, parameters, own["_buffers"])
            own["_modules"][name] = value
        elif parameters is not None and name in own["_modules"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' "
                    f"({_branding.name()}.nn.Module or None expected)"
                )
            own["_modules"][name] = None
        elif isinstance(value, Buffer):
            if parameters is None:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, own, parameters, own["_modules"])
            own["_buffers"].pop(name, None)
            self.register_buffer(name, value, value.persistent)
        elif parameters is not None and name in own["_buffers"]:
            if value is not None and not isinstance(value, Tensor):
                brand = _branding.name()
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    f"({brand}.nn.Buffer, {brand}.Tensor or None expected)"
                )
            own["_buffers"][name] = value
        else:
            super().__setattr__(name, value)

    def _forget(self, name: str, *places: dict[str, Any]) -> None:
        """Take `name` out of the other places, since it is about to become another kind of member."""
        for place in places:
            place.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            if name not in self.__dict__ and not hasattr(type(self), name):
                raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted({name for name in names if not name[:1].isdigit()})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # Modules pickled by older programs have fewer hook dicts.
        for name in (*_HOOK_DICTS_FIRST, *_HOOK_DICTS_REST):
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    # ---- registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` the parameter `name`; None keeps the name free for one.

        Raises:
            AttributeError: `Module.__init__` has not been called.
            TypeError: the name is no string, or `param` is no Parameter.
            KeyError: the name is empty, has a dot or is taken.
            ValueError: `param` is the result of a computation.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                f"({_branding.name()}.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                "explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the forward() "
                "method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` the buffer `name`: state that moves with the module but is not trained.

        Args:
            name: the attribute.
            tensor: the value; None keeps the name free for one.
            persistent: whether it is part of the `state_dict`.

        Raises:
            AttributeError, TypeError, KeyError: as for `register_parameter`.

        >>> import facula
        >>> m = facula.nn.Module()
        >>> m.register_buffer("count", facula.zeros(1))
        >>> m.count
        tensor([0.])
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                f"({_branding.name()} Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make `module` the submodule `name`; None keeps the name free for one.

        Raises:
            TypeError: `module` is no Module, or the name is no string.
            KeyError: the name is empty, has a dot or is taken.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: Any, members: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            # A dot would make names in the state_dict ambiguous.
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in members and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # ---- modes and gradients

    def train(self: T, mode: bool = True) -> T:
        """Switch this module and all below to training mode (matters to Dropout, BatchNorm, ...).

        Raises:
            ValueError: `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: T) -> T:
        """Switch to evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Let autograd record the parameters, or (False) freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the parameters' gradients, or with `set_to_none=False` fill them with zeros."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    # ---- conversion

    def apply(self: T, fn: Callable[[Module], None]) -> T:
        """Call `fn` on every module below and then on this one (as for initialisation)."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self: T, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> T:
        """Replace every parameter's and buffer's values by `fn` of them; parameters stay the same objects."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with no_grad():
                # Through .data, so that optimizers that hold the parameter keep the right one.
                parameter.data = fn(parameter)
                if parameter.grad is not None:
                    grad = fn(parameter.grad)
                    grad.requires_grad_(parameter.grad.requires_grad)
                    parameter.grad = grad
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Move and/or convert the parameters and buffers, in place.

        `to(device=None, dtype=None, non_blocking=False)`, `to(dtype)`, `to(tensor)` (its device and dtype).
        Only floating point members change dtype. `memory_format` is accepted; strides stay as they are.

        Returns:
            The module itself.

        Raises:
            TypeError: a dtype that is not floating point (or complex), or an argument of another kind.
        """
        where, kind, non_blocking = _parse_to(*args, **kwargs)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}"
            )

        def convert(t: Tensor) -> Tensor:
            changes_dtype = kind is not None and (t.dtype.is_floating_point or t.dtype.is_complex)
            new_dtype = kind if changes_dtype else t.dtype
            return t.to(dtype=new_dtype) if where is None else t.to(where, new_dtype, non_blocking)

        return self._apply(convert)

    def type(self: T, dst_type: Any) -> T:
        """Convert all parameters and buffers (of any dtype) to `dst_type`, in place."""
        return self._apply(lambda t: t.type(dst_type))

    def _to_float(self: T, kind: dtype) -> T:
        return self._apply(lambda t: t.to(kind) if t.dtype.is_floating_point else t)

    def float(self: T) -> T:
        """Convert the floating point parameters and buffers to float32."""
        return self._to_float(float32)

    def double(self: T) -> T:
        """Convert the floating point parameters and buffers to float64."""
        return self._to_float(float64)

    def half(self: T) -> T:
        """Convert the floating point parameters and buffers to float16."""
        return self._to_float(float16)

    def bfloat16(self: T) -> T:
        """Convert the floating point parameters and buffers to bfloat16."""
        return self._to_float(bfloat16)

    def cpu(self: T) -> T:
        """Move to the CPU."""
        return self._apply(lambda t: t.to(Device("cpu")))

    def cuda(self: T, device: Any = None) -> T:
        """Move to a CUDA device; where there is none, the error says so."""
        name = device if isinstance(device, (str, Device)) else "cuda" if device is None else f"cuda:{device}"
        return self._apply(lambda t: t.to(name))

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Move to a device without copying: the values are undefined afterwards."""
        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def share_memory(self: T) -> T:
        """Not supported: tensors are not moved to memory shared between processes."""
        raise NotImplementedError("[Module.share_memory] memory shared between processes is not supported")

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Not supported yet; the module runs as written."""
        raise NotImplementedError("[Module.compile] compiling is not supported yet; call the module as it is")

    # ---- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr; override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {_indented(repr(child))}" for name, child in self._modules.items()]
        return _assembled(self._get_name(), extra_lines, child_lines)


def _assembled(name: str, extra_lines: list[str], child_lines: list[str]) -> str:
    """One line if there is only one line to show, else each on its own, two spaces in."""
    if not child_lines and len(extra_lines) <= 1:
        return f"{name}({''.join(extra_lines)})"
    lines = "\n  ".join(extra_lines + child_lines)
    return f"{name}(\n  {lines}\n)"


def _indented(text: str) -> str:
    """Every line but the first moved in by two spaces."""
    return text.replace("\n", "\n  ")


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, dtype | None, bool]:
    """Sort out `to`'s argument forms into (device or None, dtype or None, non_blocking)."""
    where = kwargs.pop("device", None)
    kind = kwargs.pop("dtype", None)
    non_blocking = kwargs.pop("non_blocking", False)
    other = kwargs.pop("tensor", kwargs.pop("other", None))
    copy = kwargs.pop("copy", False)
    kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to() received an invalid keyword argument: {next(iter(kwargs))!r}")
    flags: list[bool] = []
    for i, arg in enumerate(args):
        if isinstance(arg, Tensor) and i == 0:
            other = arg
        elif isinstance(arg, dtype) and kind is None and i < 2:
            kind = arg
        elif isinstance(arg, (str, Device)) and where is None and i == 0:
            where = arg
        elif isinstance(arg, bool) and i > 0 and len(flags) < 2:
            flags.append(arg)
        elif arg is not None:
            raise TypeError(f"to() received an invalid argument: {arg!r} at position {i}")
    if flags:
        non_blocking = flags[0]
        copy = copy or flags[1:] == [True]
    if copy:
        raise RuntimeError(".to() does not accept copy argument")
    if other is not None:
        where, kind = other.device, other.dtype
    return (Device(where) if isinstance(where, str) else where), kind, bool(non_blocking)
