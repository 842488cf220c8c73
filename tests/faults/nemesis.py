"""Breaks processes at random moments, from a seed: which fault, when, for how long. What the processes do in
between is theirs, so a seed repeats the faults, not the history."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from tests.faults.evidence import Publication, Strike, stored_events
from tests.support.cluster import ACK_WAIT_S, Cluster

AGAIN_S = 0.1
KEEP_S = 0.25
FAULTS = {
    "kill worker": 20,
    "pause worker": 16,
    "kill coordinator": 16,
    "pause coordinator": 10,
    "kill nats": 10,
    "pause nats": 8,
    "wipe bus": 5,
    "wipe bus and kill coordinator": 3,
    "kill everything": 2,
}


class Recovery(msgspec.Struct, kw_only=True):
    """A start of the coordinator, from the call to the process' readiness."""

    began_us: int
    ready_s: float
    starts: int
    """More than one when NATS was down for the first."""
    undisturbed: bool
    """Whether NATS was up all the time, and the machine had only this to start."""
    queued_s: float = 0.0
    """How much of it the process was ready to run and had no processor (Linux: `schedstat`)."""
    applied_s: float | None = None
    """Until the first outcome was applied; None when another fault came in between."""


class Site:
    """The processes, each with a lock: one fault at a time for each, any number side by side."""

    def __init__(self, cluster: Cluster, target: Path, workers: int, slots: int) -> None:
        self.cluster = cluster
        self.target = target
        self.slots = slots
        self.places = list(range(workers))
        self.pids: set[int] = set()
        self.recoveries: list[Recovery] = []
        self.locks = {"nats": asyncio.Lock(), "coordinator": asyncio.Lock()}
        self.locks |= {f"worker {place}": asyncio.Lock() for place in self.places}
        self.ended: list[str] = []
        """Processes that were found dead though nobody had killed them."""
        self._nats_faults = 0

    async def keep(self) -> None:
        """Start again what ends by itself, as a supervisor does: a worker whose NATS is down when it starts."""
        while True:
            await asyncio.sleep(KEEP_S)
            for place in self.places:
                name = f"worker {place}"
                if not self.locks[name].locked() and self.cluster.workers[place].poll() is not None:
                    self.ended.append(name)
                    self._start_worker(place)
            if self.locks["coordinator"].locked() or self.cluster.coordinator is None:
                continue
            if self.cluster.coordinator.poll() is not None:
                self.ended.append("coordinator")
                async with self.locks["coordinator"]:
                    await self.restart_coordinator()

    def start_workers(self) -> None:
        for place in self.places:
            self._start_worker(place)

    def _start_worker(self, place: int) -> None:
        settings = {"slots": self.slots, "processes": 1, "cancel_grace_s": 1.0}
        worker = self.cluster.start_worker(self.target, **settings)
        self.pids.add(worker.pid)
        if len(self.cluster.workers) > len(self.places):
            self.cluster.workers[place] = self.cluster.workers.pop()

    def kill_worker(self, place: int) -> None:
        self.cluster.workers[place].kill()
        self.cluster.workers[place].wait()

    def restart_worker(self, place: int) -> None:
        self._start_worker(place)

    @asynccontextmanager
    async def without_nats(self) -> AsyncIterator[None]:
        """While NATS cannot answer."""
        self._nats_faults += 1
        try:
            yield
        finally:
            self._nats_faults += 1

    async def restart_coordinator(self) -> None:
        """Start it until it stays up, as a supervisor would."""
        starts, faults = 0, self._nats_faults
        while True:
            began, began_us = time.monotonic(), time.time_ns() // 1_000
            starts += 1
            if await self.cluster.launch_coordinator():
                break
            await asyncio.sleep(AGAIN_S)
        self.recoveries.append(
            Recovery(
                began_us=began_us,
                ready_s=time.monotonic() - began,
                queued_s=_queued_s(self.cluster),
                starts=starts,
                undisturbed=faults == self._nats_faults and faults % 2 == 0,
            )
        )


def _queued_s(cluster: Cluster) -> float:
    """How long the coordinator's main thread has waited for a processor."""
    if cluster.coordinator is None:
        return 0.0
    try:
        fields = Path(f"/proc/{cluster.coordinator.pid}/schedstat").read_text().split()
    except OSError:
        return 0.0
    return int(fields[1]) / 1e9


