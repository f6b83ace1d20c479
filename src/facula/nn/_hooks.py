"""Hooks around a module's forward and backward."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._tensor import Tensor
from ..autograd.function import Function
from ..autograd.mode import is_grad_enabled
from ..utils.hooks import RemovableHandle


class Hooks:
    """The part of `Module` that keeps hooks and calls them; a module without hooks never comes here."""

    forward: Callable[..., Any]
    _forward_hooks: dict[int, Callable[..., Any]]
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks: dict[int, Callable[..., Any]]
    _forward_pre_hooks_with_kwargs: dict[int, bool]
    _backward_hooks: dict[int, Callable[..., Any]]
    _backward_pre_hooks: dict[int, Callable[..., Any]]
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every `forward`.

        Args:
            hook: may return new arguments (a tuple, or one value); None leaves them.
            prepend: run before the hooks that are already there.
            with_kwargs: call `hook(module, args, kwargs)`; it may return `(args, kwargs)`.
        """
        handle = RemovableHandle(self._forward_pre_hooks, extra_dict=self._forward_pre_hooks_with_kwargs)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return _put(self._forward_pre_hooks, handle, hook, prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every `forward`.

        Args:
            hook: may return a new output; None leaves it.
            prepend: run before the hooks that are already there.
            with_kwargs: call `hook(module, args, kwargs, output)`.
            always_call: call it even when `forward` or an earlier hook raised (then with output None).
        """
        handle = RemovableHandle(
            self._forward_hooks,
            extra_dict=[self._forward_hooks_with_kwargs, self._forward_hooks_always_called],
        )
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return _put(self._forward_hooks, handle, hook, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the module's outputs are known.

        `grad_output` is a tuple, one entry per output (None for what is no tensor); a returned tuple
        replaces it.
        """
        return _put(self._backward_pre_hooks, RemovableHandle(self._backward_pre_hooks), hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the module's inputs are known.

        Both are tuples over the positional inputs and the outputs (None for what is no tensor or needs no
        gradient); a returned tuple replaces `grad_input`.
        """
        self._is_full_backward_hook = True
        return _put(self._backward_hooks, RemovableHandle(self._backward_hooks), hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Not supported: this deprecated hook sees only the module's last operation."""
        raise NotImplementedError("[register_backward_hook] is deprecated; use register_full_backward_hook")

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        try:
            return self._run_hooks(args, kwargs, called)
        except Exception:
            for id_, hook in list(self._forward_hooks.items()):
                if id_ in self._forward_hooks_always_called and id_ not in called:
                    try:
                        self._run_forward_hook(id_, hook, args, kwargs, None)
                    except Exception as second:
                        warnings.warn(
                            f"a forward hook raised while another error was under way: {second!s}",
                            stacklevel=2,
                        )
            raise

    def _run_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> Any:
        for id_, hook in list(self._forward_pre_hooks.items()):
            if id_ in self._forward_pre_hooks_with_kwargs:
                result = hook(self, args, kwargs)
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                        f"{result}."
                    )
                args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)

        watch = None
        if self._backward_hooks or self._backward_pre_hooks:
            watch = _BackwardWatch(
                self, list(self._backward_hooks.values()), list(self._backward_pre_hooks.values())
            )
            args = watch.inputs(args)

        output = self.forward(*args, **kwargs)

        for id_, hook in list(self._forward_hooks.items()):
            called.add(id_)
            result = self._run_forward_hook(id_, hook, args, kwargs, output)
            if result is not None:
                output = result
        return output if watch is None else watch.outputs(output)

    def _run_forward_hook(
        self, id_: int, hook: Callable[..., Any], args: Any, kwargs: Any, output: Any
    ) -> Any:
        if id_ in self._forward_hooks_with_kwargs:
            return hook(self, args, kwargs, output)
        return hook(self, args, output)


class _BackwardWatch:
    """One call's gate before and gate after `forward`: identities whose backward calls the hooks."""

    def __init__(
        self, module: Any, hooks: list[Callable[..., Any]], pre_hooks: list[Callable[..., Any]]
    ) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_gate = False
        self.n_inputs = 0

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.n_inputs = len(args)
        gated, places = _gate(args, self._on_input_grads)
        self.input_gate = bool(places)
        return gated

    def outputs(self, result: Any) -> Any:
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "backward hooks need an output that is a tensor or a tuple of tensors; they will not be "
                "called "
                f"for this {type(result).__name__}",
                stacklevel=5,
            )
            return result
        gated, _ = _gate(result if isinstance(result, tuple) else (result,), self._on_output_grads)
        if not isinstance(result, tuple):
            return gated[0]
        return type(result)(*gated) if hasattr(result, "_fields") else gated

    def _on_output_grads(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.pre_hooks:
            grads = _replaced(hook(self.module, grads), grads, "Backward pre hook", "grad_output")
        self.grad_outputs = grads
        if not self.input_gate:
            # No input needs a gradient, so nothing will come out below: tell the hooks now.
            for hook in self.hooks:
                if hook(self.module, (None,) * self.n_inputs, grads) is not None:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
            self.grad_outputs = None
        return grads

    def _on_input_grads(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_outputs is None:
            return grads  # the output's gradient never came: some input is used beside the module
        for hook in self.hooks:
            grads = _replaced(
                hook(self.module, grads, self.grad_outputs), grads, "Backward hook", "grad_input"
            )
        self.grad_outputs = None
        return grads


class BackwardHookFunction(Function):
    """Identity on several tensors; in backward, `on_grads` may look at all their gradients and replace
    them."""

    @staticmethod
    def forward(ctx: Any, on_grads: Callable[..., Any], *tensors: Tensor) -> Any:
        ctx.set_materialize_grads(False)
        ctx.on_grads = on_grads
        return tuple(each.view_as(each) for each in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.on_grads(grads))


def _gate(values: tuple[Any, ...], on_grads: Callable[..., Any]) -> tuple[tuple[Any, ...], list[int]]:
    """Put the tensors among `values` behind one `BackwardHookFunction`; gives the new values and where the
    tensors were."""
    if not is_grad_enabled():
        return values, []
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not places:
        return values, []

    def on_all(grads: tuple[Any, ...]) -> tuple[Any, ...]:
        full: list[Any] = [None] * len(values)
        for place, grad in zip(places, grads, strict=True):
            full[place] = grad
        replaced = on_grads(tuple(full))
        return tuple(replaced[place] for place in places)

    result = list(values)
    for place, gated in zip(
        places, BackwardHookFunction.apply(on_all, *(values[i] for i in places)), strict=True
    ):
        result[place] = gated
    return tuple(result), places


def _replaced(new: Any, old: tuple[Any, ...], who: str, what: str) -> tuple[Any, ...]:
    if new is None:
        return old
    if not isinstance(new, tuple):
        new = (new,)
    if len(new) != len(old):
        raise RuntimeError(
            f"{who} returned an invalid number of {what}, got {len(new)}, but expected {len(old)}"
        )
    return new


def _put(hooks: Any, handle: RemovableHandle, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle
