"""Code around every attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from headrace.runtime.attempt import Attempt, Produced

CallNext = Callable[[Attempt], Awaitable[Produced]]


class Middleware(Protocol):
    """Wraps an attempt: awaits `call_next(attempt)` and returns what it gave, or raises.

    What it raises is the attempt's failure. A stopped attempt passes through as asyncio.CancelledError,
    which a middleware must let go on.
    """

    async def __call__(self, attempt: Attempt, call_next: CallNext) -> Produced: ...


def chain(middlewares: Sequence[Middleware], innermost: CallNext) -> CallNext:
    """The first middleware is the outermost."""
    call = innermost
    for middleware in reversed(middlewares):
        call = partial(middleware, call_next=call)
    return call
