"""Deleting stored results that nothing needs any more.

Two ways lead to them. A result whose last reference went with its holder (see `store.references`) is *released*: the
store knows it, and when. A result that was uploaded by an attempt whose outcome never came is a *stray*: only its place
knows it, so that is looked through, now and then. Either is deleted after a day: of a released one since then, of a
stray since it was written, by the clock of its place. A live attempt has told its outcome long before.

Every step may be repeated: what is gone already is deleted once more, and a crash in between costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.runtime import metrics
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.store.records import ReleasedResult, Transaction
from headrace_protocol.errors import HeadraceError

log = logging.getLogger("headrace.coordinator")

GRACE_S = 86_400.0
RELEASED_EVERY_S = 600.0
STRAYS_EVERY = 36
"""Sweeps of what was released between two looks through the place of results: six hours."""
PAGE = 200
PAUSE_S = 0.05
"""Between two pages: others use the store and the bus too."""


class ResultSweep:
    """A loop without an end, for one coordinator of a namespace."""

    def __init__(self, parts: Parts, leads: Callable[[], bool], grace_s: float = GRACE_S) -> None:
        """`leads` tells whether this coordinator is the one."""
        self._store = parts.store
        self._results = parts.results
        self._bus = parts.bus
        self._clock = parts.clock
        self._leads = leads
        self._grace_s = grace_s
        self._told: set[str] = set()
        """Places of which was said that they cannot be used."""
        self._deleted = 0
        self._freed_bytes = 0

    async def run(self) -> None:
        sweeps = 0
        while True:
            await self._clock.sleep(RELEASED_EVERY_S)
            if self._leads() and self._bus.connected:
                await self.sweep(strays=sweeps % STRAYS_EVERY == 0)
                sweeps += 1

    async def sweep(self, *, strays: bool) -> None:
        """Once through what was released, and through the place of results."""
        self._deleted = self._freed_bytes = 0
        try:
            await self._sweep_released()
            if strays:
                await self._sweep_strays()
        except (HeadraceError, BusError) as error:
            log.warning("stored results cannot be deleted now: %s", error)
        if self._deleted:
            size = f"{self._freed_bytes:,} bytes"
            log.info("deleted %d stored results that nothing needs any more (%s)", self._deleted, size)

    async def _sweep_released(self) -> None:
        before_us = self._clock.now_us() - round(self._grace_s * 1e6)
        after: ReleasedResult | None = None
        while page := await self._store.released_results(before_us, after, PAGE):
            after = page[-1]
            gone = [one.uri for one in page if await self._delete(one.uri, "released")]
            if gone:
                await self._store.commit(Transaction(results_deleted=gone))
            await self._clock.sleep(PAUSE_S)

    async def _sweep_strays(self) -> None:
        async for page in self._results.written(self._grace_s):
            # A key begins with the run that made it.
            found = [(one.uri, one.key.partition("/")[0]) for one in page]
            for uri in await self._store.strayed_results(found):
                await self._delete(uri, "stray")
            await self._clock.sleep(PAUSE_S)
        unfinished = await self._results.tidy(self._grace_s)
        metrics.results_deleted.add(unfinished, "unfinished")
        self._deleted += unfinished

    async def _delete(self, uri: str, why: str) -> bool:
        """Whether it is gone."""
        try:
            freed = await self._results.delete(uri)
        except BusError as error:
            self._leave(uri, error)
            return False
        metrics.results_deleted.add(1, why)
        metrics.results_freed.add(freed)
        self._deleted += 1
        self._freed_bytes += freed
        return True

    def _leave(self, uri: str, error: BusError) -> None:
        """Say once of each place that its results stay there. They are tried again with the next sweep."""
        metrics.results_left.add(1)
        scheme, _, rest = uri.partition("://")
        place = f"{scheme}://{rest.partition('//')[0] if '//' in rest else rest.partition('/')[0]}"
        if place not in self._told:
            self._told.add(place)
            log.warning(
                "stored results at %s that nothing needs stay there: this coordinator cannot delete them (%s). Give it "
                "access to that place, or let the place expire them",
                place,
                error,
            )
