"""Breakages of what makes up for a bus that loses messages."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.runtime.leases import Leases
from headrace_coordinator.bus import nats_bus, trimming
from headrace_coordinator.bus.port import Outgoing
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.runtime.vigil import Vigil
from headrace_coordinator.service.shards import ShardSet
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.messages import (
    CancelAttempts,
    HeldAttempt,
)
from headrace_protocol.topology import ConsumerSpec
from tests.simulation.mutants.registry import mutant, nothing, nothing_async, table

table(
    "no_republish_after_loss",
    "what was dispatched is not published again when the bus has lost its streams",
    (Vigil, "republish_all", nothing_async),
)
table("no_sweeper", "nobody looks for attempts that the bus has lost", (Vigil, "sweep", nothing_async))
table(
    "unconfirmed_not_published_again",
    "what the bus refused or did not confirm is never published again",
    (Outbox, "_repeat", nothing),
    (Outbox, "publish_again", nothing),
)
table(
    "collecting_not_resumed",
    "a map that was being collected when the coordinator died is not collected by the next",
    (ShardSet, "_resume_collecting", nothing),
)


@mutant("messages with one confirmation are not bound to each other", (nats_bus, "in_order"))
def unbound(messages: Sequence[Outgoing]) -> Sequence[Outgoing]:
    return messages


_found = Leases.found


@mutant("what is held settles messages of a stream that was made anew", (Leases, "found"))
def settled_across_incarnations(self: Leases, consumer: str, same: bool) -> None:
    _found(self, consumer, same=True)


@mutant("a sweep cancels what it believes nobody waits for, whoever owns the shard now", (Vigil, "_stop"))
async def sweep_without_fence(self: Vigil, stale: list[HeldAttempt]) -> None:
    for held in stale:
        cancel = CancelAttempts(run_id=held.run_id, attempts=(held,), reason="")
        self._bus.send(self._topology.subjects.cancel, headers.make(), encode(cancel))


async def _everything(context: object, spec: ConsumerSpec) -> int:
    info = await context.stream_info(spec.stream)  # type: ignore[attr-defined]
    return int(info.state.last_seq) + 1


table(
    "unread_events_trimmed",
    "events that are old are deleted from the bus, whether they were read or not",
    (trimming, "_unread_from", _everything),
)
