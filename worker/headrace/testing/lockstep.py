"""Sync tasks in virtual time: each in a thread of its own, of which exactly one runs while the loop waits for it.

So they are what they are in a worker (`asyncio.run` works in them, connections that belong to a thread are used by one
thread, a timeout abandons them and leaves them running), and always in the same order. `time.sleep` gives the turn
back and is a timer of the loop.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.lanes import InlineLane, Lane
from headrace.runtime.values import Raw, TaskCodec
from headrace.testing.loop import UNCERTAIN, VirtualLoop

_HERE = threading.local()
_real_sleep = time.sleep


def virtual_sleep(seconds: float, /) -> None:
    """Stands in for `time.sleep`: virtual in sync tasks, real everywhere else."""
    thread: _Thread | None = getattr(_HERE, "thread", None)
    if thread is None:
        _real_sleep(seconds)
    else:
        thread.sleep(seconds)


class _Ended(BaseException):
    """The environment is closed: unwind."""


class AsyncLane(Lane):
    """Async tasks; see `headrace.runtime.lanes.port.Lane`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._inline = InlineLane()
        self._running = 0

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        token = UNCERTAIN.set(True)
        self._running += 1
        try:
            return await self._inline.run(attempt, codec, inputs)
        finally:
            UNCERTAIN.reset(token)
            self._running -= 1
            if not self._running:
                self._loop.uncertain = False

    async def close(self) -> None:
        return None


class LockstepLane(Lane):
    """Sync tasks, whatever their isolation; see `headrace.runtime.lanes.port.Lane`."""

    def __init__(self, asynchronous: AsyncLane) -> None:
        self._idle: list[_Thread] = []
        self._all: list[_Thread] = []
        self._async = asynchronous

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        if inspect.iscoroutinefunction(codec.task.function):  # a replacement may be, whatever it replaces
            return await self._async.run(attempt, codec, inputs)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Produced] = loop.create_future()
        if not self._idle:
            self._idle.append(_Thread(self._idle.append))
            self._all.append(self._idle[-1])
        call = partial(copy_context().run, codec.call, inputs, attempt.message.counts)
        self._idle.pop().begin(loop, call, future)
        return await future

    async def close(self) -> None:
        return None

    def end(self) -> None:
        """Unwind every thread; also those that a killed worker left in the middle of a sleep."""
        for thread in self._all:
            thread.end()


class _Thread:
    """Runs a call at a time; either it has the turn, or the loop."""

    def __init__(self, free: Callable[[_Thread], None]) -> None:
        self._free = free
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._over = threading.Event()
        self._sleeps_s: float | None = None
        self._call: Callable[[], Produced] | None = None
        self._produced: Produced | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="headrace task", daemon=True)
        self._thread.start()

    def begin(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], Produced], future: asyncio.Future[Produced]
    ) -> None:
        self._call, self._produced, self._error = call, None, None
        self._go_on(loop, future)

    def _go_on(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Produced]) -> None:
        sleeps_s = self._turn()
        if sleeps_s is not None:
            loop.call_later(sleeps_s, self._go_on, loop, future)
            return
        self._free(self)
        if future.done():
            return
        if self._produced is not None:
            future.set_result(self._produced)
        else:
            future.set_exception(_storable(self._error))

    def _turn(self) -> float | None:
        """Let it run until it ends (None) or sleeps."""
        self._sleeps_s = None
        self._go.release()
        self._back.acquire()
        return self._sleeps_s

    def sleep(self, seconds: float) -> None:
        """Called in the thread."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._sleeps_s = seconds
        self._back.release()
        self._go.acquire()
        if self._over.is_set():
            raise _Ended

    def _work(self) -> None:
        _HERE.thread = self
        while True:
            self._go.acquire()
            if self._over.is_set() or self._call is None:
                return
            try:
                self._produced = self._call()
            except BaseException as error:  # SystemExit ends the attempt, not the worker
                self._error = error
            self._call = None
            if self._over.is_set():
                return
            self._back.release()

    def end(self) -> None:
        self._over.set()
        self._go.release()
        self._thread.join(timeout=1.0)  # code that catches everything may still run; it is a daemon


def _storable(error: BaseException | None) -> BaseException:
    """A future refuses StopIteration, and CancelledError would look like a stop of ours."""
    if error is None or isinstance(error, StopIteration | asyncio.CancelledError):
        wrapped = RuntimeError(f"the task raised {type(error).__name__}")
        wrapped.__cause__ = error
        return wrapped
    return error
