"""Task messages that the bus has delivered before.

Somebody may be working on them, or has died of it: they are *held* and not started, and the coordinator is told of
them until it has *answered*. Its answer is always that the message is redundant, because by then the attempt is
another worker's, has ended, or is dispatched anew.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from headrace.bus import Bus, BusError, Delivery, Message, Settlement
from headrace.runtime.leases import Leases
from headrace_protocol import codec, headers
from headrace_protocol.deliveries import Redelivered, Redundant
from headrace_protocol.errors import ProtocolError
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import TaskMessage
from headrace_protocol.subjects import Subjects

log = logging.getLogger("headrace.worker")

REPEAT_S = 2.0
_HEADERS = headers.make()


class Redeliveries:
    """Holds them, tells of them, and settles them when answered."""

    def __init__(self, bus: Bus, leases: Leases, subjects: Subjects, worker: str) -> None:
        self._bus = bus
        self._leases = leases
        self._subjects = subjects
        self._worker = worker
        self._inbox = bus.inbox()
        self._held: dict[tuple[str, int], tuple[Redelivered, int, str]] = {}
        """By attempt and dispatch, of which each has a message of its own: what is told, the shard it is told to,
        and the delivery's reply subject."""
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        await self._bus.subscribe(self._inbox, self._answered)

    def hold(self, message: TaskMessage, delivery: Delivery) -> None:
        attempt = attempt_key(message.run_id, message.node, message.item, message.attempt)
        key = attempt, message.dispatch
        old = self._held.get(key)
        if old is not None:
            self._leases.drop(old[2])
        told = Redelivered(
            worker=self._worker,
            run_id=message.run_id,
            node=message.node,
            item=message.item,
            attempt=message.attempt,
            queue=message.queue,
            queued_at_us=message.queued_at_us,
            delivery=delivery.count,
            dispatch=message.dispatch,
            reply_to=self._inbox,
        )
        self._leases.hold(delivery.reply)
        self._held[key] = (told, message.shard, delivery.reply)
        self._tell(told, message.shard)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REPEAT_S, self._repeat)

    def release(self) -> None:
        """The worker stops: whoever gets them next asks the same."""
        for _, _, reply in self._held.values():
            self._leases.settle(reply, Settlement.NAK)
        self._held.clear()
        self.close()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, told: Redelivered, shard: int) -> None:
        """What gets lost is repeated, so nobody waits for the bus to confirm it."""
        if self._bus.connected:
            subject = self._subjects.input(shard, "redelivered", told.queue)
            future = self._bus.publish(subject, codec.encode(told), _HEADERS)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _repeat(self) -> None:
        self._timer = None
        for told, shard, _ in self._held.values():
            self._tell(told, shard)
        if self._held:
            self._timer = asyncio.get_running_loop().call_later(REPEAT_S, self._repeat)

    def _answered(self, message: Message) -> None:
        try:
            answer = codec.decode(message.body, Redundant, message.headers, where=message.subject)
        except ProtocolError as error:
            log.warning("an answer about a redelivery cannot be read: %s", error)
            return
        held = self._held.pop((answer.key, answer.dispatch), None)
        if held is not None:
            with suppress(BusError):
                self._leases.settle(held[2], Settlement.ACK)
