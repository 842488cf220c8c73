"""An event loop in virtual time that runs several processes, any of which may die or stall between two callbacks.

Every callback belongs to the process in whose context it was made (none: the world outside). Within a process
callbacks run in asyncio's order; which process goes next is drawn by the seed. When nobody has anything to do, the
clock jumps to the next timer. A killed process is never run again, so that none of its `finally` clauses is.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import Future, Task
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import TypeVar

T = TypeVar("T")

SPINS = 200_000
"""Turns at one instant after which somebody is taken to wait busily."""


class Process:
    """A program on a machine of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.paused = False
        self.queued = False
        self.clock_offset_us = 0
        self.callbacks = 0
        """That it has run."""
        self.fuse = -1
        """Callbacks until `on_fuse` is called; negative: never."""
        self.on_fuse: Callable[[], None] = lambda: None
        self.ready: deque[_Handle] = deque()
        self.tasks: list[Task[object]] = []
        self.prune_at = 64


PROCESS: ContextVar[Process | None] = ContextVar("simulated_process", default=None)


def running() -> str:
    """The process whose callback runs now."""
    process = PROCESS.get()
    return "" if process is None else process.name


class _Handle:
    __slots__ = ("_args", "_callback", "_context", "_when", "dropped", "process")

    def __init__(
        self, when: float, callback: Callable[..., object], args: tuple[object, ...], context: Context
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = context
        self.process: Process | None = context.get(PROCESS)
        self.dropped = False

    def cancel(self) -> None:
        self.dropped = True

    def cancelled(self) -> bool:
        return self.dropped

    def when(self) -> float:
        return self._when

    def run(self) -> None:
        self._context.run(self._callback, *self._args)


class SimulatedLoop(asyncio.AbstractEventLoop):
    """See the module's docstring."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._now = 0.0
        self._timers: list[tuple[float, float, int, _Handle]] = []
        self._count = 0
        self._world = Process("world")
        self._runnable: list[Process] = []
        self._processes: list[Process] = [self._world]
        self._closed = False
        self._halted = False
        self._spins = 0
        self.turns = 0
        self.errors: list[tuple[str, BaseException | None]] = []
        """What nobody caught."""

    # -- what asyncio asks of a loop ---------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._closed

    def create_future(self) -> Future[object]:  # type: ignore[override]
        return Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[object, object, T], *, name: str | None = None, context: Context | None = None
    ) -> Task[T]:
        if self._closed:
            coro.close()
            raise RuntimeError("the simulation is over")
        task = Task(coro, loop=self, name=name or "task", context=context)
        process = (copy_context() if context is None else context).get(PROCESS) or self._world
        process.tasks.append(task)
        if len(process.tasks) > process.prune_at:
            process.tasks = [known for known in process.tasks if not known.done() or known._log_traceback]
            process.prune_at = 64 + 2 * len(process.tasks)
        return task

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> _Handle:
        handle = _Handle(self._now, callback, args, copy_context() if context is None else context)
        if not self._closed:
            self._make_ready(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> _Handle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> _Handle:
        handle = _Handle(when, callback, args, copy_context() if context is None else context)
        self._count += 1
        # Timers of one instant fire in any order: asyncio promises none.
        heappush(self._timers, (when, self._rng.random(), self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: object) -> None:
        return

    def call_exception_handler(self, context: dict[str, object]) -> None:
        # A future whose waiter was killed tells nobody anything; tasks are looked at by `neglected`.
        if not self._closed and not isinstance(context.get("future"), Future):
            error = context.get("exception")
            found = error if isinstance(error, BaseException) else None
            self.errors.append((str(context.get("message", "")), found))

    def default_exception_handler(self, context: dict[str, object]) -> None:
        self.call_exception_handler(context)

    # -- processes ---------------------------------------------------------------------------------

    def start(self, process: Process, main: Callable[[], Coroutine[object, object, None]]) -> Task[None]:
        """Run a coroutine as a process of its own."""
        self._processes.append(process)
        context = copy_context()
        context.run(PROCESS.set, process)
        return context.run(lambda: self.create_task(main(), name=process.name))

    def kill(self, process: Process) -> None:
        """At once and for good: nothing of it runs any more."""
        process.alive = False
        process.ready.clear()

    def pause(self, process: Process) -> None:
        process.paused = True

    def resume(self, process: Process) -> None:
        process.paused = False
        self._queue(process)

    def neglected(self) -> list[Task[object]]:
        """Tasks of running processes that failed, and nobody has asked yet."""
        return [
            task
            for process in self._processes
            if process.alive and not process.paused
            for task in process.tasks
            if task.done() and task._log_traceback  # type: ignore[attr-defined]
        ]

    def _make_ready(self, handle: _Handle) -> None:
        process = handle.process or self._world
        if process.alive:
            process.ready.append(handle)
            self._queue(process)

    def _queue(self, process: Process) -> None:
        if not process.queued and process.ready and not process.paused:
            process.queued = True
            self._runnable.append(process)

    # -- running -----------------------------------------------------------------------------------

    def run_until(self, until_s: float) -> None:
        """Run everything up to a time, or until `halt`."""
        self._halted = False
        asyncio._set_running_loop(self)
        try:
            while not self._halted:
                if not self._runnable and not self._advance(until_s):
                    return
                if self._runnable:
                    self._turn()
        finally:
            asyncio._set_running_loop(None)

    def halt(self) -> None:
        self._halted = True

    def _advance(self, until_s: float) -> bool:
        """Go to the next timer. False: there is none before `until_s`."""
        timers = self._timers
        while timers and timers[0][3].dropped:
            heappop(timers)
        if not timers or timers[0][0] > until_s:
            self._now = max(self._now, until_s)
            return False
        self._now = max(self._now, timers[0][0])
        self._spins = 0
        while timers and timers[0][0] <= self._now:
            handle = heappop(timers)[3]
            if not handle.dropped:
                self._make_ready(handle)
        return True

    def _turn(self) -> None:
        """One round of one process: what was ready when it began."""
        runnable = self._runnable
        index = self._rng.randrange(len(runnable)) if len(runnable) > 1 else 0
        runnable[index], runnable[-1] = runnable[-1], runnable[index]
        process = runnable.pop()
        process.queued = False
        self._spins += 1
        if self._spins > SPINS:
            raise RuntimeError(f"{process.name} spins")
        ready = process.ready
        for _ in range(len(ready)):
            if not ready or process.paused:
                break
            handle = ready.popleft()
            if handle.dropped:
                continue
            self.turns += 1
            try:
                handle.run()
            except Exception as error:
                self.errors.append((f"a callback of {process.name} failed", error))
            process.callbacks += 1
            if process.fuse >= 0:
                process.fuse -= 1
                if process.fuse < 0:
                    process.on_fuse()
        self._queue(process)

    def close(self) -> None:
        """End what is left of every process, quietly."""
        self._closed = True
        self._timers.clear()
        asyncio._set_running_loop(self)  # a `finally` that asks for a loop must not be given a new one
        try:
            for process in self._processes:
                process.alive = False
                process.ready.clear()
                for task in process.tasks:
                    if not task.done():
                        task._log_destroy_pending = False  # type: ignore[attr-defined]
                        _discard(task)
                process.tasks.clear()
        finally:
            asyncio._set_running_loop(None)


def _discard(task: Task[object]) -> None:
    coroutine = task.get_coro()
    for _ in range(3):  # a `finally` that awaits refuses once
        try:
            coroutine.close()  # type: ignore[union-attr]
            return
        except BaseException:
            continue
