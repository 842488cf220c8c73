"""Publishers: they start runs in every way that there is, repeat what was not accepted, and write down what was."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine

import httpx
import msgspec

from headrace.client import Client
from headrace_protocol.errors import HeadraceError
from tests.faults.evidence import Publication, Seen

MIX = {
    "chain": 18,
    "fan": 14,
    "both": 10,
    "flaky": 14,
    "overtime": 5,
    "late": 5,
    "cancelled": 10,
    "processes": 8,
    "large": 8,
    "failing": 5,
}
"""How often each kind of run is asked for. `both` is an event that two workflows wait for."""
REPEATED = 0.2
"""Share of events that are published a second time."""
TIMEOUT_S = 4.0
AGAIN_S = 0.25
LOOK_S = 0.5
SOURCE = "/chaos"
ASKED = "asked"
"""Label of runs that are started by command: what was asked for, so that a second run for it is seen."""

Way = Callable[[Publication, int], Awaitable[None]]


class Load:
    """Everybody outside of the processes under test."""

    def __init__(self, seed: int, client: Client, api: str, *, runs_per_s: float) -> None:
        self._random = random.Random(f"load {seed}")
        self._client = client
        self._http = httpx.AsyncClient(base_url=api, timeout=TIMEOUT_S)
        self._runs_per_s = runs_per_s
        self._prefix = f"{seed}-{time.time_ns():x}"
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted = True
        self._failures: list[BaseException] = []
        """Of publishers, in ways that nobody expects."""
        self.publications: list[Publication] = []
        self.seen: list[Seen] = []
        self._ended: set[str] = set()

    async def run(self, seconds: float) -> None:
        """Ask for runs, at random moments, for so long. How many is the seed's, whatever else the machine does."""
        watcher = asyncio.create_task(self._watch())
        while seconds > 0:
            self._spawn(self._ask())
            pause_s = self._random.expovariate(self._runs_per_s)
            seconds -= pause_s
            await asyncio.sleep(pause_s)
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)

    async def finish(self, within_s: float) -> None:
        """Go on repeating what has not been accepted, and look at every run once more."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        self._wanted = False
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._failures:
            raise self._failures[0]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def _over(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failures.append(failure)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    async def _ask(self) -> None:
        number = len(self.publications)
        kind = self._random.choices(list(MIX), list(MIX.values()))[0]
        ways: dict[str, Way] = {
            "event over NATS": self._by_nats_event,
            "event over HTTP": self._by_http_event,
        }
        if kind != "both":
            ways |= {"command over HTTP": self._by_http_command, "command over NATS": self._by_nats_command}
        way = self._random.choice(list(ways))
        cancel_s = self._random.uniform(0.1, 1.5) if kind == "cancelled" else None
        twice = self._random.random() < REPEATED
        asked = Publication(way=way)
        self.publications.append(asked)
        if way.startswith("event"):
            asked.event_type, asked.source = f"chaos.{kind}", SOURCE
            asked.event_id = f"{self._prefix}-{number}"
        else:
            asked.workflow = kind
        await self._until_accepted(asked, number, ways[way])
        if twice and asked.event_id:
            again = "event over HTTP" if way.endswith("NATS") else "event over NATS"
            copy = msgspec.structs.replace(asked, way=again, tries=0, accepted_at_us=None)
            self.publications.append(copy)
            await self._until_accepted(copy, number, ways[again])
        if cancel_s is not None and asked.run_id:
            await asyncio.sleep(cancel_s)
            await self._cancel(asked.run_id)

    async def _until_accepted(self, asked: Publication, number: int, way: Way) -> None:
        while self._wanted:
            asked.tries += 1
            try:
                await way(asked, number)
            except (HeadraceError, httpx.HTTPError):
                await asyncio.sleep(AGAIN_S)
            else:
                asked.accepted_at_us = time.time_ns() // 1_000
                return

    async def _by_nats_event(self, asked: Publication, number: int) -> None:
        await self._client.publish(
            asked.event_type, {"number": number}, id=asked.event_id, source=asked.source
        )

    async def _by_http_event(self, asked: Publication, number: int) -> None:
        event = {
            "specversion": "1.0",
            "id": asked.event_id,
            "source": asked.source,
            "type": asked.event_type,
            "data": {"number": number},
        }
        headers = {"content-type": "application/cloudevents+json"}
        (await self._http.post("/events", json=event, headers=headers)).raise_for_status()

    async def _by_http_command(self, asked: Publication, number: int) -> None:
        name = f"{self._prefix}-{number}"
        body = {"params": {"number": number}, "idempotency_key": name, "labels": {ASKED: name}}
        answer = await self._http.post(f"/workflows/{asked.workflow}/runs", json=body)
        asked.run_id = answer.raise_for_status().json()["run_id"]

    async def _by_nats_command(self, asked: Publication, number: int) -> None:
        name = f"{self._prefix}-{number}"
        reply = await self._client.start_run(
            asked.workflow, {"number": number}, idempotency_key=name, labels={ASKED: name}
        )
        asked.run_id = reply.run_id

    async def _cancel(self, run_id: str) -> None:
        while self._wanted:
            try:
                answer = await self._http.post(f"/runs/{run_id}/cancel", json={"by": "chaos"})
                if answer.is_success or answer.status_code == 409:  # it was quicker
                    return
                answer.raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_S)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except (httpx.HTTPError, KeyError):
                continue

    async def look(self) -> None:
        """Write down what the API shows of the newest runs, and of some older ones."""
        page = (await self._http.get("/runs", params={"limit": 200})).raise_for_status().json()
        shown = {run["run_id"]: run for run in page["runs"]}
        older = sorted(self._ended - shown.keys())
        for run_id in self._random.sample(older, min(3, len(older))):
            shown[run_id] = (await self._http.get(f"/runs/{run_id}")).raise_for_status().json()
        for run_id, run in shown.items():
            state, finished_at_us = run["state"], run["finished_at_us"]
            waits = run["wait"] is not None
            self.seen.append(Seen(run_id=run_id, state=state, finished_at_us=finished_at_us, waits=waits))
            if state != "running":
                self._ended.add(run_id)
