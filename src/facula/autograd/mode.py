"""Switches of gradient recording: local to the thread and to the asyncio task."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, TypeVar

_GENERATOR = 0x20  # inspect.CO_GENERATOR, whose module is slow to import

F = TypeVar("F", bound=Callable[..., Any])

grad_mode: ContextVar[bool] = ContextVar("grad_mode", default=True)
inference: ContextVar[bool] = ContextVar("inference", default=False)


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are recorded now."""
    return grad_mode.get()


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is active now."""
    return inference.get()


class _Mode:
    """A context manager that can also decorate functions, generator functions included."""

    _value = True
    _variable: ContextVar[bool] = grad_mode

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(self._variable.set(self._value))

    def __exit__(self, *exc: object) -> None:
        self._variable.reset(self._tokens.pop())

    def _fresh(self) -> _Mode:
        return type(self)()

    def __call__(self, function: F) -> F:
        if getattr(function, "__code__", None) is not None and function.__code__.co_flags & _GENERATOR:

            @functools.wraps(function)
            def generate(*args: Any, **kwargs: Any) -> Any:
                # The mode holds only while the generator's own code runs, not between its items.
                generator = function(*args, **kwargs)
                sent: Any = None
                failure: BaseException | None = None
                while True:
                    try:
                        with self._fresh():
                            item = generator.send(sent) if failure is None else generator.throw(failure)
                    except StopIteration as stop:
                        return stop.value
                    sent, failure = None, None
                    try:
                        sent = yield item
                    except GeneratorExit:
                        with self._fresh():
                            generator.close()
                        raise
                    except BaseException as error:
                        failure = error

            return generate  # type: ignore[return-value]

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return run  # type: ignore[return-value]


class _Switch(_Mode):
    """A mode that may be used bare (`@no_grad`) as well as called (`@no_grad()`)."""

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        self.__init__()  # type: ignore[misc]
        return self(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__()


class no_grad(_Switch):
    """Operations inside are not recorded; their results do not require gradients.

    Works as `with no_grad():` and as a decorator, with or without parentheses.

    >>> import facula
    >>> x = facula.ones(2, requires_grad=True)
    >>> with facula.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _value = False


class enable_grad(_Switch):
    """Operations inside are recorded even within `no_grad`."""

    _value = True


class set_grad_enabled(_Mode):
    """Switch recording to `mode`: at once when called as a function, until the end of a `with` block otherwise."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._value = bool(mode)
        self._before = grad_mode.get()
        grad_mode.set(self._value)

    def __enter__(self) -> None:
        grad_mode.set(self._value)

    def __exit__(self, *exc: object) -> None:
        grad_mode.set(self._before)

    def _fresh(self) -> _Mode:
        return set_grad_enabled(self._value)

    def __call__(self, function: F) -> F:
        grad_mode.set(self._before)  # as a decorator it must not change the mode where it stands
        return super().__call__(function)


class inference_mode(_Mode):
    """Like `no_grad`; `inference_mode(False)` switches recording back on inside an outer `inference_mode`."""

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__()  # type: ignore[misc]
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode

    def __enter__(self) -> None:
        self._tokens.append(inference.set(self._mode))
        self._tokens.append(grad_mode.set(not self._mode))

    def __exit__(self, *exc: object) -> None:
        grad_mode.reset(self._tokens.pop())
        inference.reset(self._tokens.pop())

    def _fresh(self) -> _Mode:
        mode: _Mode = inference_mode(self._mode)
        return mode
