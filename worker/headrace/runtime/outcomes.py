"""Outcomes on their way to the coordinator.

An outcome is *collected*, then *published* with the others of its loop tick and shard in one message, then
*acknowledged* by the stream; only then is its task message settled, so that whatever dies in between leads
to a redelivery and never to a lost result. A batch that was not acknowledged is published again until it
is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import msgspec

from headrace.bus import Bus, Settlement
from headrace.runtime.attempt import Attempt
from headrace.runtime.leases import Leases
from headrace_protocol import codec, headers
from headrace_protocol.messages import Outcome
from headrace_protocol.subjects import Subjects

log = logging.getLogger("headrace.worker")

BATCH_BYTES = 512 * 1024
RETRY_S = 0.5
ACK_TIMEOUT_S = 10.0
"""An acknowledgement that takes longer is taken for lost: a duplicate outcome is harmless, a lost one is
not."""
_HEADERS = headers.make()


class _Batch(msgspec.Struct):
    subject: str
    outcomes: list[msgspec.Raw] = []
    most_bytes: int = BATCH_BYTES
    replies: dict[str, str] = {}
    """By the attempt's key and how often it had been dispatched."""
    size_bytes: int = 0
    body: bytes = b""


def _name(attempt: Attempt) -> str:
    return f"{attempt.key}@{attempt.message.dispatch}"


class OutcomeSender:
    """Publishes outcomes in batches and settles their task messages."""

    def __init__(
        self, bus: Bus, leases: Leases, subjects: Subjects, before_flush: Callable[[], None]
    ) -> None:
        """`before_flush` is called before outcomes leave, to let log lines go first."""
        self._bus = bus
        self._leases = leases
        self._subjects = subjects
        self._before_flush = before_flush
        self._open: dict[tuple[int, str], _Batch] = {}
        self._full: list[_Batch] = []
        self._scheduled = False
        self._unacknowledged: list[_Batch] = []
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, attempt: Attempt, outcome: Outcome) -> None:
        shard, queue = attempt.message.shard, attempt.message.queue
        encoded = codec.raw(outcome)
        size = len(memoryview(encoded))
        batch = self._open.get((shard, queue))
        if batch is not None and batch.size_bytes + size > batch.most_bytes:
            self._full.append(self._open.pop((shard, queue)))
            batch = None
        if batch is None:
            most = min(BATCH_BYTES, self._bus.max_payload_bytes // 2)
            batch = self._open[shard, queue] = _Batch(
                self._subjects.input(shard, "outcome", queue), most_bytes=most
            )
        batch.outcomes.append(encoded)
        batch.replies[_name(attempt)] = attempt.reply
        batch.size_bytes += size
        self._idle.clear()
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def adopt(self, attempt: Attempt) -> bool:
        """A task message came again whose outcome waits here: settle it with that outcome. False: none
        does."""
        if not self._unacknowledged and not self._open and not self._full:
            return False
        name = _name(attempt)
        for batch in (*self._unacknowledged, *self._full, *self._open.values()):
            old = batch.replies.get(name)
            if old is not None:
                self._leases.drop(old)
                self._leases.hold(attempt.reply)
                batch.replies[name] = attempt.reply
                return True
        return False

    def unconfirmed(self) -> Iterator[str]:
        """Keys of the attempts whose outcomes the bus has not confirmed."""
        for batch in (*self._unacknowledged, *self._full, *self._open.values()):
            for name in batch.replies:
                yield name.rpartition("@")[0]

    async def drained(self) -> None:
        """Returns when every outcome is acknowledged and every task message settled."""
        await self._idle.wait()

    def _flush(self) -> None:
        self._scheduled = False
        self._before_flush()
        batches, self._full = [*self._full, *self._open.values()], []
        self._open.clear()
        self._unacknowledged += batches
        for batch in batches:
            batch.body = codec.encode({"outcomes": batch.outcomes})
            batch.outcomes = []
            self._publish(batch)

    def _publish(self, batch: _Batch) -> None:
        future = self._bus.publish(batch.subject, batch.body, _HEADERS)
        loop = asyncio.get_running_loop()
        late = loop.call_later(ACK_TIMEOUT_S, future.cancel)

        def acknowledged(done: asyncio.Future[int]) -> None:
            late.cancel()
            if not done.cancelled() and done.exception() is None:
                self._settle(batch)
                return
            reason = "no acknowledgement" if done.cancelled() else done.exception()
            log.warning("%d outcomes could not be sent yet: %s", len(batch.replies), reason)
            loop.call_later(RETRY_S, self._publish, batch)

        future.add_done_callback(acknowledged)

    def _settle(self, batch: _Batch) -> None:
        for reply in batch.replies.values():
            self._leases.settle(reply, Settlement.ACK)
        self._unacknowledged.remove(batch)
        if not self._unacknowledged and not self._open and not self._full:
            self._idle.set()
