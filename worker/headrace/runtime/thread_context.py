"""Threads take over the attempt of whoever starts them.

Python's threads begin with an empty context: what a task's threads print would be nobody's. While this is installed,
a thread works for the attempt that started it, and what is submitted to a thread pool for the attempt that submitted
it; the user's other context variables stay as Python has them. An exception that ends a thread is a line of its
attempt.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from headrace.context import current_context, running
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.lines import Sink, line_of
from headrace_protocol.messages import LogLine

P = ParamSpec("P")
R = TypeVar("R")


class ThreadContext:
    """Installs itself; `close` puts back what was there. There is one at a time in a process."""

    def __init__(self, sink: Sink, thread_ends: Callable[[Attempt], None]) -> None:
        """`thread_ends` is called in a thread of an attempt, before it ends."""
        self._sink = sink
        self._thread_ends = thread_ends
        self._start = threading.Thread.start
        self._submit: Callable[..., Future[object]] = ThreadPoolExecutor.submit
        self._hook = threading.excepthook
        self._patch()

    def _patch(self) -> None:
        start, submit = self._start, self._submit

        @wraps(start)
        def start_within(thread: threading.Thread) -> None:
            attempt = CURRENT.get()
            if attempt is not None:
                vars(thread)["run"] = partial(self._run, thread, thread.run, attempt, _Carried())
            start(thread)

        @wraps(submit)
        def submit_within(
            pool: ThreadPoolExecutor, fn: Callable[..., object], /, *args: object, **kwargs: object
        ) -> Future[object]:
            return submit(pool, _Carried().call, fn, *args, **kwargs)

        setattr(threading.Thread, "start", start_within)  # noqa: B010 -- mypy knows no assignment to a method
        setattr(ThreadPoolExecutor, "submit", submit_within)  # noqa: B010
        threading.excepthook = self._raised

    def close(self) -> None:
        setattr(threading.Thread, "start", self._start)  # noqa: B010
        setattr(ThreadPoolExecutor, "submit", self._submit)  # noqa: B010
        threading.excepthook = self._hook

    def _run(
        self, thread: threading.Thread, run: Callable[[], None], attempt: Attempt, carried: _Carried
    ) -> None:
        vars(thread).pop("run", None)  # it refers to the thread
        CURRENT.set(attempt)  # for good: the hook for exceptions is called after this
        try:
            carried.call(run)
        finally:
            self._thread_ends(attempt)

    def _raised(self, args: threading.ExceptHookArgs) -> None:
        attempt = CURRENT.get()
        if attempt is not None and not issubclass(args.exc_type, SystemExit):
            self._sink(attempt, _line(attempt, args))
            if self._hook is threading.__excepthook__:
                return  # it would print the same
        self._hook(args)


class _Carried:
    """What goes along: the attempt, what `context()` returns, and the span that is active."""

    __slots__ = ("_attempt", "_context", "_span")

    def __init__(self) -> None:
        self._attempt = CURRENT.get()
        self._context = current_context()
        spans = sys.modules.get("opentelemetry.context")
        self._span = spans.get_current() if spans is not None and self._attempt is not None else None

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        token = CURRENT.set(self._attempt)
        try:
            with running(self._context):
                if self._span is None:
                    return fn(*args, **kwargs)
                spans = sys.modules["opentelemetry.context"]
                within = spans.attach(self._span)
                try:
                    return fn(*args, **kwargs)
                finally:
                    spans.detach(within)
        finally:
            CURRENT.reset(token)


def _line(attempt: Attempt, args: threading.ExceptHookArgs) -> LogLine:
    name = args.thread.name if args.thread is not None else "that is not known"
    try:
        trace = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        told = trace.rstrip().rpartition("\n")[2]
    except Exception as broken:  # the user's __str__ may raise anything
        trace, told = "", f"{args.exc_type.__name__} (its text cannot be shown: {type(broken).__name__})"
    message = f"thread {name} ended with {told}\n{trace.rstrip()}".rstrip()
    return line_of(attempt, message, level="error", stream="logging", logger="threading")
