"""One chaos: everything started, loaded, broken, calmed, stopped; then read and judged."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import msgspec
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig, DeliverPolicy

from headrace.authoring.loader import load
from headrace.client import Client
from headrace_coordinator.local.ports import any_free
from headrace_protocol import codec
from headrace_protocol.definition import WorkflowDefinition
from headrace_protocol.messages import LifecycleBatch, LifecycleMessage
from tests.faults.evidence import Evidence, read_store
from tests.faults.invariants import judge
from tests.faults.journal import JOURNAL, read_journals
from tests.faults.load import Load
from tests.faults.nemesis import Nemesis, Recovery, Site
from tests.support.cluster import Cluster

FLOWS = Path(__file__).parent / "flows.py"
CALM_S = 90.0
"""How long runs may take to end once nothing is broken any more."""
APPLIED = ("node.succeeded", "node.retrying", "node.failed", "item.retrying")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a chaos is like."""

    seed: int
    seconds: float
    runs_per_s: float = 4.0
    strike_every_s: float = 2.0
    longest_pause_s: float = 6.0
    """Three times the ack wait: a task is given to another worker while its first one is paused."""
    workers: int = 3
    slots: int = 8


class Spread(msgspec.Struct, frozen=True):
    """Figures of one kind, in seconds."""

    count: int
    min: float
    median: float
    max: float


class Report(msgspec.Struct, kw_only=True):
    """What a chaos came to."""

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
    applied_s: Spread | None
    """The same starts: from the call to the first outcome applied."""
    recoveries_without_nats: int
    events_lost_with_the_bus: int
    breaches: dict[str, list[str]]


async def chaos(directory: Path, plan: Plan) -> tuple[Report, Evidence]:
    """Do it. The directory keeps the store, the journals and the logs."""
    journals = directory / "journals"
    journals.mkdir(parents=True)
    async with Cluster(directory, environment={JOURNAL: str(journals)}) as cluster:
        # A fixed port: clients find the coordinator again.
        site = Site(cluster, FLOWS, any_free(), plan.workers, plan.slots)
        await cluster.stop_coordinator()
        await site.restart_coordinator()
        site.start_workers()
        await cluster.deploy(FLOWS)
        async with Client(cluster.nats.url, timeout_s=4.0) as client:
            work = Load(plan.seed, client, str(cluster.api.base_url), runs_per_s=plan.runs_per_s)
            nemesis = Nemesis(
                plan.seed,
                site,
                work.publications,
                every_s=plan.strike_every_s,
                longest_s=plan.longest_pause_s,
            )
            try:
                await asyncio.gather(work.run(plan.seconds), nemesis.run(plan.seconds))
                began = time.monotonic()
                await _calm(cluster, work)
                calm_s = time.monotonic() - began
            finally:
                await work.close()
        told = await _told(cluster)
        await cluster.stop_all()
    evidence = await _gather(cluster, site, work, nemesis, told, journals)
    return _report(plan, evidence, site.recoveries, calm_s), evidence


async def _calm(cluster: Cluster, work: Load) -> None:
    """Stop the schedule, and wait for the end of every run; the judge names those that do not end."""
    for definition in _definitions().values():
        if definition.name == "tick":
            await cluster.put(msgspec.structs.replace(definition, triggers=()))
    await work.finish(CALM_S)
    ends = time.monotonic() + CALM_S
    while time.monotonic() < ends:
        running = (await cluster.api.get("/runs", params={"state": "running", "limit": 1})).json()["runs"]
        if not running:
            break
        await asyncio.sleep(0.1)
    await work.look()


def _definitions() -> dict[str, WorkflowDefinition]:
    return {flow.definition.name: flow.definition for flow in load(str(FLOWS)).workflows.values()}


async def _told(cluster: Cluster) -> list[LifecycleBatch]:
    """What the lifecycle stream holds."""
    client = await cluster.connect()
    context = client.jetstream()
    state = (await context.stream_info("HR_LIFECYCLE_default")).state
    found: list[LifecycleBatch] = []
    left = state.messages
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


async def _gather(
    cluster: Cluster,
    site: Site,
    work: Load,
    nemesis: Nemesis,
    told: list[LifecycleBatch],
    journals: Path,
) -> Evidence:
    runs, unconfirmed, letters = await read_store(cluster.store)
    return Evidence(
        definitions=_definitions(),
        runs=runs,
        publications=work.publications,
        effects=read_journals(journals),
        seen=work.seen,
        fleets=work.fleets,
        strikes=nemesis.strikes,
        told=told,
        erased=nemesis.erased,
        workers=site.pids,
        slots=site.slots,
        unconfirmed=unconfirmed,
        dead_letters=letters,
    )


def _report(plan: Plan, evidence: Evidence, recoveries: list[Recovery], calm_s: float) -> Report:
    applied = sorted(
        event.at_us for run in evidence.runs.values() for event in run.events if event.kind in APPLIED
    )
    for recovery in recoveries:
        first = next((at_us for at_us in applied if at_us > recovery.began_us), None)
        recovery.applied_s = None if first is None else (first - recovery.began_us) / 1e6
    counted = [recovery for recovery in recoveries[1:] if recovery.undisturbed]
    outcomes = [record.state for run in evidence.runs.values() for record in run.attempts]
    return Report(
        seed=plan.seed,
        seconds=plan.seconds,
        calm_s=round(calm_s, 2),
        runs=_counts(str(run.head.state) for run in evidence.runs.values()),
        accepted=_counts(p.way for p in evidence.publications if p.accepted_at_us is not None),
        executions=len(evidence.begun),
        outcomes=_counts(outcomes),
        strikes=_counts(f"{strike.kind} {strike.target}" for strike in evidence.strikes),
        recoveries_s=_spread([recovery.ready_s for recovery in counted]),
        applied_s=_spread([r.applied_s for r in counted if r.applied_s is not None]),
        recoveries_without_nats=len(recoveries) - 1 - len(counted),
        events_lost_with_the_bus=len(evidence.erased),
        breaches=judge(evidence),
    )


def _counts(names: object) -> dict[str, int]:
    from collections import Counter

    return dict(sorted(Counter(names).items()))  # type: ignore[call-overload]


def _spread(figures: list[float]) -> Spread | None:
    if not figures:
        return None
    return Spread(
        len(figures),
        round(min(figures), 2),
        round(statistics.median(figures), 2),
        round(max(figures), 2),
    )
