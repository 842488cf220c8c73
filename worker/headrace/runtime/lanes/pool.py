"""Processes that have imported the tasks.

A process is *starting* until it has imported the targets, then *idle* or *taken*. Whoever needs one waits for the first
that becomes idle: imports are slow, so one start is never repeated because the attempt that asked for it went away.
One that dies, or cannot be used again, is replaced at once. Nothing is forked: a fork would take locks and threads
along.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress

import msgspec

from headrace.runtime.deaths import crashed
from headrace.runtime.failures import AttemptFailed, Failure, failed
from headrace.runtime.lanes.child_process import ChildProcess
from headrace.runtime.lanes.frames import Broke, Prepare, Ready, Spent
from headrace.runtime.launch import Launch
from headrace.runtime.memory_limit import MemoryLimit
from headrace_protocol.errors import ErrorCode, ErrorInfo

log = logging.getLogger("headrace.worker")

CLOSE_S = 2.0
"""How long a process without a task may take to end by itself."""


class ProcessPool:
    """Starts processes and hands them out. With `once` in `prepare`, none is taken back."""

    def __init__(
        self, launch: Launch, prepare: Prepare, memory: MemoryLimit, *, import_timeout_s: float
    ) -> None:
        self._launch = launch
        self._prepare = prepare
        self._memory = memory
        self._import_timeout_s = import_timeout_s
        self._idle: list[ChildProcess] = []
        self._all: set[ChildProcess] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[ChildProcess]] = deque()
        self._resting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[object]] = set()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in self._all]

    def warm(self, count: int) -> None:
        """Start processes before they are needed."""
        for _ in range(count - len(self._starting) - len(self._all)):
            self._start()

    async def take(self) -> ChildProcess:
        """A process that is ready to run a task; raises AttemptFailed when none can be started."""
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self.discard(child)
        waiting: asyncio.Future[ChildProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        while len(self._starting) + self._coming_back < len(self._waiting):
            self._start()
        try:
            return await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled() and waiting.exception() is None:
                self.give(waiting.result())
            raise
        finally:
            with suppress(ValueError):  # whoever answers it takes it out
                self._waiting.remove(waiting)

    def give(self, child: ChildProcess) -> None:
        """The process is ready for the next task."""
        if not child.alive:
            self.discard(child)
            return
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(child)
                return
        self._idle.append(child)

    def rest(self, child: ChildProcess) -> None:
        """The task of a process has ended. It is free again once it says so, having put back what the task changed."""
        resting = asyncio.create_task(self._rested(child), name=f"rest of {child.pid}")
        self._resting.add(resting)
        resting.add_done_callback(self._resting.discard)

    def discard(self, child: ChildProcess, *, replace: bool = True) -> None:
        """The process is not to be used again: it ends by itself, or is ended. One that was ready once is replaced."""
        self._all.discard(child)
        child.close()
        ending: asyncio.Task[object] = asyncio.create_task(child.ended(CLOSE_S), name=f"end of {child.pid}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        if replace and not self._prepare.once and not self._closed:
            self._start()

    async def close(self) -> None:
        """Returns when no process is left. Those that still run a task are killed."""
        self._closed = True
        background = (*self._starting, *self._resting)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        idle = set(self._idle)
        for child in tuple(self._all):
            if child not in idle:
                child.kill()
            self.discard(child)
        self._idle.clear()
        await asyncio.gather(*self._ending)

    @property
    def _coming_back(self) -> int:
        return 0 if self._prepare.once else len(self._resting)

    async def _rested(self, child: ChildProcess) -> None:
        while True:
            match await child.receive():
                case Ready():
                    self.give(child)
                    return
                case None:
                    self.discard(child)
                    return
                case Spent(changed=changed):
                    log.info(
                        "a process is replaced: its task has changed its %s for good", ", ".join(changed)
                    )
                case _:
                    continue  # what threads of the task still print

    def _start(self) -> None:
        starting = asyncio.create_task(self._bring_up(), name="start of a process")
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)

    async def _bring_up(self) -> None:
        try:
            child = await self._imported()
        except AttemptFailed as error:
            self._tell_failure(error)
        except OSError as error:
            self._tell_failure(AttemptFailed(_not_started(error)))
        else:
            self._starting.discard(asyncio.current_task())
            self.give(child)

    def _tell_failure(self, error: AttemptFailed) -> None:
        """To one attempt that waits; the others wait for starts of their own."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)
                return
        log.warning("a process for tasks could not be started: %s", error.failure.error.message)

    async def _imported(self) -> ChildProcess:
        kills = self._memory.kills()
        child = await ChildProcess.start(self._launch, self._prepare)
        self._all.add(child)
        try:
            async with asyncio.timeout(self._import_timeout_s):
                answer = await child.receive()
        except TimeoutError:
            child.kill()
            self.discard(child, replace=False)
            raise AttemptFailed(_import_hangs(self._import_timeout_s, self._launch)) from None
        except BaseException:
            child.kill()
            self.discard(child, replace=False)
            raise
        if isinstance(answer, Ready):
            return child
        self.discard(child, replace=False)
        if isinstance(answer, Broke):
            raise AttemptFailed(_import_failed(answer.failure, self._launch))
        death = await child.ended(CLOSE_S)
        raise AttemptFailed(
            crashed(death, self._memory, kills, doing="was to run the task and imported its module")
        )


def _not_started(error: OSError) -> Failure:
    failure = failed(ErrorCode.TASK_CRASHED, f"no process could be started for the task: {error}")
    return _with(failure, fix="Look at the worker's limits of processes, open files and memory.")


def _import_hangs(timeout_s: float, launch: Launch) -> Failure:
    failure = failed(
        ErrorCode.TASK_CRASHED,
        f"a new process did not finish importing the tasks within {timeout_s:g} s, and was killed",
        where=", ".join(launch.targets),
        expected=f"an import that ends within --import-timeout ({timeout_s:g} s)",
    )
    return _with(failure, fix="Raise --import-timeout, or move what takes so long into the task.")


def _import_failed(failure: Failure, launch: Launch) -> Failure:
    error = failure.error
    return _with(
        failure,
        message=f"a new process could not import the tasks: {error.message}",
        where=error.where or ", ".join(launch.targets),
        fix="Correct what fails in the import; the worker itself could import the module when it started.",
    )


def _with(failure: Failure, **changes: str) -> Failure:
    changed: ErrorInfo = msgspec.structs.replace(failure.error, **changes)
    return msgspec.structs.replace(failure, error=changed)
