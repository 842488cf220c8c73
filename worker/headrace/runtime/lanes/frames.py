"""What a worker and its warm processes say to each other: msgpack frames with a length in front."""

from __future__ import annotations

import msgspec

from headrace.runtime.failures import Failure
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import Preview, Span, TaskMessage

LENGTH_BYTES = 8


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """To a new process: import these."""

    targets: tuple[str, ...]
    traced: bool
    once: bool = False
    """End after one attempt."""
    grace_s: float = 5.0
    """How long a task may clean up when the worker is gone."""


class Call(msgspec.Struct, frozen=True, tag="call"):
    """Run one attempt. `message` has no inputs any more: they are resolved."""

    message: TaskMessage
    inputs: dict[str, msgspec.Raw]
    delivery: int
    span: TraceContext | None
    """The attempt's span, the parent of the user's."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Interrupt the task and end."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The next call may come: the targets are imported, or what the last task changed is as it was."""


class Spent(msgspec.Struct, frozen=True, tag="spent"):
    """The process ends: what the last task changed cannot be put back."""

    changed: tuple[str, ...]


class Spans(msgspec.Struct, frozen=True, tag="spans"):
    """Spans that ended."""

    spans: tuple[Span, ...]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The attempt succeeded."""

    raw: msgspec.Raw
    counts: tuple[int, ...]
    preview: Preview | None = None


class Broke(msgspec.Struct, frozen=True, tag="broke"):
    """The attempt failed, or before `Ready` the import did."""

    failure: Failure


ToChild = Prepare | Call | Stop
FromChild = Ready | Spent | Spans | Done | Broke

_encoder = msgspec.msgpack.Encoder()
to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


def frame(message: ToChild | FromChild) -> bytes:
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
