"""What a coordinator costs that has nothing to do: a thousand schedules due tomorrow, ten thousand waiting runs."""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime, timedelta

from _cluster import Cluster, quiet
from _figures import Figure, run
from _usage import cpu_s, rss_bytes

from headrace import cron, task, workflow
from headrace_protocol import codec

PER_WORKFLOW = 10
AT_ONCE = 500


@task
async def nothing() -> int:
    return 0


def _scheduled(number: int) -> bytes:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    triggers = [
        cron(f"{place} 0 {tomorrow.day} {tomorrow.month} *", id=f"at-{place}")
        for place in range(PER_WORKFLOW)
    ]

    @workflow(name=f"scheduled_{number}", triggers=triggers)
    def scheduled() -> int:
        return nothing()

    return codec.encode(scheduled.definition)


async def park(cluster: Cluster, event: str, runs: int) -> None:
    for first in range(0, runs, AT_ONCE):
        count = min(AT_ONCE, runs - first)
        await asyncio.gather(*(cluster.client.publish(event) for _ in range(count)))


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    async with Cluster(slots=64) as cluster:
        pid = cluster.coordinator.pid
        empty = rss_bytes(pid)
        for number in range(arguments.schedules // PER_WORKFLOW):
            await cluster.put_definition(f"scheduled_{number}", _scheduled(number))
        half = arguments.runs // 2
        await park(cluster, "bench.parked", half)
        await park(cluster, "bench.retried", arguments.runs - half)
        await cluster.at_rest(half)
        await quiet(cluster)
        before, started = cpu_s(pid), time.perf_counter()
        await asyncio.sleep(arguments.seconds)
        share = (cpu_s(pid) - before) / (time.perf_counter() - started)
        full = rss_bytes(pid)
    where = f"{arguments.schedules:,} schedules, {arguments.runs:,} waiting runs"
    return [
        Figure(
            name=f"coordinator's processor time, {where}", value=share * 100, unit="% of a core", limit=1.0
        ),
        Figure(name=f"coordinator's memory, {where}", value=full / 1e6, unit="MB", limit=300.0),
        Figure(name="coordinator's memory, empty", value=empty / 1e6, unit="MB"),
    ]


if __name__ == "__main__":
    run(
        "idle",
        "waiting costs at most 1 % of a core and 300 MB",
        measure,
        ("--schedules", {"type": int, "default": 1_000}),
        ("--runs", {"type": int, "default": 10_000}),
        ("--seconds", {"type": float, "default": 20.0, "help": "how long idleness is watched"}),
    )
