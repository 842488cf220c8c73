"""Sync tasks, in daemon threads.

The standard library's pool waits at exit for threads that never end, and counts an abandoned one as busy
for ever. Here a thread belongs to one attempt at a time, goes back to the idle ones when it ends, and is
forgotten when its attempt was abandoned; slots bound how many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.lanes.port import Lane
from headrace.runtime.values import Raw, TaskCodec

_Job = tuple[Callable[[], Produced], asyncio.Future[Produced]]


class ThreadLane(Lane):
    """See `headrace.runtime.lanes.port.Lane`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: list[_Worker] = []
        self._made = 0
        self.abandoned = 0
        """Threads whose attempt was stopped and whose function has not returned yet."""

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        call = partial(copy_context().run, codec.call, inputs, attempt.message.counts)
        worker = self._idle.pop() if self._idle else self._make()
        future: asyncio.Future[Produced] = self._loop.create_future()
        worker.jobs.put((call, future))
        try:
            return await future
        except asyncio.CancelledError:
            self.abandoned += 1
            worker.abandoned = True
            raise

    async def close(self) -> None:
        for worker in self._idle:
            worker.jobs.put(None)
        self._idle.clear()

    def _make(self) -> _Worker:
        self._made += 1
        return _Worker(f"task-{self._made}", self._loop, self._returned)

    def _returned(self, worker: _Worker) -> None:
        if worker.abandoned:
            worker.abandoned = False
            self.abandoned -= 1
        self._idle.append(worker)


class _Worker:
    """One thread, and the jobs handed to it one at a time."""

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, returned: Callable[[_Worker], None]
    ) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.abandoned = False
        self._loop = loop
        self._returned = returned
        Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None:
            call, future = job
            result: Produced | None = None
            error: BaseException | None = None
            try:
                result = call()
            except (
                BaseException
            ) as raised:  # SystemExit and KeyboardInterrupt end the attempt, not the worker
                error = raised
            try:
                self._loop.call_soon_threadsafe(self._report, future, result, error)
            except RuntimeError:  # the loop is closed: the worker has stopped
                return
            del job, call, future, result, error

    def _report(
        self, future: asyncio.Future[Produced], result: Produced | None, error: BaseException | None
    ) -> None:
        self._returned(self)
        if future.done():
            return
        if result is not None:
            future.set_result(result)
        else:
            future.set_exception(_storable(error))


def _storable(error: BaseException | None) -> BaseException:
    """A future refuses StopIteration, and CancelledError would look like a stop of ours: they are wrapped,
    and keep their traceback as the cause."""
    if error is None or isinstance(error, StopIteration | asyncio.CancelledError):
        wrapped = RuntimeError(f"the task raised {type(error).__name__}")
        wrapped.__cause__ = error
        return wrapped
    return error
