"""Messages about deliveries: what came again, what waits for a worker with the code, and what nobody understands."""

from __future__ import annotations

import msgspec

from headrace_protocol.definition import Priority
from headrace_protocol.errors import ErrorInfo


class Redelivered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker got a task message that the bus had delivered before. It does not start it, holds it, and repeats this
    until it is answered: whether the earlier delivery is lost is for the coordinator to decide."""

    worker: str
    run_id: str
    node: str
    attempt: int
    queue: str
    queued_at_us: int
    delivery: int
    """How often the bus has delivered the message."""
    item: int | None = None
    dispatch: int = 0
    """`TaskMessage.dispatch`."""
    reply_to: str = ""
    """The inbox on which the worker listens for `Redundant`, a subject below `_INBOX.`."""


class Redundant(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer: settle the message without starting it. Its attempt is held by another worker, has ended, or is
    dispatched anew."""

    key: str
    """`run/node[/item]/attempt`."""
    dispatch: int = 0
    """`TaskMessage.dispatch`: an attempt may have a message on the bus for each time it was dispatched."""


class Wanted(msgspec.Struct, frozen=True):
    """Broadcast: a task waits for a worker that has it, on a subject that only such workers read."""

    queue: str
    priority: Priority
    code: str
    """The sixth token of the subject: a task's code hash, or the hash of its name (`ids.name_hash`)."""


class Needed(msgspec.Struct, frozen=True, omit_defaults=True):
    """To a worker that drains: tasks that unfinished runs may still call and that no other live worker of its queues
    has. While there are any, it goes on reading the subjects of its own code."""

    worker: str
    tasks: tuple[str, ...]
    others: int = 0
    """Other live workers of its queues that do not drain."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A message that its receiver could not understand, on its way to the dead letters."""

    subject: str
    headers: dict[str, str]
    body: bytes
    error: ErrorInfo
