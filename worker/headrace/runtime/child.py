"""A warm process: `python -m headrace.runtime.child FD`, started by `headrace.runtime.lanes.processes`.

The main thread runs tasks, one at a time; a second one reads the socket, so that the end of the worker ends
this process at once, also in the middle of a task. Signals that the terminal or a supervisor sends to the
whole group are left to the worker.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, BinaryIO

from headrace.context import running
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.capture import Capture
from headrace.runtime.failures import failed, failure_of
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
    to_child,
)
from headrace.runtime.values import TaskCodec
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import LogLine

if TYPE_CHECKING:
    from headrace.runtime.spans import SpanRecorder

FLUSH_S = 0.1
WAITING_LINES = 500


class _Parent:
    """The socket to the worker."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: FromChild) -> None:
        with self._lock:
            self._connection.sendall(frame(message))


class _LineBuffer:
    """Lines on their way to the worker, every 100 ms."""

    def __init__(self, parent: _Parent) -> None:
        self._parent = parent
        self._lines: list[LogLine] = []
        self._lock = threading.Lock()
        self._some = threading.Event()
        threading.Thread(target=self._flush_often, name="lines", daemon=True).start()

    def add(self, _: Attempt, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)
        self._some.set()
        if len(self._lines) >= WAITING_LINES:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        self._some.clear()
        if lines:
            self._parent.send(Lines(tuple(lines)))

    def _flush_often(self) -> None:
        pause = threading.Event()
        while True:
            self._some.wait()
            pause.wait(FLUSH_S)
            self.flush()


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    received: SimpleQueue[ToChild] = SimpleQueue()
    reader = connection.makefile("rb")
    threading.Thread(target=_read, args=(reader, received), name="worker", daemon=True).start()
    parent = _Parent(connection)
    prepare = received.get()
    if not isinstance(prepare, Prepare):
        raise SystemExit("the first frame must be Prepare")
    try:
        codecs = _import(prepare)
    except BaseException as error:  # whatever the user's module raises is told to the worker
        parent.send(Broke(failure_of(error)))
        return
    lines = _LineBuffer(parent)
    capture = Capture(lines.add)
    spans = _recorder() if prepare.traced else None
    parent.send(Ready())
    while True:
        call = received.get()
        if isinstance(call, Call):
            answer = _run(call, codecs, capture, spans)
            lines.flush()
            if spans is not None and (ended := spans.take()):
                parent.send(Spans(tuple(ended)))
            parent.send(answer)


def _read(reader: BinaryIO, received: SimpleQueue[ToChild]) -> None:
    try:
        while len(head := reader.read(LENGTH_BYTES)) == LENGTH_BYTES:
            received.put(to_child.decode(reader.read(int.from_bytes(head, "big"))))
    except OSError:
        pass  # a worker that was killed before it had read all that we sent: no end, but a reset
    finally:
        os._exit(0)  # the worker is gone, and nobody waits for what still runs


def _import(prepare: Prepare) -> dict[str, TaskCodec]:
    from headrace.authoring.loader import load_all

    return {name: TaskCodec(task) for name, task in load_all(prepare.targets).tasks.items()}


def _recorder() -> SpanRecorder:
    from headrace.runtime.spans import SpanRecorder

    return SpanRecorder()


def _run(
    call: Call, codecs: dict[str, TaskCodec], capture: Capture, spans: SpanRecorder | None
) -> Done | Broke:
    codec = codecs.get(call.message.task)
    if codec is None:
        return Broke(failed(ErrorCode.TASK_UNKNOWN, f"the process does not have {call.message.task!r}"))
    attempt = Attempt(call.message, codec.task, "", call.delivery)
    attempt.begin()
    token = CURRENT.set(attempt)
    try:
        with running(attempt.context):
            if spans is None or call.span is None:
                produced = codec.call(call.inputs, call.message.counts)
            else:
                with spans.inside(call.span):
                    produced = codec.call(call.inputs, call.message.counts)
        return Done(produced.raw, produced.counts, produced.preview)
    except BaseException as error:  # sys.exit() in a task ends the attempt, not the process
        return Broke(failure_of(error))
    finally:
        capture.finish(attempt)
        CURRENT.reset(token)


if __name__ == "__main__":
    main()
