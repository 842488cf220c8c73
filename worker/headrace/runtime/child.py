"""A process that runs tasks: `main()` with a descriptor, the worker's process id, and the
descriptor of the socket that pipes for output come through as arguments, started by
`headrace.runtime.lanes.child_process`.

The main thread runs tasks, one at a time; a second one reads the socket, so that a stop and the end of the worker are
heard in the middle of a task (`headrace.runtime.interruption`). After each task the process is put back as the first
one found it (`headrace.runtime.process_state`), unless it ends.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, BinaryIO

from headrace.context import running
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.failures import Failure, failed, failure_of, kinds_of
from headrace.runtime.interruption import Interruption
from headrace.runtime.lanes.frames import (
    LENGTH_BYTES,
    Broke,
    Call,
    Done,
    FromChild,
    Prepare,
    Ready,
    Spans,
    Spent,
    Stop,
    ToChild,
    frame,
    to_child,
)
from headrace.runtime.output_channel import ChildOutput
from headrace.runtime.process_state import ProcessState
from headrace.runtime.values import TaskCodec
from headrace_protocol.errors import ErrorCode, HeadraceError

if TYPE_CHECKING:
    from headrace.runtime.spans import SpanRecorder


class _Parent:
    """The socket to the worker."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._open = True
        os.register_at_fork(after_in_child=self._forked)

    def send(self, message: FromChild) -> None:
        """When the worker is gone, nothing happens: the thread that reads hears of it."""
        if self._open:
            with self._lock, suppress(ConnectionError):
                self._connection.sendall(frame(message))

    def _forked(self) -> None:
        """A process that the task forks has no part in the conversation, nor keeps it from ending."""
        self._open = False
        os.close(self._connection.detach())


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    interruption = Interruption(int(sys.argv[2]))
    interruption.install()
    reader = connection.makefile("rb")
    prepare = to_child.decode(_next(reader))
    if not isinstance(prepare, Prepare):
        raise SystemExit("the first frame must be Prepare")
    received: SimpleQueue[ToChild] = SimpleQueue()
    reading = (reader, received, interruption, prepare.grace_s)
    threading.Thread(target=_read, args=reading, name="worker", daemon=True).start()
    parent = _Parent(connection)
    output = ChildOutput(int(sys.argv[3]))
    try:
        codecs = _import(prepare)
    except BaseException as error:  # whatever the user's module raises is told to the worker
        parent.send(Broke(_import_failure(error)))
        return
    spans = _recorder() if prepare.traced else None
    state = ProcessState()
    while True:
        parent.send(Ready())
        call = received.get()
        if not isinstance(call, Call):
            return
        answer = state.context().run(_run, call, codecs, output, spans, interruption)
        if spans is not None and (ended := spans.take()):
            parent.send(Spans(tuple(ended)))
        parent.send(answer)
        if prepare.once or interruption.asked:
            return
        if spent := state.restore():
            parent.send(Spent(tuple(spent)))
            return


def _next(reader: BinaryIO) -> bytes:
    """The next frame; raises EOFError when the worker is gone."""
    head = reader.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        raise EOFError
    return reader.read(int.from_bytes(head, "big"))


def _read(
    reader: BinaryIO, received: SimpleQueue[ToChild], interruption: Interruption, grace_s: float
) -> None:
    try:
        while True:
            message = to_child.decode(_next(reader))
            if isinstance(message, Stop):
                interruption.ask()
            received.put(message)
    except (EOFError, OSError):  # OSError: killed before it had read all that we sent, which is a reset
        pass
    finally:
        interruption.worker_gone(grace_s)


def _import_failure(error: BaseException) -> Failure:
    return (
        Failure(error=error.info(), kinds=kinds_of(error))
        if isinstance(error, HeadraceError)
        else failure_of(error)
    )


def _import(prepare: Prepare) -> dict[str, TaskCodec]:
    from headrace.authoring.loader import load_all

    return {name: TaskCodec(task) for name, task in load_all(prepare.targets).tasks.items()}


def _recorder() -> SpanRecorder:
    from headrace.runtime.spans import SpanRecorder

    return SpanRecorder()


def _run(
    call: Call,
    codecs: dict[str, TaskCodec],
    output: ChildOutput,
    spans: SpanRecorder | None,
    interruption: Interruption,
) -> Done | Broke:
    codec = codecs.get(call.message.task)
    if codec is None:
        return Broke(failed(ErrorCode.TASK_UNKNOWN, f"the process does not have {call.message.task!r}"))
    attempt = Attempt(call.message, codec.task, "", call.delivery)
    attempt.begin()
    token = CURRENT.set(attempt)
    try:
        with output.of(attempt), running(attempt.context), interruption.of(attempt):
            if spans is None or call.span is None:
                produced = codec.call(call.inputs, call.message.counts)
            else:
                with spans.inside(call.span):
                    produced = codec.call(call.inputs, call.message.counts)
        return Done(produced.raw, produced.counts, produced.preview)
    except BaseException as error:  # sys.exit() in a task ends the attempt, not the process
        return Broke(failure_of(error))
    finally:
        CURRENT.reset(token)


if __name__ == "__main__":
    main()
