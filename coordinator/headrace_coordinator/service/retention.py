"""Deleting what nobody needs any more: old rows of the store, and events on the bus that were read."""

from __future__ import annotations

import logging

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.store.port import RetentionPolicy
from headrace_protocol.errors import HeadraceError

log = logging.getLogger("headrace.coordinator")

PRUNE_EVERY_S = 600.0
PRUNE_ROWS = 1_000
CROWDED = 0.75
"""The share of its bound from which a stream of events is too full. Of what was read it keeps less, so all of that is
unread."""


class Retention:
    """Two loops without an end, each beginning at once."""

    def __init__(self, parts: Parts, policy: RetentionPolicy) -> None:
        self._parts = parts
        self._policy = policy
        self._clock = parts.clock
        self._crowded = False

    async def prune(self) -> None:
        """The store."""
        store, clock = self._parts.store, self._clock
        while True:
            try:
                while await store.prune(self._policy, clock.now_us(), PRUNE_ROWS) >= PRUNE_ROWS:
                    await clock.sleep(0)
            except HeadraceError as error:
                log.warning("old rows cannot be deleted now: %s", error)
            await clock.sleep(PRUNE_EVERY_S)

    async def trim(self, every_s: float) -> None:
        """The bus. What is not deleted while it is away is deleted later."""
        while True:
            if self._parts.bus.connected:
                try:
                    await self._trim()
                except BusError as error:
                    log.warning("events that were read cannot be deleted now: %s", error)
            await self._clock.sleep(every_s)

    async def _trim(self) -> None:
        read = self._parts.topology.event_consumer()
        before_us = self._clock.now_us() - round(self._policy.replay_s * 1e6)
        share = await self._parts.bus.trim(read, before_us)
        crowded, before = share > CROWDED, self._crowded
        self._crowded = crowded
        if crowded and not before:
            log.warning(
                "%s is %.0f %% full of events that were not read: when it is full, publishers are refused",
                read.stream,
                100 * share,
            )
