"""Stored results that nothing needs are deleted, after their day, and no others."""

import logging

import pytest

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.service.result_sweep import GRACE_S, ResultSweep
from headrace_coordinator.store.memory import MemoryStore
from headrace_coordinator.store.port import RetentionPolicy
from headrace_coordinator.store.records import HolderKind, ResultReference, Transaction
from headrace_protocol.topology import Topology
from tests.conformance.store.samples import finished, head
from tests.unit.runtime.fakes import FakeBus, FakeClock, FakeResults

POLICY = RetentionPolicy()
DAY_S = 86_400.0


class Site:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.results = FakeResults()
        self.store = MemoryStore()
        parts = Parts(Topology("n"), self.store, FakeBus(), self.results, self.clock)  # type: ignore[arg-type]
        self.sweep = ResultSweep(parts, lambda: True)

    async def run_with(self, run_id: str, key: str) -> str:
        uri = await self.results.put(f"{run_id}/{key}", b"body")
        reference = ResultReference(uri, HolderKind.RUN, run_id)
        await self.store.commit(
            Transaction(runs=[finished(run_id, self.clock.now_us())], references=[reference])
        )
        return uri


@pytest.fixture
async def site() -> Site:
    site = Site()
    await site.store.open()
    return site


async def test_a_result_goes_a_day_after_its_run(site: Site) -> None:
    uri = await site.run_with("r1", "n/1/a")
    site.results.age_s[uri] = 1e9
    await site.sweep.sweep(strays=True)
    assert uri in site.results.kept, "its run is there"
    site.clock.at_us += round((POLICY.runs_s + 1) * 1e6)
    await site.store.prune(POLICY, site.clock.now_us(), 10)
    site.clock.at_us += round((DAY_S - 10) * 1e6)
    await site.sweep.sweep(strays=True)
    assert uri in site.results.kept, "not before a day has passed"
    site.clock.at_us += 20_000_000
    await site.sweep.sweep(strays=False)
    assert site.results.kept == {}
    assert await site.store.released_results(site.clock.now_us() * 2, None, 10) == []


async def test_what_an_attempt_left_that_was_never_heard_of(site: Site) -> None:
    await site.store.commit(Transaction(runs=[head("r1")]))
    old, young = [await site.results.put(f"r1/n/{number}/x", b"body") for number in (1, 2)]
    foreign = await site.results.put("unknown/n/1/x", b"body")
    site.results.age_s.update({old: GRACE_S + 1, young: GRACE_S - 1, foreign: 1e9})
    await site.sweep.sweep(strays=False)
    assert old in site.results.kept
    await site.sweep.sweep(strays=True)
    assert site.results.kept.keys() == {young, foreign}


async def test_a_clock_that_was_set_harms_nothing_that_is_needed(site: Site) -> None:
    """The coordinator's clock runs ages ahead: what has a reference stays, and strays go by the place's own clock."""
    needed = await site.run_with("r1", "n/1/a")
    stray = await site.results.put("r1/n/2/b", b"body")
    site.results.age_s.update({needed: 60.0, stray: 60.0})
    site.clock.at_us += round(3_650 * DAY_S * 1e6)
    await site.sweep.sweep(strays=True)
    assert site.results.kept.keys() == {needed, stray}


async def test_a_place_without_access_is_told_once_and_others_go_on(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "headrace.coordinator")
    logging.getLogger("headrace").propagate = True
    uris = [await site.run_with(f"r{number}", "n/1/a") for number in range(5)]
    site.results.locked.update(uris[:3])
    site.clock.at_us += round((POLICY.runs_s + 1) * 1e6)
    await site.store.prune(POLICY, site.clock.now_us(), 10)
    site.clock.at_us += round((DAY_S + 1) * 1e6)
    for _ in range(2):
        await site.sweep.sweep(strays=False)
    assert site.results.kept.keys() == set(uris[:3])
    told = [record.getMessage() for record in caplog.records]
    assert sum("cannot delete them (no credentials)" in line for line in told) == 1 + 2, "one for each place"
    assert any("deleted 2 stored results that nothing needs any more (8 bytes)" in line for line in told)
    site.results.locked.clear()
    await site.sweep.sweep(strays=False)
    assert site.results.kept == {}


async def test_a_crash_between_deleting_and_remembering_is_harmless(site: Site) -> None:
    uri = await site.run_with("r1", "n/1/a")
    site.clock.at_us += round((POLICY.runs_s + 1) * 1e6)
    await site.store.prune(POLICY, site.clock.now_us(), 10)
    site.clock.at_us += round((DAY_S + 1) * 1e6)
    await site.results.delete(uri)
    await site.sweep.sweep(strays=True)
    assert await site.store.released_results(site.clock.now_us() * 2, None, 10) == []


async def test_a_bus_that_is_away_is_told_and_survived(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("headrace").propagate = True

    def away(older_than_s: float) -> None:
        raise BusError("not connected")

    site.results.written = away  # type: ignore[method-assign, assignment]
    await site.sweep.sweep(strays=True)
    assert "stored results cannot be deleted now: not connected" in caplog.text
