"""`Optimizer`, the base class: parameter groups, state, saving and loading, hooks."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from .._dtype import float64, get_default_dtype
from .._tensor import Tensor
from .._typename import typename
from ..autograd.mode import enable_grad
from ..factory import tensor
from ..utils.hooks import RemovableHandle

_HOOK_DICTS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base class of all optimizers. A subclass defines `step`.

    Args:
        params: the parameters, or dicts of them with options of their own (`{"params": ..., "lr": ...}`), or
            `(name, parameter)` pairs.
        defaults: the options of groups that do not set them.

    Raises:
        TypeError: `params` is one tensor, or contains what is no tensor.
        ValueError: no parameters, a parameter in two groups, or one that is the result of a computation.

    Attributes: `param_groups`, a list of dicts; `state`, a dict from parameter to a dict of what is
    remembered.

    >>> import facula
    >>> class SignDescent(facula.optim.Optimizer):
    ...     def step(self):
    ...         with facula.no_grad():
    ...             for group in self.param_groups:
    ...                 for p in group["params"]:
    ...                     p -= group["lr"] * p.grad.sign()
    >>> w = facula.tensor([1.0], requires_grad=True)
    >>> (w * 3).sum().backward()
    >>> SignDescent([w], {"lr": 0.5}).step()
    >>> w.item()
    0.5
    """

    state: defaultdict[Tensor, Any]
    param_groups: list[dict[str, Any]]
    _opt_called = False

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._add_hook_dicts()
        if isinstance(params, Tensor):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{typename(params)}"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _add_hook_dicts(self) -> None:
        for name in _HOOK_DICTS:
            if name not in self.__dict__:
                self.__dict__[name] = OrderedDict()
        self._hook_step()

    def _hook_step(self) -> None:
        """Wrap the class's `step`, once, so that it calls the step hooks: subclasses then need not know of
        them."""
        cls = type(self)
        step: Any = cls.step
        if getattr(step, "hooked", False):
            return

        @functools.wraps(step)
        def hooked(*args: Any, **kwargs: Any) -> Any:
            optimizer = args[0]  # hooks are given it among the arguments, as PyTorch does
            for hook in list(optimizer._optimizer_step_pre_hooks.values()):
                result = hook(optimizer, args, kwargs)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise RuntimeError(
                            f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}."
                        )
                    args, kwargs = result
            optimizer._opt_called = True  # schedules warn when they are stepped earlier
            out = step(*args, **kwargs)
            for hook in list(optimizer._optimizer_step_post_hooks.values()):
                hook(optimizer, args, kwargs)
            return out

        hooked.hooked = True  # type: ignore[attr-defined]
        cls.step = hooked  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._add_hook_dicts()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    # ---- the loop

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or with `set_to_none=False` fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    if p.grad.grad_fn is not None:
                        p.grad.detach_()
                    else:
                        p.grad.requires_grad_(False)
                    p.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters from their gradients.

        Args:
            closure: clears the gradients, computes the loss, runs backward and returns the loss.

        Returns:
            What the closure returned, or None.
        """
        raise NotImplementedError

    # ---- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, as when layers are unfrozen during training.

        Args:
            param_group: `params` and any options; what is missing comes from the defaults.

        Raises:
            TypeError, ValueError: as for the constructor.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            param_group["params"] = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of "
                "tensors in "
                "sets will change between runs. Please use a list instead."
            )
        else:
            param_group["params"] = list(params)
        self._take_names_out(param_group)
        for p in param_group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {typename(p)}"
                )
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, default)
        ids = {id(p) for p in param_group["params"]}
        if len(ids) != len(param_group["params"]):
            warnings.warn("optimizer contains a parameter group with duplicate parameters", stacklevel=3)
        if any(id(p) in ids for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _take_names_out(self, group: dict[str, Any]) -> None:
        """Turn (name, parameter) pairs into the parameters and a list `param_names`."""
        pairs = [p for p in group["params"] if isinstance(p, tuple)]
        if pairs:
            if len(pairs) != len(group["params"]):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are missing"
                )
            group["params"] = [p for _, p in pairs]
            group["param_names"] = [name for name, _ in pairs]
        if self.param_groups and ("param_names" in self.param_groups[0]) != ("param_names" in group):
            has = "with" if "param_names" in group else "without"
            raise ValueError(
                "all optimizer param groups should be with/without names. "
                f"cannot add param group {has} names to the optimizer"
            )

    # ---- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state and the groups' options, parameters replaced by their running numbers.

        Returns:
            `{"state": {number: {...}}, "param_groups": [{..., "params": [numbers]}]}`; the tensors in it
            share memory with the optimizer.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():  # type: ignore[attr-defined]
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():  # type: ignore[attr-defined]
            replaced = hook(self, result)
            if replaced is not None:
                result = replaced
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take state and options from a `state_dict`; parameters are matched by their order.

        State tensors are brought to their parameter's dtype (step counts are left as they are).

        Args:
            state_dict: as `state_dict()` gives it. It is not changed.

        Raises:
            ValueError: the numbers of groups, or of parameters in a group, differ.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():  # type: ignore[attr-defined]
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        saved = deepcopy(state_dict["param_groups"])
        groups = self.param_groups
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's "
                "group"
            )
        by_number = dict(
            zip(
                itertools.chain.from_iterable(s["params"] for s in saved),
                itertools.chain.from_iterable(g["params"] for g in groups),
                strict=True,
            )
        )
        state: defaultdict[Any, Any] = defaultdict(dict)
        for number, value in state_dict["state"].items():
            if number in by_number:
                state[by_number[number]] = _fitted(by_number[number], value)
            else:
                state[number] = value
        for group, new in zip(groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group and "param_names" not in new:
                new["param_names"] = group["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():  # type: ignore[attr-defined]
            hook(self)

    # ---- hooks

    def _add_hook(self, where: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        hooks: OrderedDict[int, Any] = getattr(self, where)
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return `(args, kwargs)`.

        `args` starts with the optimizer.
        """
        return self._add_hook("_optimizer_step_pre_hooks", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._add_hook("_optimizer_step_post_hooks", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` collects."""
        return self._add_hook("_optimizer_state_dict_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` at the end of `state_dict`; a returned dict replaces the
        result."""
        return self._add_hook("_optimizer_state_dict_post_hooks", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; a returned dict is loaded instead."""
        return self._add_hook("_optimizer_load_state_dict_pre_hooks", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return self._add_hook("_optimizer_load_state_dict_post_hooks", hook, prepend)


def _fitted(parameter: Tensor, value: Any, key: str | None = None) -> Any:
    """A loaded state value with its tensors in the parameter's dtype and place."""
    if isinstance(value, Tensor):
        if key == "step":
            return value  # a count: it must not lose precision with a small parameter dtype
        if parameter.is_floating_point():
            return value.to(dtype=parameter.dtype, device=parameter.device)
        return value.to(device=parameter.device)
    if isinstance(value, dict):
        return {k: _fitted(parameter, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(parameter, v) for v in value)
    return value


# ---- for the optimizers that are defined here


def run_closure(closure: Callable[[], Any] | None) -> Any:
    """The closure's loss, computed with gradients recorded; None without a closure."""
    if closure is None:
        return None
    with enable_grad():
        return closure()


def with_grads(group: dict[str, Any]) -> list[Tensor]:
    """The parameters of a group that have a gradient."""
    return [p for p in group["params"] if p.grad is not None]


def raw(tensors: Iterable[Any]) -> list[Any]:
    """The tensors' arrays."""
    return [t._array for t in tensors]


def changed(parameters: Iterable[Tensor]) -> None:
    """Tell autograd that the parameters were written to."""
    for p in parameters:
        p._bump_version()


def new_step_count() -> Tensor:
    """A step count as it stands in saved states: a 0-d float tensor."""
    return tensor(0.0, dtype=float64) if get_default_dtype() is float64 else tensor(0.0)


def number(value: Any) -> Any:
    """An option that may be a 0-d tensor, as a Python number."""
    return value.item() if isinstance(value, Tensor) else value


def check_options(
    name: str,
    *,
    lr: Any,
    foreach: Any = None,
    fused: Any = None,
    differentiable: bool = False,
    capturable: bool = False,
) -> None:
    """Checks that all optimizers share. `foreach`, `fused` and `capturable` name ways to compute the same
    numbers.

    Raises:
        ValueError: a learning rate below 0, or a tensor of several elements.
        RuntimeError: options that exclude each other.
        NotImplementedError: `differentiable`.
    """
    if isinstance(lr, Tensor):
        if foreach and not capturable and name != "SGD":
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    elif not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        if fused:
            raise RuntimeError("`fused` does not support `differentiable`")
        raise NotImplementedError(f"[{name}] differentiable=True is not supported")


# Elements that are updated at a time on the CPU: what a rule computes in between stays in the cache.
_BLOCK = 16384


def update(rule: Callable[..., None], written: list[Any], grad: Any, **options: Any) -> None:
    """Run an update rule, which works element by element, on raw arrays.

    `rule(*written, grad, **options)` changes the arrays in `written` in place (entries may be None). Arrays
    of less than 32 bits go through float32.
    """
    param = written[0]
    if param.itemsize < 4:
        wide = [None if a is None else a.astype("float32") for a in written]
        update(rule, wide, grad.astype("float32"), **options)
        for narrow, result in zip(written, wide, strict=True):
            if narrow is not None:
                narrow[...] = result
    elif param.size <= _BLOCK or not _are_rows(written, grad):
        rule(*written, grad, **options)
    else:
        flat = [None if a is None else a.reshape(-1) for a in written]
        gradient = grad.reshape(-1)
        for start in range(0, param.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            rule(*(None if a is None else a[part] for a in flat), gradient[part], **options)


def _are_rows(written: list[Any], grad: Any) -> bool:
    """Whether these are NumPy arrays that are one stretch of memory each."""
    return all(a is None or (isinstance(a, np.ndarray) and a.flags.c_contiguous) for a in (*written, grad))
