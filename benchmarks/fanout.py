"""One task, then a thousand, then one: tasks a second, beside the bare round trip."""

from __future__ import annotations

import argparse
import time

from _cluster import Cluster, cluster_and_bare, quiet
from _figures import Figure, compared, run

WIDTH = 1_000
TASKS = WIDTH + 2


async def per_second(cluster: Cluster, workflow: str, **params: object) -> float:
    started = time.perf_counter()
    await cluster.run(workflow, 600.0, **params)
    return TASKS / (time.perf_counter() - started)


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    mapped, nodes = [], []
    async with cluster_and_bare(slots=arguments.slots) as (cluster, bare):
        await per_second(cluster, "fan_map", count=WIDTH)
        await per_second(cluster, "fan_nodes")
        for _ in range(arguments.rounds):
            await quiet(cluster)
            bare_rate = await bare.per_second(TASKS)
            mapped.append((await per_second(cluster, "fan_map", count=WIDTH), bare_rate))
            await quiet(cluster)
            bare_rate = await bare.per_second(TASKS)
            nodes.append((await per_second(cluster, "fan_nodes"), bare_rate))
    return [
        compared("1 → 1,000 → 1, as a map", "tasks/s", mapped, limit=0.8, at_least=True),
        compared("1 → 1,000 → 1, as nodes", "tasks/s", nodes, limit=0.8, at_least=True),
    ]


if __name__ == "__main__":
    run(
        "fanout",
        "1 → 1,000 → 1 reaches 0.8 of the bare throughput",
        measure,
        ("--rounds", {"type": int, "default": 5}),
        ("--slots", {"type": int, "default": 64}),
    )
