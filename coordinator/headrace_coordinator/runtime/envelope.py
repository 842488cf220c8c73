"""Inputs on their way to a shard, with what must happen once they are committed."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.engine.inputs import Capacity, RunInput
from headrace_coordinator.store.records import DeadLetter, Transaction
from headrace_protocol.messages import CommandReply

if TYPE_CHECKING:
    from headrace_coordinator.runtime.turn import Turn

Write = Callable[[Transaction], None]


class Envelope(msgspec.Struct, kw_only=True):
    """What arrives together: decided in one turn, acknowledged after its commit."""

    inputs: tuple[RunInput, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    """They concern no run; applied before the inputs."""
    origin: Incoming | None = None
    """The message they came in. An input that cannot be applied puts it to the dead letters."""
    ack: Callable[[], None] | None = None
    """Called after the commit."""
    reply: Future[list[CommandReply]] | None = None
    """One reply for each input, set after the commit."""
    reply_to: str = ""
    """Subject for the first reply, when the sender wants one."""
    write: Write | None = None
    """Further things for the same transaction."""
    conclude: Callable[[Turn, list[CommandReply]], None] | None = None
    """Writes what became of the inputs into the turn that decided them, the dead letters of those that could not be
    applied included. Called again when the turn has to be decided again."""
    dead: tuple[DeadLetter, ...] = ()
    """What could not even be understood."""
    after_all: bool = False
    """Decided after everything that arrived before it, events too: its reply tells that all of that is committed."""
    arrival: int = 0
    """Its number in the inbox."""

    @property
    def is_event(self) -> bool:
        """Whether it is events that have arrived, with what they start."""
        return self.conclude is not None

    @property
    def weight(self) -> int:
        """How much there is to do, in inputs."""
        return len(self.inputs) or 1
