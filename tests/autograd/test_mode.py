"""Switching recording on and off: blocks, decorators, generators, threads, tasks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

import facula as t


def recorded() -> bool:
    """Whether an operation is recorded now."""
    return bool((t.ones(1, requires_grad=True) * 2).requires_grad)


def test_blocks_nest() -> None:
    seen = [recorded()]
    with t.no_grad():
        seen.append(recorded())
        with t.enable_grad():
            seen.append(recorded())
            with t.set_grad_enabled(False):
                seen.append(recorded())
            seen.append(recorded())
        seen.append(recorded())
    seen.append(recorded())
    assert seen == [True, False, True, False, True, False, True]


def test_inference_mode_switches_both() -> None:
    assert not t.is_inference_mode_enabled()
    with t.inference_mode():
        assert (t.is_inference_mode_enabled(), t.is_grad_enabled()) == (True, False)
        with t.inference_mode(False):
            assert (t.is_inference_mode_enabled(), t.is_grad_enabled()) == (False, True)
        with t.inference_mode(mode=True):
            assert not recorded()
    assert (t.is_inference_mode_enabled(), t.is_grad_enabled()) == (False, True)


def test_set_grad_enabled_works_at_once_and_as_a_block() -> None:
    t.set_grad_enabled(False)
    try:
        assert not recorded()
        with t.set_grad_enabled(True):
            assert recorded()
        assert not recorded()
    finally:
        t.set_grad_enabled(True)
    assert recorded()


def test_an_exception_leaves_the_block() -> None:
    for mode in (t.no_grad, t.inference_mode):
        with pytest.raises(KeyError), mode():
            raise KeyError
        assert recorded()


def test_a_mode_object_can_be_used_again_and_within_itself() -> None:
    mode = t.no_grad()
    with mode:
        with mode:
            assert not recorded()
        assert not recorded()
    assert recorded()
    with mode:
        assert not recorded()


@pytest.mark.parametrize(
    ("decorate", "expected"),
    [
        (lambda: t.no_grad(), False),
        (lambda: t.no_grad, False),
        (lambda: t.enable_grad(), True),
        (lambda: t.enable_grad, True),
        (lambda: t.inference_mode(), False),
        (lambda: t.inference_mode, False),
        (lambda: t.set_grad_enabled(False), False),
    ],
)
def test_decorators(decorate: Callable[[], Any], expected: bool) -> None:
    @decorate()
    def function(a: int, *, b: int = 2) -> tuple[int, bool]:
        """What it does."""
        return a + b, recorded()

    assert recorded()  # decorating changed nothing here
    assert function(1, b=5) == (6, expected)
    assert recorded()
    assert (function.__name__, function.__doc__) == ("function", "What it does.")
    with t.no_grad():
        assert function(1) == (3, expected)
        assert not recorded()


def test_a_decorated_function_may_call_itself() -> None:
    @t.no_grad()
    def count(n: int) -> list[bool]:
        return [recorded()] + (count(n - 1) if n else [])

    assert count(3) == [False] * 4
    assert recorded()


def test_a_generator_holds_the_mode_only_while_it_runs() -> None:
    seen = []

    @t.no_grad()
    def numbers() -> Iterator[int]:
        for k in range(3):
            seen.append(recorded())
            yield k
        return "end"

    outside = [(k, recorded()) for k in numbers()]
    assert seen == [False] * 3
    assert outside == [(0, True), (1, True), (2, True)]
    generator = numbers()
    with pytest.raises(StopIteration) as stop:
        while True:
            next(generator)
    assert stop.value.value == "end"


def test_two_generators_interleave() -> None:
    @t.no_grad()
    def off() -> Iterator[bool]:
        while True:
            yield recorded()

    @t.enable_grad()
    def on() -> Iterator[bool]:
        while True:
            yield recorded()

    a, b = off(), on()
    with t.no_grad():
        assert [next(a), next(b), next(a), next(b), recorded()] == [False, True, False, True, False]
    assert [next(b), next(a), recorded()] == [True, False, True]


def test_generators_pass_on_values_errors_and_the_end() -> None:
    seen = []

    @t.no_grad()
    def echo() -> Iterator[object]:
        try:
            got = yield "first"
            seen.append((got, recorded()))
            yield "second"
        except ValueError:
            seen.append(("error", recorded()))
            yield "third"
        finally:
            seen.append(("end", recorded()))

    generator = echo()
    assert next(generator) == "first"
    assert generator.send(5) == "second"
    assert generator.throw(ValueError()) == "third"
    generator.close()
    assert seen == [(5, False), ("error", False), ("end", False)]
    assert recorded()


def test_a_new_thread_starts_with_recording_on() -> None:
    seen = []
    started, go_on = threading.Event(), threading.Event()

    def work() -> None:
        seen.append(recorded())
        with t.no_grad():
            started.set()
            go_on.wait(10)
            seen.append(recorded())

    with t.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        assert started.wait(10)
    assert recorded()  # while the other thread is inside its block
    go_on.set()
    thread.join()
    assert seen == [True, False]


def test_asyncio_tasks_have_modes_of_their_own() -> None:
    async def off(log: list[bool]) -> None:
        with t.no_grad():
            for _ in range(3):
                log.append(recorded())
                await asyncio.sleep(0)

    async def plain(log: list[bool]) -> None:
        for _ in range(3):
            log.append(recorded())
            await asyncio.sleep(0)

    async def main() -> tuple[list[bool], list[bool]]:
        a: list[bool] = []
        b: list[bool] = []
        await asyncio.gather(off(a), plain(b))
        return a, b

    assert asyncio.run(main()) == ([False] * 3, [True] * 3)


def test_a_context_copied_inside_a_block_keeps_its_mode() -> None:
    with t.no_grad():
        context = copy_context()
    assert context.run(recorded) is False
    assert recorded()


def test_views_made_without_recording() -> None:
    x = t.ones(3, requires_grad=True)
    with t.no_grad():
        view = x[:2]
        assert view.requires_grad and view.is_leaf  # as in PyTorch, though nothing was recorded
        view.mul_(5)
    assert x.tolist() == [5, 5, 1]
    with pytest.raises(RuntimeError, match="leaf"):
        view.mul_(2)
    with pytest.raises(RuntimeError, match="no_grad"):
        _ = view.grad_fn
