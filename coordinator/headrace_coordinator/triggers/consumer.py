"""Reads HR_EVENTS: every event is taken in; what cannot be read is a dead letter."""

from __future__ import annotations

from headrace_coordinator.bus.port import Bus, Incoming, Subscription
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.deadletters import dead_letter, understood
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.triggers.intake import Intake, Shards
from headrace_protocol.cloudevent import decode_nats
from headrace_protocol.topology import Topology

BATCH = 512


class EventConsumer:
    """The bus side of the triggers."""

    def __init__(self, topology: Topology, bus: Bus, intake: Intake, shards: Shards, clock: Clock) -> None:
        self._topology = topology
        self._bus = bus
        self._intake = intake
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
        if self._intake.is_copy(message):
            self._bus.acknowledge(message)
            return
        try:
            event = decode_nats(message.subject, message.headers, message.body)
            groups = self._intake.envelopes([self._intake.taking(event, message)])
        except Exception as error:
            letter = dead_letter(message, understood(error), self._clock.now_us())
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
