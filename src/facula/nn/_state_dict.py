"""Writing a module's state to a flat dict and reading it back."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _branding
from .._tensor import Tensor
from ..autograd.mode import no_grad
from ..utils.hooks import RemovableHandle
from .parameter import Parameter

if TYPE_CHECKING:
    from .modules.module import Module

_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the names that one side had and the other had not."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    def __str__(self) -> str:
        return repr(self)


class StateDict:
    """The part of `Module` that saves and restores; names and layout are PyTorch's, so files interchange."""

    _version: int
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: dict[int, Callable[..., Any]]
    _state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _load_state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _load_state_dict_post_hooks: dict[int, Callable[..., Any]]

    # ---- saving

    def get_extra_state(self) -> Any:
        """Override, with `set_extra_state`, to keep state that is no tensor in the `state_dict`.

        The result is stored under the module's `_extra_state` key and must be picklable.
        """
        raise RuntimeError(
            f"[get_extra_state] {type(self).__name__} defines no extra state; override this method"
        )

    def set_extra_state(self, state: Any) -> None:
        """Override to take back what `get_extra_state` gave."""
        raise RuntimeError(
            f"[set_extra_state] {type(self).__name__} defines no extra state; override this method"
        )

    def _own_state(self) -> dict[str, Tensor]:
        """This module's parameters and persistent buffers that are not None."""
        kept = ((k, b) for k, b in self._buffers.items() if k not in self._non_persistent_buffers_set)
        return {
            name: value
            for name, value in itertools.chain(self._parameters.items(), kept)
            if value is not None
        }

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries into `destination`; override to change what is saved."""
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """All parameters and persistent buffers by dotted name.

        The tensors share memory with the module: an entry changes when the module is trained on
        (`copy.deepcopy` keeps a snapshot).

        Args:
            destination: dict to add to (default: a new `OrderedDict`).
            prefix: put before every name.
            keep_vars: give the parameters themselves, not detached tensors.

        Returns:
            `destination`, with an attribute `_metadata` that holds each module's version.

        >>> import facula
        >>> list(facula.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        for name, value in zip(("destination", "prefix", "keep_vars"), args, strict=False):
            # The old positional form; keywords win, as they do in PyTorch.
            if name == "destination" and destination is None:
                destination = value
            elif name == "prefix" and prefix == "":
                prefix = value
            elif name == "keep_vars" and keep_vars is False:
                keep_vars = value
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, metadata)
            if getattr(hook, "_from_public_api", False):
                if result is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif result is not None:
                destination = result
        return destination

    # ---- loading

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take this module's own entries; what went wrong is appended to the three lists, not raised."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._own_state()
        for name, target in own.items():
            key = prefix + name
            if key in state_dict:
                message = self._load_one(name, target, key, state_dict[key], local_metadata)
                if message:
                    error_msgs.append(message)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE
        if _overrides(self, "set_extra_state"):
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            unexpected_keys.extend(self._unexpected(state_dict, prefix, own, extra_key))

    def _load_one(
        self, name: str, target: Tensor, key: str, value: Any, local_metadata: dict[str, Any]
    ) -> str | None:
        """Copy (or assign) one entry; returns what is wrong with it, or None."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected {_branding.name()}.Tensor or '
                "Tensor-like "
                f"object from checkpoint but received {type(value)}"
            )
        if target.ndim == 0 and value.ndim == 1 and value.shape[0] == 1:
            value = value[0]  # scalars were once saved with one dimension
        if value.shape != target.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
                f"the shape in current model is {target.shape}."
            )
        try:
            with no_grad():
                if not local_metadata.get("assign_to_params_buffers", False):
                    target.copy_(value)
                elif not isinstance(target, Parameter):
                    setattr(self, name, value)
                elif isinstance(value, Parameter):
                    setattr(self, name, value.requires_grad_(target.requires_grad))
                else:
                    setattr(self, name, Parameter(value, requires_grad=target.requires_grad))
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{target.size()} "
                f"and whose dimensions in the checkpoint are {value.size()}, an exception occurred : "
                f"{error.args}."
            )
        return None

    def _unexpected(
        self, state_dict: Mapping[str, Any], prefix: str, own: Mapping[str, Any], extra_key: str
    ) -> Iterable[str]:
        for key in state_dict:
            if key == extra_key or not key.startswith(prefix):
                continue
            head, dot, _ = key[len(prefix) :].partition(".")
            # A dotted name belongs to a child, which looks at it itself.
            if head not in own and not (dot and head in self._modules):
                yield key

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Take parameters and buffers from a `state_dict`.

        Args:
            state_dict: names and tensors, as `state_dict()` gives them. It is not changed.
            strict: names must match exactly. Otherwise what matches is loaded.
            assign: put the given tensors themselves in place (keeping their dtype) instead of copying
                their values into the module's own.

        Returns:
            The missing and the unexpected names.

        Raises:
            TypeError: not a mapping.
            RuntimeError: every problem found, in one message. What could be loaded has been loaded.

        >>> import facula
        >>> a, b = facula.nn.Linear(2, 3), facula.nn.Linear(2, 3)
        >>> a.load_state_dict(b.state_dict())
        <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        versions: Mapping[str, Any] = getattr(state_dict, "_metadata", None) or {}

        def load(module: Any, local: dict[str, Any], prefix: str) -> None:
            metadata = dict(versions.get(prefix[:-1], {}))
            if assign:
                metadata["assign_to_params_buffers"] = assign
            # Always strict below: collecting the names is what `strict=False` callers want, too.
            module._load_from_state_dict(local, prefix, metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in local.items() if k.startswith(below)}, below)
            incompatible = _IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                        "return "
                        "new values; change the incompatible_keys that they are given in place."
                    )

        load(self, OrderedDict(state_dict), "")
        if strict:
            if unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if errors:
            listing = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listing}")
        return _IncompatibleKeys(missing, unexpected)

    # ---- hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the state is collected."""
        return _added(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` afterwards; it may change `state_dict` in
        place."""
        hook._from_public_api = True  # type: ignore[attr-defined]  # the private form may return a new dict
        return _added(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As `register_state_dict_post_hook`, but a returned dict replaces the result."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "[_register_state_dict_hook] this function is already a public state_dict post-hook"
            )
        return _added(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before
        this module takes its entries; it may change `state_dict` in place."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        return _added(self._load_state_dict_pre_hooks, _BoundHook(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after this module and those below have loaded."""
        return _added(self._load_state_dict_post_hooks, hook)


class _BoundHook:
    """A hook that gets its module first. It is deep-copied with the module, so it follows the copy."""

    def __init__(self, hook: Callable[..., Any], module: Any) -> None:
        self.hook, self.module = hook, module

    def __call__(self, *args: Any) -> Any:
        return self.hook(self.module, *args)


def _added(hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _overrides(module: Any, method: str) -> bool:
    return getattr(type(module), method) is not getattr(StateDict, method)


def _quoted(keys: Iterable[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
