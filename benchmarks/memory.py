"""Memory of the coordinator for each live task: runs with one dispatched task each, and items of one map."""

from __future__ import annotations

import argparse

from _cluster import Cluster, quiet
from _figures import Figure, run
from _usage import rss_bytes
from idle import park


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    figures = []
    async with Cluster(slots=64) as cluster:
        pid = cluster.coordinator.pid
        await park(cluster, "bench.parked", 100)
        await cluster.at_rest(100)
        await quiet(cluster)
        before = rss_bytes(pid)
        await park(cluster, "bench.parked", arguments.tasks)
        await cluster.at_rest(100 + arguments.tasks)
        await quiet(cluster)
        per_task = (rss_bytes(pid) - before) / arguments.tasks
        figures.append(Figure(name="a run with one live task", value=per_task / 1e3, unit="kB"))
        before = rss_bytes(pid)
        await cluster.client.start_run("parked_map", {"values": list(range(arguments.tasks))})
        await cluster.at_rest(100 + 2 * arguments.tasks)
        await quiet(cluster)
        per_task = (rss_bytes(pid) - before) / arguments.tasks
        figures.append(Figure(name="a waiting item of a map", value=per_task / 1e3, unit="kB"))
    return figures


if __name__ == "__main__":
    run(
        "memory",
        "what a live task takes of the coordinator's memory",
        measure,
        ("--tasks", {"type": int, "default": 4_000}),
    )
