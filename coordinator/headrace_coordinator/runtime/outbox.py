"""Publishing what was committed, until the bus confirms it (I8).

A batch is what one turn wrote. Its messages go out at once, those for one stream with one confirmation; when all are
confirmed its sequence is handed to the next transaction, which deletes it. What fails, or was in flight when the
connection went away, is published again, now each by itself: message ids make that harmless within the stream's
duplicate window, fences after it.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from functools import partial

from headrace_coordinator.bus.port import Bus, Outgoing
from headrace_coordinator.runtime import metrics
from headrace_coordinator.store.records import OutboxBatch
from headrace_protocol.headers import MESSAGE_ID

log = logging.getLogger("headrace.outbox")

RETRY_S = 0.5
ACK_TIMEOUT_S = 10.0
"""A confirmation that takes longer is taken for lost: a duplicate message is harmless, a missing one is not."""


class _Unconfirmed:
    """A batch on its way."""

    __slots__ = ("batch", "failed", "futures", "left", "sent_at", "singly")

    def __init__(self, batch: OutboxBatch, *, singly: bool) -> None:
        self.batch = batch
        self.futures: list[Future[int]] = []
        self.sent_at = 0.0
        self.left = 0
        self.failed = False
        self.singly = singly
        """Each message gets a confirmation of its own: some may be in the stream already, which says nothing of the
        ones before them then."""


class Outbox:
    """The publisher of one coordinator."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sequence = 0
        self._open: dict[int, _Unconfirmed] = {}
        self._confirmed: list[int] = []
        self._retry: asyncio.TimerHandle | None = None
        self._late: asyncio.TimerHandle | None = None
        self._failures = 0
        self.highest: dict[str, int] = {}
        """For each kind of subject (`task`, `in`, …), the highest stream sequence that the bus has confirmed."""

    def resume(self, last_sequence: int) -> None:
        """Go on numbering after what the store has seen."""
        self._sequence = last_sequence

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    @property
    def depth(self) -> int:
        """Messages that are not confirmed."""
        return sum(len(entry.batch.messages) for entry in self._open.values())

    @property
    def waiting(self) -> bool:
        """Whether confirmed batches wait for a transaction that deletes them."""
        return bool(self._confirmed)

    @property
    def active(self) -> bool:
        """Whether anything is still to be confirmed or deleted."""
        return bool(self._open or self._confirmed)

    def take_confirmed(self) -> list[int]:
        """Sequences to delete, each handed out once."""
        confirmed, self._confirmed = self._confirmed, []
        return confirmed

    def give_back(self, sequences: list[int]) -> None:
        """The transaction that was to delete them failed."""
        self._confirmed += sequences

    def publish(self, batch: OutboxBatch, *, again: bool = False) -> None:
        """Send a committed batch; `again` when a predecessor may have sent it already."""
        entry = self._open[batch.sequence] = _Unconfirmed(batch, singly=again)
        metrics.outbox_depth.add(len(batch.messages))
        self._send(entry)

    def publish_again(self) -> None:
        """Send everything that is not confirmed; to be called after a reconnect."""
        for entry in list(self._open.values()):
            if entry.left == 0:
                self._send(entry)

    def _send(self, entry: _Unconfirmed) -> None:
        bus = self._bus
        loop = asyncio.get_running_loop()
        entry.failed = False
        entry.sent_at = loop.time()
        together: dict[str, list[Outgoing]] = {}
        futures = []
        for message in entry.batch.messages:
            outgoing = (message.subject, message.headers, message.body)
            if not message.stream:
                bus.send(*outgoing)
            elif entry.singly or MESSAGE_ID not in message.headers:
                futures.append((message.subject, bus.publish(*outgoing)))
            else:
                together.setdefault(_kind(message.subject), []).append(outgoing)
        futures += [(group[-1][0], bus.publish_in_order(group)) for group in together.values()]
        entry.left = len(futures)
        entry.futures = [future for _, future in futures]
        if not futures:
            self._confirm(entry)
        elif self._late is None:
            self._late = loop.call_later(ACK_TIMEOUT_S, self._give_up_late)
        for subject, future in futures:
            future.add_done_callback(partial(self._done, entry, subject))

    def _done(self, entry: _Unconfirmed, subject: str, future: Future[int]) -> None:
        entry.left -= 1
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            entry.failed = True
            if error is not None and self._failures == 0 and entry.singly:
                log.warning("publishing to %s failed: %s", subject, error)
            self._failures += entry.singly
        else:
            kind = _kind(subject)
            sequence = future.result()
            if sequence > self.highest.get(kind, 0):
                self.highest[kind] = sequence
        if entry.left:
            return
        if entry.failed and not entry.singly and self._bus.connected:
            entry.singly = True
            self._send(entry)
        elif entry.failed:
            entry.singly = True
            self._later()
        else:
            self._failures = 0
            self._confirm(entry)

    def _confirm(self, entry: _Unconfirmed) -> None:
        self._open.pop(entry.batch.sequence, None)
        self._confirmed.append(entry.batch.sequence)
        metrics.outbox_depth.add(-len(entry.batch.messages))

    def _give_up_late(self) -> None:
        """Have what waits for too long published again."""
        loop = asyncio.get_running_loop()
        self._late = None
        late = [e for e in self._open.values() if e.left and loop.time() - e.sent_at >= ACK_TIMEOUT_S]
        if late:
            log.warning("NATS has not confirmed %d batches: they are published again", len(late))
        for entry in late:
            for future in entry.futures:
                future.cancel()
        if self._open:
            self._late = loop.call_later(ACK_TIMEOUT_S, self._give_up_late)

    def _later(self) -> None:
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._repeat)

    def _repeat(self) -> None:
        self._retry = None
        failed = [entry for entry in self._open.values() if entry.failed and entry.left == 0]
        if failed and not self._bus.connected:
            self._later()
            return
        for entry in failed:
            self._send(entry)

    def close(self) -> None:
        for timer in (self._retry, self._late):
            if timer is not None:
                timer.cancel()


def _kind(subject: str) -> str:
    """Of an input or output of Headrace: each kind has a stream of its own."""
    return subject.split(".", 3)[2]
