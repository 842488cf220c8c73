"""From the publication of an event to the first line of the task that it starts."""

from __future__ import annotations

import argparse
import time

from _bare import Bare
from _cluster import Cluster, cluster_and_bare
from _figures import Figure, compared, percentile, run


async def latencies_ms(cluster: Cluster, count: int) -> list[float]:
    journal = cluster.directory / "arrivals"
    journal.unlink(missing_ok=True)
    for _ in range(count):
        cluster.forget()
        data = {"sent_ns": time.time_ns(), "journal": str(journal)}
        await cluster.client.publish("bench.arrived", data)
        await cluster.ended(1)
    return [int(line) / 1e6 for line in journal.read_text().splitlines()]


async def round_of(cluster: Cluster, bare: Bare, count: int) -> tuple[list[float], list[float]]:
    bare_ms = [taken * 1e3 for taken in await bare.latencies_s(count)]
    return await latencies_ms(cluster, count), bare_ms


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    async with cluster_and_bare(slots=10) as (cluster, bare):
        await latencies_ms(cluster, 50)
        rounds = [await round_of(cluster, bare, arguments.count) for _ in range(arguments.rounds)]
    p50 = [(percentile(ours, 0.5), percentile(theirs, 0.5)) for ours, theirs in rounds]
    p99 = [(percentile(ours, 0.99), percentile(theirs, 0.99)) for ours, theirs in rounds]
    return [
        compared("event to first line, p50", "ms", p50, limit=4.0),
        compared("event to first line, p99", "ms", p99),
    ]


if __name__ == "__main__":
    run(
        "trigger",
        "an event reaches its task's first line within 4 bare round trips",
        measure,
        ("--count", {"type": int, "default": 50, "help": "events in a round"}),
        ("--rounds", {"type": int, "default": 15}),
    )
