"""Reads HR_EVENTS: every event becomes a record, and starts the runs it matches, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from headrace_coordinator.bus.port import Bus, Incoming, Subscription
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.deadletters import dead_letter, understood
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.store.records import DeadLetter, EventRecord, Transaction
from headrace_coordinator.triggers.events import Match, Matcher, event_json
from headrace_protocol.cloudevent import CloudEvent, decode_nats
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import CommandReply, StartRun
from headrace_protocol.topology import Topology

BATCH = 512


class Shards(Protocol):
    """Where runs live."""

    @property
    def count(self) -> int: ...

    def put(self, shard: int, envelope: Envelope) -> None: ...

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]: ...


class EventConsumer:
    """The trigger side of a coordinator."""

    def __init__(self, topology: Topology, bus: Bus, matcher: Matcher, shards: Shards, clock: Clock) -> None:
        self._topology = topology
        self._bus = bus
        self._matcher = matcher
        self._shards = shards
        self._clock = clock
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = await self._bus.consume(self._topology.event_consumer(), BATCH, self._receive)

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()

    def _receive(self, message: Incoming) -> None:
        """Acknowledged when every run that the event starts is committed."""
        now_us = self._clock.now_us()
        try:
            event = decode_nats(message.subject, message.headers, message.body)
            match = self._matcher.match(event)
            letters = tuple(
                dead_letter(message, error, now_us, also=trigger) for trigger, error in match.failures
            )
            groups = self._envelopes(event, match, letters)
        except Exception as error:
            letter = dead_letter(message, understood(error), now_us)
            self._shards.put(0, Envelope(dead=(letter,), ack=lambda: self._bus.acknowledge(message)))
            return
        left = len(groups)

        def committed() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._bus.acknowledge(message)

        for shard, envelope in groups:
            envelope.ack = committed
            envelope.origin = message
            self._shards.put(shard, envelope)

    async def accept(self, event: CloudEvent) -> tuple[list[CommandReply], Match]:
        """An event that came by another way than the bus; returns when its runs are committed."""
        match = self._matcher.match(event)
        groups = self._envelopes(event, match, ())
        replies = await asyncio.gather(*(self._shards.ask(shard, envelope) for shard, envelope in groups))
        return [reply for group in replies for reply in group], match

    def _envelopes(
        self, event: CloudEvent, match: Match, letters: tuple[DeadLetter, ...]
    ) -> list[tuple[int, Envelope]]:
        """One envelope for each shard concerned; the first carries the record of the event."""
        by_shard: dict[int, list[StartRun]] = {}
        for command in match.starts:
            by_shard.setdefault(shard_of(command.run_id, self._shards.count), []).append(command)
        groups = [(shard, Envelope(inputs=tuple(starts))) for shard, starts in by_shard.items()]
        if not groups:
            groups = [(0, Envelope())]
        first = groups[0][1]
        first.write = self._record(event, match)
        first.dead = letters
        return groups

    def _record(self, event: CloudEvent, match: Match) -> Callable[[Transaction], None]:
        record = EventRecord(
            event_id=event.id,
            source=event.source,
            type=event.type,
            received_at_us=self._clock.now_us(),
            subject=event.subject,
            data=event_json(event),
            runs=tuple(command.run_id for command in match.starts),
        )
        return lambda transaction: transaction.events.append(record)
