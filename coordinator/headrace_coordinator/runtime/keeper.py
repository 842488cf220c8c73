"""Keeping what workers tell on the side: log lines and spans, stored in batches."""

from __future__ import annotations

import asyncio
import logging

from headrace_coordinator.bus.port import Bus, Incoming, Subscription
from headrace_coordinator.runtime.arrivals import Arrivals
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.deadletters import dead_letter, understood
from headrace_coordinator.store.port import Store
from headrace_coordinator.store.records import Transaction
from headrace_protocol.codec import decode
from headrace_protocol.errors import Unavailable
from headrace_protocol.messages import LogBatch, SpanBatch
from headrace_protocol.tasks import end
from headrace_protocol.topology import Topology

log = logging.getLogger("headrace.keeper")

LINGER_S = 0.05
"""Logs may take a moment: fewer, larger transactions leave the disk to the runs."""
RETRY_S = 1.0
BATCH = 256


class Keeper:
    """Reads HR_LOGS and writes the store."""

    def __init__(
        self, topology: Topology, bus: Bus, store: Store, clock: Clock, arrivals: Arrivals, *, spans: bool
    ) -> None:
        self._topology = topology
        self._bus = bus
        self._store = store
        self._clock = clock
        self._arrivals = arrivals
        self._spans = spans
        self._waiting: list[Incoming] = []
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._subscription = await self._bus.consume(self._topology.log_consumer(), BATCH, self._receive)
        self._task = asyncio.create_task(self._keep(), name="keeper")

    async def stop(self) -> None:
        """What has not been stored stays on the bus."""
        if self._subscription is not None:
            await self._subscription.stop()
        await end(self._task)

    def _receive(self, message: Incoming) -> None:
        self._waiting.append(message)
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            await self._wake.wait()
            await self._clock.sleep(LINGER_S)
            self._wake.clear()
            messages, self._waiting = self._waiting, []
            try:
                await self._store_all(messages)
            except Exception:
                await self._single_out(messages)
            for message in messages:
                self._bus.acknowledge(message)

    async def _store_all(self, messages: list[Incoming]) -> None:
        """Raises what the store says of lines that it can never write."""
        transaction = Transaction()
        for message in messages:
            self._read(message, transaction)
        await self._commit(transaction)

    async def _commit(self, transaction: Transaction) -> None:
        while True:
            try:
                await self._store.commit(transaction)
            except Unavailable as error:
                log.error("logs cannot be stored: %s", error)
                await self._clock.sleep(RETRY_S)
            else:
                return self._arrivals.committed(transaction)

    async def _single_out(self, messages: list[Incoming]) -> None:
        """One message that cannot be stored does not take the others with it."""
        for message in messages:
            try:
                await self._store_all([message])
            except Exception as error:
                letter = dead_letter(message, understood(error), self._clock.now_us())
                await self._commit(Transaction(dead_letters=[letter]))

    def _read(self, message: Incoming, transaction: Transaction) -> None:
        try:
            if message.subject.startswith(self._topology.subjects.span("")):
                batch = decode(message.body, SpanBatch, message.headers, where=message.subject)
                transaction.spans += batch.spans if self._spans else ()
            else:
                transaction.logs += decode(
                    message.body, LogBatch, message.headers, where=message.subject
                ).lines
        except Exception as error:
            transaction.dead_letters.append(dead_letter(message, understood(error), self._clock.now_us()))
