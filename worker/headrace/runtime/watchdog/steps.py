"""Telling which async task the loop is in: each step of its coroutine is marked."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from typing import TypeVar

T = TypeVar("T")


@types.coroutine
def marked(
    coroutine: Coroutine[object, object, T], enter: Callable[[], None], leave: Callable[[], None]
) -> Generator[object, object, T]:
    """To be awaited in the coroutine's place. `enter` is called before each of its steps, `leave` after."""
    step: Callable[[], object] = lambda: coroutine.send(None)  # noqa: E731 - one of three
    while True:
        enter()
        try:
            waited = step()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the coroutine returns
        finally:
            leave()
        try:
            sent = yield waited
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            step = _throwing(coroutine, error)
        else:
            step = _sending(coroutine, sent)


def _sending(coroutine: Coroutine[object, object, T], value: object) -> Callable[[], object]:
    return lambda: coroutine.send(value)


def _throwing(coroutine: Coroutine[object, object, T], error: BaseException) -> Callable[[], object]:
    return lambda: coroutine.throw(error)
