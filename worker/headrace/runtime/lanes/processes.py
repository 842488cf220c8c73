"""Tasks in processes: warm ones that are used again, or a fresh one for each attempt.

A process is *reserved* for an attempt before the attempt's clock starts, so that what it takes to start and import is
not taken from the timeout. Stopping an attempt interrupts the task, gives it a grace in which its `finally` blocks run,
then kills the process with everything it started; only then `run` returns, so that no next attempt meets the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.capture import Sink
from headrace.runtime.deaths import crashed
from headrace.runtime.failures import AttemptFailed
from headrace.runtime.lanes.child_process import ChildProcess
from headrace.runtime.lanes.frames import Broke, Call, Done, Prepare, Ready, Spans, Spent
from headrace.runtime.lanes.pool import CLOSE_S, ProcessPool
from headrace.runtime.lanes.port import Lane
from headrace.runtime.launch import Launch
from headrace.runtime.memory_limit import MemoryLimit
from headrace.runtime.output_pipes import AttemptOutput
from headrace.runtime.values import Raw, TaskCodec
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import ABSENT, Span


class Reporting(msgspec.Struct, frozen=True):
    """Where what processes tell goes."""

    sink: Sink
    spans: Callable[[Attempt, Sequence[Span]], None] = lambda *_: None
    span_of: Callable[[], TraceContext | None] = lambda: None
    """The span that is active now."""
    traced: bool = False
    """Whether processes record spans."""


class ProcessLane(Lane):
    """See `headrace.runtime.lanes.port.Lane`. The runner bounds how many run at once."""

    def __init__(
        self,
        launch: Launch,
        reporting: Reporting,
        *,
        fresh: bool = False,
        import_timeout_s: float,
        grace_s: float,
    ) -> None:
        """`fresh`: every attempt gets a process that nothing has run in. `grace_s` is how long a task may clean up when
        it is stopped."""
        self._reporting = reporting
        self._grace_s = grace_s
        self._memory = MemoryLimit()
        prepare = Prepare(launch.targets, reporting.traced, once=fresh, grace_s=grace_s)
        self._pool = ProcessPool(launch, prepare, self._memory, import_timeout_s=import_timeout_s)
        self._reserved: dict[str, ChildProcess] = {}
        self._outputs: set[AttemptOutput] = set()
        """Of attempts that run, and of those that have left processes behind."""

    def warm(self, count: int) -> None:
        """Start processes before they are needed."""
        self._pool.warm(count)

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are, each the leader of a group."""
        return self._pool.pids

    @asynccontextmanager
    async def reserved(self, attempt: Attempt) -> AsyncIterator[None]:
        """A process waits for `run`. Raises AttemptFailed when none can be started."""
        self._reserved[attempt.key] = await self._pool.take()
        try:
            yield
        finally:
            unused = self._reserved.pop(attempt.key, None)
            if unused is not None:
                self._pool.give(unused)

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        child = self._reserved.pop(attempt.key, None) or await self._pool.take()
        bare = msgspec.structs.replace(
            attempt.message, inputs={}, params=ABSENT, item_input=None, bindings={}
        )
        output = self._output(child, attempt)
        kills = self._memory.kills()
        child.send(Call(bare, dict(inputs), attempt.delivery, self._reporting.span_of()))
        try:
            match await self._answer(attempt, child):
                case Done(raw=raw, counts=counts, preview=preview):
                    self._pool.rest(child)
                    return Produced(raw, counts, preview=preview)
                case Broke(failure=failure):
                    self._pool.rest(child)
                    raise AttemptFailed(failure)
                case None:
                    self._pool.discard(child)
                    raise AttemptFailed(crashed(await child.ended(CLOSE_S), self._memory, kills))
        except asyncio.CancelledError:
            await self._stop(attempt, child)
            raise
        finally:
            output.finish()

    async def close(self) -> None:
        await self._pool.close()
        for output in tuple(self._outputs):
            output.close()

    def _output(self, child: ChildProcess, attempt: Attempt) -> AttemptOutput:
        """Where the attempt prints. Raises OSError when there are no file descriptors left."""
        output = child.output
        if output is not None and output.reusable:
            output.serve(attempt)
            return output
        try:
            output = AttemptOutput(attempt, self._reporting.sink, self._outputs.discard)
            self._outputs.add(output)
            child.prints_to(output)
        except BaseException:
            child.kill()
            self._pool.discard(child)
            raise
        return output

    async def _answer(self, attempt: Attempt, child: ChildProcess) -> Done | Broke | None:
        """What the task came to; None when its process ended first."""
        while True:
            match await child.receive():
                case Spans(spans=spans):
                    self._reporting.spans(attempt, spans)
                case Ready() | Spent():
                    continue
                case Done() | Broke() | None as answer:
                    return answer

    async def _stop(self, attempt: Attempt, child: ChildProcess) -> None:
        """Shielded: whoever cancels once more does not shorten the grace, the runner's end of the grace does."""
        stopping = asyncio.create_task(self._stopped(attempt, child), name=f"stop of {child.pid}")
        while not stopping.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(stopping)

    async def _stopped(self, attempt: Attempt, child: ChildProcess) -> None:
        child.ask_to_stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                while await self._answer(attempt, child) is not None:
                    continue
        child.kill()
        self._pool.discard(child)
        await child.ended(CLOSE_S)
