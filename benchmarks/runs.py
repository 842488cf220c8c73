"""A thousand runs of three tasks each, started by events: tasks a second, beside the bare round trip."""

from __future__ import annotations

import argparse
import asyncio
import time

from _cluster import Cluster, cluster_and_bare, quiet
from _figures import Figure, compared, run

TASKS = 3


async def per_second(cluster: Cluster, runs: int) -> float:
    """From the first event's publication to the last run's end."""
    cluster.forget()
    started = time.perf_counter()
    publishing = [cluster.client.publish("bench.three", {"number": number}) for number in range(runs)]
    await asyncio.gather(*publishing)
    await cluster.ended(runs)
    return runs * TASKS / (time.perf_counter() - started)


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    pairs = []
    async with cluster_and_bare(slots=arguments.slots) as (cluster, bare):
        await per_second(cluster, 100)
        for _ in range(arguments.rounds):
            await quiet(cluster)
            bare_rate = await bare.per_second(arguments.runs * TASKS)
            pairs.append((await per_second(cluster, arguments.runs), bare_rate))
    name = f"{arguments.runs:,} runs of {TASKS} tasks"
    return [compared(name, "tasks/s", pairs, limit=0.8, at_least=True)]


if __name__ == "__main__":
    run(
        "runs",
        "1,000 runs of 3 tasks reach 0.8 of the bare throughput",
        measure,
        ("--runs", {"type": int, "default": 1_000}),
        ("--rounds", {"type": int, "default": 5}),
        ("--slots", {"type": int, "default": 64}),
    )
