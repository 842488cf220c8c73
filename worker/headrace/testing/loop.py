"""An event loop whose time is virtual: when nobody has anything to do, the clock jumps to the next timer.

It is asyncio's own loop with another clock, so sockets, threads and subprocesses work. Those live in real time, which
the loop cannot see; before it jumps, it waits for them where it has reason to: for ever for what runs in an executor,
a moment for tasks that were last seen waiting for something else than a sleep (`uncertain`).

Where the owner says that nothing happens until some time (`skip`), the clock goes there at once, and what should have
run meanwhile runs late and once: as if the machine had been suspended. A day would otherwise be 50,000 heartbeats,
renewals and looks around.

Callbacks belong to the *process* in whose context they were made, or to none. A process that is killed is never run
again, so that none of its `finally` clauses is; one that is paused goes on where it was.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Handle, Task, TimerHandle
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREAD_GRACE_S = 0.005
"""How long something may take that answers from a thread which nobody told the loop about."""
SOCKET_GRACE_S = 1.0
"""How long a peer behind a socket or a pipe may take to answer; a machine that is busy starts a process in 0.3 s."""
LOOK_EVERY_S = 30.0
"""Virtual time after which it is asked again whether time may be skipped."""
BEFORE_S = 1.0
"""Skipping ends a little before something happens, so that what is late has been done by then."""
SPINS = 300_000
"""Turns at one instant after which somebody is taken to wait busily."""
RESOLUTION_S = 1e-7
"""Timers this close are due: finer than the microseconds of the clock, coarser than a float after some years."""
_SELF_PIPE = 1
"""The loop's own entry in its selector."""


class Spinning(RuntimeError):
    """Something runs for ever without time passing."""


class Process:
    """What is killed and paused as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.paused = False
        self.tasks: list[tuple[Task[object], Context]] = []
        self._prune_at = 64
        self._waiting: list[tuple[Context, Callable[..., object], tuple[object, ...]]] = []

    def run(self, context: Context, callback: Callable[..., object], *args: object) -> None:
        """Called in `context`."""
        if self.paused:
            self._waiting.append((context, callback, args))
        elif self.alive:
            callback(*args)

    def adopt(self, task: Task[object], context: Context) -> None:
        """A killed process' tasks must be kept: collecting them would run their `finally` clauses."""
        self.tasks.append((task, context))
        if len(self.tasks) > self._prune_at:
            self.tasks = [known for known in self.tasks if not known[0].done()]
            self._prune_at = 64 + 2 * len(self.tasks)

    def resume(self, loop: asyncio.AbstractEventLoop) -> None:
        self.paused = False
        waiting, self._waiting = self._waiting, []
        for context, callback, args in waiting:
            loop.call_soon(callback, *args, context=context)


PROCESS: ContextVar[Process | None] = ContextVar("headrace_process", default=None)
UNCERTAIN: ContextVar[bool] = ContextVar("headrace_uncertain", default=False)
"""Set where users' async code runs: what it waits for may come from outside."""


class _Selector(selectors.DefaultSelector):
    """Asks the loop how long to wait in real time."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is not None and timeout <= 0:
            self.loop.turned()
            return ready
        if ready:
            return ready
        grace_s = self.loop.grace_s(sockets=len(self.get_map()) > _SELF_PIPE)
        if grace_s != 0:
            ready = super().select(grace_s)
        if not ready:
            self.loop.jump()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's docstring."""

    def __init__(self) -> None:
        self._now = 0.0
        self._horizon = 0.0
        self._in_executor = 0
        self._spins = 0
        self.uncertain = False
        self.skip: Callable[[], float | None] = lambda: None
        """Asked for the time up to which nothing happens; None: do not skip."""
        self._looked_at_s = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        return self._now

    # -- going forward -----------------------------------------------------------------------------

    def run_to(self, when_s: float) -> None:
        """Everything that is due up to and including a time, or up to the instant at which `finish` is called."""
        self._horizon = when_s
        self.run_forever()

    def finish(self) -> None:
        """What is due now is still done; then `run_to` returns."""
        self._horizon = self._now

    def jump(self) -> None:
        """Nobody has anything to do now: go to the next timer, or to the end."""
        timers = self._scheduled  # type: ignore[attr-defined]
        due = timers[0].when() if timers else self._horizon
        if due > self._horizon or not timers:
            self._now = max(self._now, self._horizon)
            self.stop()
        else:
            self._now = max(self._now, due, self._skipped_to())
        self._spins = 0

    def _skipped_to(self) -> float:
        if self._now - self._looked_at_s < LOOK_EVERY_S:
            return 0.0
        self._looked_at_s = self._now
        quiet_until_s = self.skip()
        return 0.0 if quiet_until_s is None else min(quiet_until_s, self._horizon) - BEFORE_S

    def turned(self) -> None:
        self._spins += 1
        if self._spins > SPINS:
            self._spins = 0
            raise Spinning

    def grace_s(self, *, sockets: bool) -> float | None:
        """How long to wait for the world outside; None: until it answers."""
        if self._in_executor:
            return None
        if not self.uncertain:
            return 0.0
        self.uncertain = False
        return SOCKET_GRACE_S if sockets else THREAD_GRACE_S

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._in_executor += 1
        future.add_done_callback(self._left_executor, context=Context())
        return future

    def _left_executor(self, _: object) -> None:
        self._in_executor -= 1

    # -- whose callbacks they are ------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        if context.get(UNCERTAIN):
            self.uncertain = True
        return super().call_soon(process.run, context, callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon_threadsafe(callback, *args, context=context)
        return super().call_soon_threadsafe(process.run, context, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        if context.get(UNCERTAIN) and callback is asyncio.futures._set_result_unless_cancelled:  # type: ignore[attr-defined]
            self.uncertain = False  # it sleeps
        return super().call_at(when, process.run, context, callback, *args, context=context)

    def create_task(self, coro: Coroutine[object, object, T], **options: object) -> Task[T]:  # type: ignore[override]
        given = options.pop("context", None)
        context = given if isinstance(given, Context) else copy_context()
        task: Task[T] = super().create_task(coro, context=context, **options)
        process = context.get(PROCESS)
        if process is not None:
            process.adopt(task, context)
        return task

    def start(self, process: Process, main: Callable[[], Coroutine[object, object, None]]) -> Task[None]:
        """Run a coroutine as a process."""
        context = copy_context()
        context.run(PROCESS.set, process)
        return context.run(lambda: self.create_task(main(), name=process.name))


def discard(process: Process) -> None:
    """Let go of what is left of a process: its coroutines are closed without a word."""
    process.alive = False
    for task, context in process.tasks:
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            context.run(_close, task)
    process.tasks.clear()


def _close(task: Task[object]) -> None:
    coroutine = task.get_coro()
    for _ in range(3):  # a `finally` that awaits refuses once
        with suppress(BaseException):
            if coroutine is not None:
                coroutine.close()
            return
