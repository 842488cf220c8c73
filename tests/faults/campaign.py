"""Everything started, put under load, tormented, calmed and stopped; then read and judged."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import nats
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig, DeliverPolicy

from headrace.authoring.loader import load
from headrace.client import Client
from headrace_protocol import codec
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import Heartbeat, LifecycleBatch, LifecycleMessage
from tests.faults.evidence import Evidence, Fleet, Strike, outbox_depth, read_store
from tests.faults.invariants import judge
from tests.faults.journal import JOURNAL, read_journals
from tests.faults.load import Load
from tests.faults.nemesis import Nemesis, Site
from tests.support.cluster import Cluster, free_port

FLOWS = Path(__file__).parent / "flows.py"
CALM_S = 90.0
"""How long runs may take to end once nothing is broken any more."""
APPLIED = ("node.succeeded", "node.retrying", "node.failed", "item.retrying")
CONFIRMED_S = 60.0
STILL_S = 1.0
LEFT_OVER_S = 20.0
RECOVERY_S = 2.0
"""How long a start of the coordinator may take on a machine that has time for it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the load and the faults are like."""

    seed: int
    seconds: float
    runs_per_s: float = 4.0
    strike_every_s: float = 2.0
    longest_pause_s: float = 6.0
    """Three times the ack wait: a task is given to another worker while its first one is paused."""
    workers: int = 3
    slots: int = 8
    shards: int = 1


class Spread(msgspec.Struct, frozen=True):
    """Figures of one kind, in seconds."""

    count: int
    min: float
    median: float
    max: float
    slow: int
    """How many took longer than they may."""


class Report(msgspec.Struct, kw_only=True):
    """What it came to."""

    seed: int
    seconds: float
    calm_s: float
    """From the last fault until no run was unfinished."""
    runs: dict[str, int]
    accepted: dict[str, int]
    executions: int
    outcomes: dict[str, int]
    strikes: dict[str, int]
    recoveries_s: Spread | None
    """Starts of the coordinator with NATS up: from the call to ready."""
    own_s: Spread | None
    """The same without the time that the process was ready to run and this machine had no processor for it."""
    applied_s: Spread | None
    """The same starts: from the call to the first outcome applied."""
    recoveries_without_nats: int
    restarted: dict[str, int]
    """Processes that ended by themselves, because NATS was down when they started."""
    events_lost_with_the_bus: int
    load_average: float
    breaches: dict[str, list[str]]
    """What breaks each invariant, and processes that are left over."""


class Field:
    """A cluster under load, and everything that is written down about it."""

    def __init__(self, cluster: Cluster, plan: Plan, client: Client) -> None:
        self.cluster = cluster
        self.plan = plan
        self.site = Site(cluster, FLOWS, plan.workers, plan.slots)
        api = f"http://127.0.0.1:{cluster.port}/api/v1"
        self.load = Load(plan.seed, client, api, runs_per_s=plan.runs_per_s)
        self.strikes: list[Strike] = []
        self.erased: set[tuple[str, str]] = set()
        self.fleets: list[Fleet] = []
        self.one_clock = True
        self.calm_s = 0.0
        self.left_over: list[str] = []
        """Processes that outlived their worker."""

    async def torment(self, torment: Awaitable[None]) -> None:
        """Load while it is tormented, until both are over and every run has come to its end."""
        keeper = asyncio.create_task(self.site.keep())
        try:
            await asyncio.gather(self.load.run(self.plan.seconds), torment)
            began = time.monotonic()
            await self._calm()
            self.calm_s = time.monotonic() - began
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _calm(self) -> None:
        """Stop the schedule, and wait for the end of every run; the judge names those that do not end."""
        api, tick = self.cluster.api, _definitions()["tick"]
        await self.cluster.put(msgspec.structs.replace(tick, triggers=()))
        await self.load.finish(CALM_S)
        ends = time.monotonic() + CALM_S
        while time.monotonic() < ends:
            if not (await api.get("/runs", params={"state": "running", "limit": 1})).json()["runs"]:
                break
            await asyncio.sleep(0.1)
        await self.load.look()

    async def _confirmed(self) -> None:
        """Wait for the bus' word on what was published last, until nothing more comes; the judge counts what it
        never gives."""
        store = Path(self.cluster.store.removeprefix("sqlite:///"))
        now = time.monotonic()
        ends, last_seen_at = now + CONFIRMED_S, now
        while now < ends and now - last_seen_at < STILL_S:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            if outbox_depth(store):
                last_seen_at = now

    async def evidence(self) -> Evidence:
        """Stop everything and read what is left."""
        await self.cluster.stop_workers()  # what they still held is told when they end
        await self._confirmed()
        told = await _told(self.cluster)
        await self.cluster.stop_coordinator()
        self.left_over = await _left_over(str(self.cluster.directory / JOURNALS))
        runs, unconfirmed, letters = await read_store(self.cluster.store, self.plan.shards)
        return Evidence(
            definitions=_definitions(),
            runs=runs,
            publications=self.load.publications,
            effects=read_journals(self.cluster.directory / JOURNALS),
            seen=self.load.seen,
            fleets=self.fleets,
            strikes=self.strikes,
            told=told,
            erased=self.erased,
            workers=self.site.pids,
            slots=self.plan.slots,
            unconfirmed=unconfirmed,
            dead_letters=letters,
            one_clock=self.one_clock,
        )


JOURNALS = "journals"


@asynccontextmanager
async def field(
    directory: Path, plan: Plan, prepare: Callable[[Cluster], None] = lambda _: None
) -> AsyncIterator[Field]:
    """Everything started and deployed. The directory keeps the store, the journals and the logs."""
    (directory / JOURNALS).mkdir(parents=True)
    cluster = Cluster(directory, environment={JOURNAL: str(directory / JOURNALS)})
    cluster.port, cluster.shards = free_port(), plan.shards
    prepare(cluster)
    async with cluster, Client(cluster.nats.url, shards=plan.shards, timeout_s=4.0) as client:
        made = Field(cluster, plan, client)
        made.site.start_workers()
        await cluster.deploy(FLOWS)
        try:
            async with _heartbeats(cluster, made.fleets):
                yield made
        finally:
            await made.load.close()


async def chaos(directory: Path, plan: Plan) -> tuple[Report, Evidence]:
    """Random kills, pauses and wipes under load."""
    async with field(directory, plan) as made:
        nemesis = Nemesis(
            plan.seed,
            made.site,
            made.load.publications,
            every_s=plan.strike_every_s,
            longest_s=plan.longest_pause_s,
        )
        made.strikes, made.erased = nemesis.strikes, nemesis.erased
        await made.torment(nemesis.run(plan.seconds))
        evidence = await made.evidence()
        told = report(made, evidence)
        faults = {"strikes": made.strikes, "recoveries": made.site.recoveries}
        (directory / "faults.json").write_bytes(msgspec.json.format(msgspec.json.encode(faults)))
        return told, evidence


@asynccontextmanager
async def _heartbeats(cluster: Cluster, fleets: list[Fleet]) -> AsyncIterator[None]:
    """What workers say of themselves."""

    async def receive(message: Msg) -> None:
        beat = codec.decode(message.data, Heartbeat, message.headers or {}, where=message.subject)
        fleets.append(Fleet(beat.worker, beat.slots, len(beat.held)))

    async def silent(_: Exception) -> None:
        """A server that goes away is no news here."""

    client = await nats.connect(
        cluster.nats.url, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=silent
    )
    await client.subscribe("hr.default.live.heartbeat", cb=receive)
    yield
    await client.close()


async def _left_over(mark: str) -> list[str]:
    """Processes with this in their environment that do not end; they were started by a worker that has ended."""
    ends = time.monotonic() + LEFT_OVER_S
    while found := list(_marked(mark.encode())):
        if time.monotonic() > ends:
            break
        await asyncio.sleep(0.05)
    return found


def _marked(mark: bytes) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes():
                yield f"{process.name} {(process / 'cmdline').read_text().replace(chr(0), ' ')}"


def _definitions() -> dict[str, WorkflowDefinition]:
    return {flow.definition.name: flow.definition for flow in load(str(FLOWS)).workflows.values()}


async def _told(cluster: Cluster) -> list[LifecycleBatch]:
    """What the lifecycle stream holds."""
    client = await cluster.connect()
    context = client.jetstream()
    left = (await context.stream_info("HR_LIFECYCLE_default")).state.messages
    found: list[LifecycleBatch] = []
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    subscription = await context.subscribe(
        "hr.default.life.>", ordered_consumer=True, config=config, pending_msgs_limit=-1
    )
    while left > 0:
        try:
            message = await subscription.next_msg(5)
        except NatsTimeout:
            break
        found += codec.decode(message.data, LifecycleMessage, message.headers or {}, where="told").batches
        left -= 1
    await client.close()
    return found


def report(made: Field, evidence: Evidence) -> Report:
    """Figures and the verdict."""
    applied = sorted(
        event.at_us for run in evidence.runs.values() for event in run.events if event.kind in APPLIED
    )
    recoveries = made.site.recoveries
    struck = [strike.began_us for strike in made.strikes if not strike.target.startswith("worker")]
    for recovery in recoveries:
        first = next((at_us for at_us in applied if at_us > recovery.began_us), None)
        if first is not None and not any(recovery.began_us < at_us < first for at_us in struck):
            recovery.applied_s = (first - recovery.began_us) / 1e6
    counted = [recovery for recovery in recoveries if recovery.undisturbed]
    return Report(
        seed=made.plan.seed,
        seconds=made.plan.seconds,
        calm_s=round(made.calm_s, 2),
        runs=_counts(str(run.head.state) for run in evidence.runs.values()),
        accepted=_counts(p.way for p in evidence.publications if p.accepted_at_us is not None),
        executions=len(evidence.begun),
        outcomes=_counts(record.state for run in evidence.runs.values() for record in run.attempts),
        strikes=_counts(f"{strike.kind} {strike.target}" for strike in evidence.strikes),
        recoveries_s=_spread([recovery.ready_s for recovery in counted]),
        own_s=_spread([recovery.ready_s - recovery.queued_s for recovery in counted]),
        applied_s=_spread([r.applied_s for r in counted if r.applied_s is not None]),
        recoveries_without_nats=len(recoveries) - len(counted),
        restarted=_counts(made.site.ended),
        events_lost_with_the_bus=len(evidence.erased),
        load_average=round(os.getloadavg()[1], 1),
        breaches=judge(evidence) | ({"left over": made.left_over} if made.left_over else {}),
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _spread(figures: list[float]) -> Spread | None:
    if not figures:
        return None
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    slow = sum(figure > RECOVERY_S for figure in figures)
    return Spread(len(figures), round(low, 2), round(middle, 2), round(high, 2), slow)
