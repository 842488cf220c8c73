"""A warm process: `python -m headrace.runtime.child SOCKET OUTPUTS`, started by `headrace.runtime.lanes.processes`.

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
from headrace.program_runner import end_programs
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.failures import failed, failure_of
from headrace.runtime.lanes.frames import (
    LENGTH_BYTES,
    Broke,
    Call,
    Done,
    FromChild,
    Prepare,
    Ready,
    Spans,
    ToChild,
    frame,
    to_child,
)
from headrace.runtime.output_channel import ChildOutput
from headrace.runtime.values import TaskCodec
from headrace_protocol.errors import ErrorCode

if TYPE_CHECKING:
    from headrace.runtime.spans import SpanRecorder


class _Parent:
    """The socket to the worker."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: FromChild) -> None:
        with self._lock:
            self._connection.sendall(frame(message))


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    received: SimpleQueue[ToChild] = SimpleQueue()
    reader = connection.makefile("rb")
    threading.Thread(target=_read, args=(reader, received), name="worker", daemon=True).start()
    parent = _Parent(connection)
    output = ChildOutput(int(sys.argv[2]))
    prepare = received.get()
    if not isinstance(prepare, Prepare):
        raise SystemExit("the first frame must be Prepare")
    try:
        codecs = _import(prepare)
    except BaseException as error:  # whatever the user's module raises is told to the worker
        parent.send(Broke(failure_of(error)))
        return
    spans = _recorder() if prepare.traced else None
    parent.send(Ready())
    while True:
        call = received.get()
        if isinstance(call, Call):
            answer = _run(call, codecs, output, spans)
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
        end_programs()
        os._exit(0)  # the worker is gone, and nobody waits for what still runs


def _import(prepare: Prepare) -> dict[str, TaskCodec]:
    from headrace.authoring.loader import load_all

    return {name: TaskCodec(task) for name, task in load_all(prepare.targets).tasks.items()}


def _recorder() -> SpanRecorder:
    from headrace.runtime.spans import SpanRecorder

    return SpanRecorder()


def _run(
    call: Call, codecs: dict[str, TaskCodec], output: ChildOutput, spans: SpanRecorder | None
) -> Done | Broke:
    codec = codecs.get(call.message.task)
    if codec is None:
        return Broke(failed(ErrorCode.TASK_UNKNOWN, f"the process does not have {call.message.task!r}"))
    attempt = Attempt(call.message, codec.task, "", call.delivery)
    attempt.begin()
    token = CURRENT.set(attempt)
    try:
        with output.of(attempt), running(attempt.context):
            if spans is None or call.span is None:
                produced = codec.call(call.inputs, call.message.counts)
            else:
                with spans.inside(call.span):
                    produced = codec.call(call.inputs, call.message.counts)
        return Done(produced.raw, produced.counts)
    except BaseException as error:  # sys.exit() in a task ends the attempt, not the process
        return Broke(failure_of(error))
    finally:
        CURRENT.reset(token)


if __name__ == "__main__":
    main()
