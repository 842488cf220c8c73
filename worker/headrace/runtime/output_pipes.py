"""The worker's end of what an attempt in a child process prints: two pipes that outlive the child.

Every attempt has pipes of its own, which become file descriptors 1 and 2 of its process. What was written before the
process died is in them still, and what a process that the task left behind writes later is known as that attempt's.
"""

from __future__ import annotations

import array
import asyncio
import codecs
import contextlib
import fcntl
import os
import signal
import socket
import termios
from collections.abc import Callable

from headrace.runtime.attempt import Attempt, now_us
from headrace.runtime.lines import LINE_BYTES, Sink, bounded, last_state, level_of, line_about, line_of
from headrace.runtime.output_frames import Clean, Frame, Group, Parser, Told, Unfinished, new_mark
from headrace_protocol.messages import LogLine

CHUNK = 16 * 1024
"""Read at once: more lines than fit in here would hold the worker's loop for too long."""


class AttemptOutput:
    """Both pipes of one attempt. `finish` takes what is there; what comes later is read until nobody can write."""

    def __init__(self, attempt: Attempt, sink: Sink, closed: Callable[[AttemptOutput], None]) -> None:
        """Raises OSError when the worker has no file descriptors left. `closed` is called once nobody can write."""
        self._attempt = attempt
        self._sink = sink
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._mark = new_mark()
        self._parser = Parser(self._mark)
        self.reusable = False
        """Whether the child has said that nobody else can write: `serve` then gives the pipes to its next attempt."""
        self._raw = {name: _RawLines(attempt, sink, name) for name in ("stdout", "stderr")}
        self._unfinished: dict[tuple[str, int], Unfinished] = {}
        self._groups: set[int] = set()
        self._held = b""
        """Bytes of stderr that were read, and have not found their place yet."""
        self._held_at_us = 0
        self._ends: list[int] = []
        self._out, writing_out = self._pipe()
        try:
            self._err, writing_err = self._pipe()
        except OSError:
            self._abandon()
            raise
        self._writing: tuple[int, ...] = (writing_out, writing_err)
        self._loop.add_reader(self._out, self._stdout_ready)
        self._loop.add_reader(self._err, self._stderr_ready)

    def _pipe(self) -> tuple[int, int]:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._ends.append(reading)
        return reading, writing

    def _abandon(self) -> None:
        for end in self._ends:
            os.close(end)
        self._ends.clear()

    def hand_over(self, to: socket.socket) -> None:
        """Give the writing ends to a child."""
        try:
            socket.send_fds(to, [self._mark + self._attempt.key.encode()], list(self._writing))
        finally:
            self.keep_none()

    def serve(self, attempt: Attempt) -> None:
        """The same child begins another attempt, and keeps its pipes: new ones cost more than a short task does."""
        self.finish()
        self.reusable = False
        self._attempt = attempt
        for raw in self._raw.values():
            raw.serve(attempt)

    def keep_none(self) -> None:
        """Close the writing ends, which are a child's now, or nobody's."""
        for end in self._writing:
            os.close(end)
        self._writing = ()

    def finish(self) -> None:
        """Take what has been written so far, unfinished lines too."""
        self._take_all()
        for unfinished in self._unfinished.values():
            if unfinished.text:
                self._tell(unfinished.text, unfinished.stream)
        self._unfinished.clear()
        for raw in self._raw.values():
            raw.finish()

    def end_groups(self) -> None:
        """The child is dead: what it would have ended is ended."""
        for pgid in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pgid, signal.SIGKILL)
        self._groups.clear()

    def close(self, why: str = "") -> None:
        """Read no more; who still writes gets SIGPIPE. With a reason, the log says so."""
        if not self._ends:
            return
        for end in self._ends:
            self._loop.remove_reader(end)
        self.finish()
        if why:
            self._sink(self._attempt, line_about(self._attempt, why))
        if self._writing:
            self.keep_none()
        self._abandon()
        self._closed(self)

    # -- reading -------------------------------------------------------------------------------------

    def _stdout_ready(self) -> None:
        if not self._read_stdout(CHUNK):
            self._end(self._out)

    def _stderr_ready(self) -> None:
        """What is in the other pipe may have been written before this, or after it: see `_read_stdout`."""
        self._held_at_us = now_us()
        data = self._read(self._err, CHUNK)
        self._held = data or b""
        if self._out in self._ends:
            self._read_stdout(_waiting(self._out))
        self._release()
        if data == b"":
            self._end(self._err)

    def _release(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._raw["stderr"].feed(held)

    def _take_all(self) -> None:
        """What is in the pipes now, and no more: somebody may go on writing for ever."""
        if self._out in self._ends:
            self._read_stdout(_waiting(self._out))
        self._take_stderr()

    def _take_stderr(self) -> None:
        self._release()
        waiting = _waiting(self._err) if self._err in self._ends else 0
        while waiting > 0 and (data := self._read(self._err, waiting)):
            self._raw["stderr"].feed(data)
            waiting -= len(data)

    def _read_stdout(self, size: int) -> bool:
        """Read so many bytes; False at the end.

        Bytes of stderr that are held go before every frame that was written when stderr had bytes waiting, or after
        they were read. A frame that was written earlier, and saw none, was before them.
        """
        while size > 0 and self._out in self._ends:
            data = self._read(self._out, min(size, CHUNK))
            if not data:
                return data is None
            size -= len(data)
            for raw, frame, stderr_first in self._parser.feed(data):
                if stderr_first:
                    self._take_stderr()
                elif self._held and isinstance(frame, Told) and frame.at_us > self._held_at_us:
                    self._release()
                if frame is None:
                    self._raw["stdout"].feed(raw)
                else:
                    self._take(frame)
        return True

    def _read(self, end: int, size: int) -> bytes | None:
        """None: nothing is there now. Empty: nobody can write any more."""
        try:
            return os.read(end, size)
        except BlockingIOError:
            return None

    def _take(self, frame: Frame) -> None:
        match frame:
            case Told():
                self._sink(self._attempt, self._line(frame))
            case Unfinished(stream=stream, thread=thread):
                self._unfinished[stream, thread] = frame
            case Clean():
                self.reusable = True
            case Group(pgid=pgid, live=live):
                (self._groups.add if live else self._groups.discard)(pgid)

    def _line(self, told: Told) -> LogLine:
        message = self._attempt.message
        return LogLine(
            run_id=message.run_id,
            node=message.node,
            attempt=message.attempt,
            item=message.item,
            at_us=told.at_us,
            level=told.level,
            message=told.message,
            stream=told.stream,
            logger=told.logger,
            trace_id=told.trace_id,
            span_id=told.span_id,
        )

    def _tell(self, text: str, stream: str) -> None:
        self._sink(self._attempt, line_of(self._attempt, text, level=level_of(stream), stream=stream))

    def _end(self, end: int) -> None:
        """Nobody can write into this pipe any more."""
        self._loop.remove_reader(end)
        self._ends.remove(end)
        os.close(end)
        name = "stdout" if end == self._out else "stderr"
        if end == self._out:
            self._raw[name].feed(self._parser.rest())
        self._raw[name].finish()
        if not self._ends:
            self.finish()
            self._closed(self)


class _RawLines:
    """Bytes that become lines of a stream."""

    def __init__(self, attempt: Attempt, sink: Sink, stream: str) -> None:
        self._attempt = attempt
        self._sink = sink
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._rest = ""

    def serve(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + self._decoder.decode(data)).split("\n")
        self._rest = last_state(rest)[: LINE_BYTES + 1]
        if lines:
            self._tell(lines)

    def finish(self) -> None:
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        if rest:
            self._tell([rest])

    def _tell(self, lines: list[str]) -> None:
        attempt, message, at_us = self._attempt, self._attempt.message, now_us()
        for index, line in enumerate(lines):
            limit = attempt.log_limit
            if index and limit is not None and limit.shut:
                limit.drop(len(lines) - index)  # a flood is dropped as a whole: the line before says it
                return
            self._sink(
                attempt,
                LogLine(
                    run_id=message.run_id,
                    node=message.node,
                    attempt=message.attempt,
                    item=message.item,
                    at_us=at_us,
                    level=level_of(self._stream),
                    message=bounded(last_state(line)),
                    stream=self._stream,
                    trace_id=attempt.trace_id,
                    span_id=attempt.span_id,
                ),
            )


def _waiting(end: int) -> int:
    """How many bytes a pipe holds."""
    count = array.array("i", [0])
    try:
        fcntl.ioctl(end, termios.FIONREAD, count)
    except OSError:
        return 0
    return count[0]
