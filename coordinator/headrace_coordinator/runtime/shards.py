"""The shards that this coordinator owns, as the parts of the runtime see them."""

from __future__ import annotations

from typing import Protocol

from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.envelope import Envelope
from headrace_protocol.messages import CommandReply


class Shards(Protocol):
    """Implemented by `headrace_coordinator.service.shards.ShardSet`."""

    @property
    def count(self) -> int: ...

    def owned(self) -> tuple[int, ...]: ...

    def put(self, shard: int, envelope: Envelope) -> None:
        """Hand an input over; nobody waits for it."""
        ...

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]:
        """Hand inputs over and wait for their commit. Raises Unavailable when the shard is not ours."""
        ...

    def actors(self, shard: int) -> Actors: ...
