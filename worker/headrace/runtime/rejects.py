"""Messages on a task queue that no worker can understand."""

from __future__ import annotations

import asyncio
import logging

from headrace.bus import Bus, Delivery, Settlement
from headrace.runtime.leases import Leases
from headrace_protocol import codec, headers
from headrace_protocol.deliveries import Rejected
from headrace_protocol.errors import ProtocolError
from headrace_protocol.subjects import Subjects

log = logging.getLogger("headrace.worker")

RETRY_S = 0.5
ACK_TIMEOUT_S = 10.0
ENVELOPE_BYTES = 16 * 1024
"""What a rejected message needs beside its body."""
_SHARD = 0
"""Nothing in the message can be trusted to name another."""


class Rejects:
    """Passes such messages on to the dead letters, then ends them."""

    def __init__(self, bus: Bus, leases: Leases, subjects: Subjects) -> None:
        self._bus = bus
        self._leases = leases
        self._subjects = subjects

    def reject(self, delivery: Delivery, queue: str, error: ProtocolError) -> None:
        log.warning("a message on %s is rejected: %s", delivery.subject, error)
        room = self._bus.max_payload_bytes - ENVELOPE_BYTES
        rejected = Rejected(
            subject=delivery.subject,
            headers={name: value[:1_024] for name, value in list((delivery.headers or {}).items())[:8]},
            body=delivery.body[:room],
            error=error.info(),
        )
        self._leases.hold(delivery.reply)
        self._publish(self._subjects.input(_SHARD, "rejected", queue), codec.encode(rejected), delivery.reply)

    def _publish(self, subject: str, body: bytes, reply: str) -> None:
        loop = asyncio.get_running_loop()
        future = self._bus.publish(subject, body, headers.make())
        late = loop.call_later(ACK_TIMEOUT_S, future.cancel)

        def done(future: asyncio.Future[int]) -> None:
            late.cancel()
            if not future.cancelled() and future.exception() is None:
                self._leases.settle(reply, Settlement.TERM)
            else:
                loop.call_later(RETRY_S, self._publish, subject, body, reply)

        future.add_done_callback(done)
