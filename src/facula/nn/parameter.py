"""`Parameter` and `Buffer`: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .._tensor import Tensor
from ..factory import empty
from ..printing import format_tensor


class Parameter(Tensor):
    """A tensor that a module trains: assigned to a `Module`'s attribute, it joins `Module.parameters()`.

    Args:
        data: the values; the memory is shared. Default: an empty tensor.
        requires_grad: whether autograd differentiates by it.

    Raises:
        RuntimeError: `requires_grad` for a dtype that has no gradients.

    Results of operations on a parameter are plain tensors.

    >>> import facula
    >>> facula.nn.Parameter(facula.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        source = empty(0) if data is None else data
        self = object.__new__(cls)
        if not isinstance(source, Tensor):
            raise AttributeError(f"[Parameter] data must be a Tensor: got {type(data).__name__}")
        self._array = source._array
        # The same memory, so the same version counter: a change through either is seen by both.
        self._vc = source._vc
        if requires_grad and not (source.is_floating_point() or source.is_complex()):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        self._requires_grad = bool(requires_grad)
        return self

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass  # all done in __new__; Tensor's would build another tensor

    # mypy reads the keyword of a special method as its own name for it.
    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + format_tensor(self, tensor_contents=tensor_contents)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        # As PyTorch: a copy has the values and the switch, not the gradient.
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        result: Parameter = memo[id(self)]
        return result

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_parameter, (self.detach(), self.requires_grad, OrderedDict())


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """What a pickled parameter names; hooks are never saved."""
    return Parameter(data, requires_grad)


class _BufferKind(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferKind):
    """A tensor that a module keeps but does not train: assigned to an attribute, it joins `Module.buffers()`.

    The result is a plain `Tensor` that carries a mark; `isinstance(x, Buffer)` tells.

    Args:
        data: the values; the memory is shared. Default: an empty tensor.
        persistent: whether it becomes part of the module's `state_dict`.

    >>> import facula
    >>> layer = facula.nn.ReLU()
    >>> layer.seen = facula.nn.Buffer(facula.zeros(2))
    >>> list(layer.state_dict())
    ['seen']
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        source: Any = empty(0) if data is None else data
        result = source.detach().requires_grad_(source.requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result