class Nemesis:
    """Strikes until it is told to calm down."""

    def __init__(
        self, seed: int, site: Site, publications: list[Publication], *, every_s: float, longest_s: float
    ) -> None:
        self._random = random.Random(f"nemesis {seed}")
        self._site = site
        self._publications = publications
        self._every_s = every_s
        self._longest_s = longest_s
        self._tasks: set[asyncio.Task[None]] = set()
        self.strikes: list[Strike] = []
        self.erased: set[tuple[str, str]] = set()

    async def run(self, seconds: float) -> None:
        """Strike for so long; returns when everything is up again. How many strikes that are is the seed's: a machine
        that is busy is struck later, not less."""
        left_s = seconds
        while (pause_s := self._random.expovariate(1 / self._every_s)) < left_s:
            left_s -= pause_s
            await asyncio.sleep(pause_s)
            kind = self._random.choices(list(FAULTS), list(FAULTS.values()))[0]
            task = asyncio.create_task(self.strike(kind), name=kind)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._tasks:
            await asyncio.gather(*self._tasks)

    async def strike(self, kind: str) -> None:
        """One fault, and back to where it was."""
        draw = self._random
        place = draw.choice(self._site.places)
        down_s, paused_s = draw.uniform(0, 1.0), draw.uniform(0.2, self._longest_s)
        faults: dict[str, Callable[[], Awaitable[None]]] = {
            "kill worker": lambda: self._kill_worker(place, down_s),
            "pause worker": lambda: self._pause(f"worker {place}", paused_s),
            "kill coordinator": lambda: self._kill_coordinator(down_s),
            "pause coordinator": lambda: self._pause("coordinator", paused_s),
            "kill nats": lambda: self._kill_nats(down_s, wipe=False),
            "pause nats": lambda: self._pause("nats", min(paused_s, 2 * ACK_WAIT_S)),
            "wipe bus": lambda: self._kill_nats(down_s, wipe=True),
            "wipe bus and kill coordinator": lambda: self._kill_nats_and_coordinator(down_s),
            "kill everything": lambda: self._kill_everything(down_s),
        }
        await faults[kind]()

    @asynccontextmanager
    async def _noted(self, kind: str, target: str) -> AsyncIterator[None]:
        strike = Strike(kind=kind, target=target, began_us=time.time_ns() // 1_000)
        self.strikes.append(strike)
        yield
        strike.ended_us = time.time_ns() // 1_000

    async def _kill_worker(self, place: int, down_s: float) -> None:
        async with self._site.locks[f"worker {place}"], self._noted("kill", f"worker {place}"):
            self._site.kill_worker(place)
            await asyncio.sleep(down_s)
            self._site.restart_worker(place)

    async def _kill_coordinator(self, down_s: float) -> None:
        async with self._site.locks["coordinator"], self._noted("kill", "coordinator"):
            self._site.cluster.kill_coordinator()
            await asyncio.sleep(down_s)
            await self._site.restart_coordinator()

    async def _kill_nats(self, down_s: float, *, wipe: bool) -> None:
        kind = "wipe" if wipe else "kill"
        async with self._site.locks["nats"], self._noted(kind, "nats"), self._site.without_nats():
            await self._end_nats(wipe=wipe)
            await asyncio.sleep(down_s)
            await self._site.cluster.nats.start()

    async def _end_nats(self, *, wipe: bool) -> None:
        cluster = self._site.cluster
        await cluster.kill_nats()
        if not wipe:
            return
        # An event that NATS has acknowledged and that is in no store yet goes with the volume: nobody else has it.
        accepted = {
            (asked.source, asked.event_id)
            for asked in self._publications
            if asked.event_id and asked.accepted_at_us is not None
        }
        self.erased |= accepted - stored_events(cluster.directory / "headrace.db")
        cluster.wipe_bus()

    async def _kill_nats_and_coordinator(self, down_s: float) -> None:
        site = self._site
        async with site.locks["nats"], site.locks["coordinator"], self._noted("wipe", "nats, coordinator"):
            async with site.without_nats():
                site.cluster.kill_coordinator()
                await self._end_nats(wipe=True)
                await asyncio.sleep(down_s)
                await site.cluster.nats.start()
            await site.restart_coordinator()

    async def _kill_everything(self, down_s: float) -> None:
        site = self._site
        names = sorted(site.locks, key=lambda name: (name != "nats", name))
        for name in names:
            await site.locks[name].acquire()
        try:
            async with self._noted("kill", "everything"):
                async with site.without_nats():
                    for place in site.places:
                        site.kill_worker(place)
                    site.cluster.kill_coordinator()
                    await self._end_nats(wipe=False)
                    await asyncio.sleep(down_s)
                    await site.cluster.nats.start()
                await site.restart_coordinator()
                for place in site.places:
                    site.restart_worker(place)
        finally:
            for name in names:
                site.locks[name].release()

    async def _pause(self, target: str, seconds: float) -> None:
        async with self._site.locks[target], self._noted("pause", target):
            if target == "nats":
                async with self._site.without_nats():
                    await self._stopped(target, seconds)
            else:
                await self._stopped(target, seconds)

    async def _stopped(self, target: str, seconds: float) -> None:
        pid = self._pid(target)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

    def _pid(self, target: str) -> int:
        cluster = self._site.cluster
        if target == "nats":
            pid = cluster.nats.pid
        elif target == "coordinator":
            pid = None if cluster.coordinator is None else cluster.coordinator.pid
        else:
            pid = cluster.workers[int(target.rpartition(" ")[2])].pid
        if pid is None:
            raise ProcessLookupError(target)
        return pid
