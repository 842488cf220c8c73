"""Tasks in warm processes: imported once, one task at a time, killed when it must stop.

A process is *new* until it has imported the targets, then *idle* or *busy*. One that was killed or died is
replaced when the next task needs it. Nothing is forked: a fork would take locks and threads along.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from headrace.runtime.attempt import Attempt, Produced
from headrace.runtime.capture import Sink
from headrace.runtime.failures import AttemptFailed, failed
from headrace.runtime.lanes.frames import (
    LENGTH_BYTES,
    Broke,
    Call,
    Done,
    FromChild,
    Lines,
    Prepare,
    Ready,
    Spans,
    ToChild,
    frame,
    from_child,
)
from headrace.runtime.values import Raw, TaskCodec
from headrace_protocol.errors import ErrorCode
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import ABSENT, Span

log = logging.getLogger("headrace.worker")

CLOSE_S = 1.0
"""How long an idle process may take to end by itself."""


class ProcessLane:
    """See `headrace.runtime.lanes.port.Lane`. The runner bounds how many run at once."""

    def __init__(
        self,
        targets: tuple[str, ...],
        sink: Sink,
        spans: Callable[[Attempt, Sequence[Span]], None],
        span_of: Callable[[], TraceContext | None],
        *,
        traced: bool,
    ) -> None:
        """`span_of` gives the span that is active now; `traced` says whether processes record spans."""
        self._prepare = Prepare(targets, traced)
        self._sink = sink
        self._spans = spans
        self._span_of = span_of
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._ending: set[asyncio.Task[str]] = set()
        """Processes that were killed and have to be waited for."""
        self._warmed = asyncio.Event()
        self._warmed.set()

    async def warm(self, count: int) -> None:
        """Start processes before they are needed; tasks that come meanwhile wait for them."""
        self._warmed.clear()
        try:
            children = [await self._start() for _ in range(count)]
            await asyncio.gather(*(self._keep(child) for child in children))
        finally:
            self._warmed.set()

    async def run(self, attempt: Attempt, codec: TaskCodec, inputs: Mapping[str, Raw]) -> Produced:
        child = await self._take()
        bare = msgspec.structs.replace(
            attempt.message, inputs={}, params=ABSENT, item_input=None, bindings={}
        )
        child.send(Call(bare, dict(inputs), attempt.delivery, self._span_of()))
        try:
            while True:
                match await child.receive():
                    case Lines(lines=lines):
                        for line in lines:
                            self._sink(attempt, line)
                    case Spans(spans=spans):
                        self._spans(attempt, spans)
                    case Done(raw=raw, counts=counts, preview=preview):
                        self._idle.append(child)
                        return Produced(raw, counts, preview=preview)
                    case Broke(failure=failure):
                        self._idle.append(child)
                        raise AttemptFailed(failure)
                    case Ready():
                        continue
                    case None:
                        self._all.discard(child)
                        raise AttemptFailed(failed(ErrorCode.TASK_CRASHED, await child.why_ended()))
        except asyncio.CancelledError:
            self._end(child)
            raise

    async def close(self) -> None:
        for child in tuple(self._all):
            self._end(child)
        await asyncio.gather(*self._ending)
        self._idle.clear()

    def _end(self, child: _Child) -> None:
        self._all.discard(child)
        child.kill()
        ending = asyncio.create_task(child.why_ended(), name="end of a process")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _take(self) -> _Child:
        await self._warmed.wait()
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self._all.discard(child)
        child = await self._start()
        try:
            await self._imported(child)
        except BaseException:
            self._end(child)
            raise
        return child

    async def _keep(self, child: _Child) -> None:
        with contextlib.suppress(AttemptFailed):  # the first task that needs one tells what is wrong
            await self._imported(child)
            self._idle.append(child)

    async def _start(self) -> _Child:
        child = await _Child.start()
        self._all.add(child)
        child.send(self._prepare)
        return child

    async def _imported(self, child: _Child) -> None:
        match await child.receive():
            case Ready():
                return
            case Broke(failure=failure):
                raise AttemptFailed(failure)
            case _:
                ended = f"before it had imported the tasks, {await child.why_ended()}"
                raise AttemptFailed(failed(ErrorCode.TASK_CRASHED, ended))


class _Child:
    """One process and the socket to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "headrace.runtime.child",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        ours.setblocking(False)
        try:
            return cls(process, *await asyncio.open_connection(sock=ours))
        except BaseException:
            process.kill()
            await process.wait()
            raise

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._reader.at_eof()

    def send(self, message: ToChild) -> None:
        self._writer.write(frame(message))

    async def receive(self) -> FromChild | None:
        """The next frame; None when the process has ended."""
        try:
            head = await self._reader.readexactly(LENGTH_BYTES)
            return from_child.decode(await self._reader.readexactly(int.from_bytes(head, "big")))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._writer.close()

    async def why_ended(self) -> str:
        """Waits for the end; a process that only closed its socket is ended."""
        self._writer.close()
        try:
            code = await asyncio.wait_for(self._process.wait(), CLOSE_S)
        except TimeoutError:
            self.kill()
            code = await self._process.wait()
        if code >= 0:
            return f"the process that ran the task ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"the process that ran the task was killed by signal {-code} ({name})"
