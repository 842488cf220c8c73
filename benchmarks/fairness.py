"""A run of ten items behind a map of 4,000: how long it takes, beside the same run with the workers to itself."""

from __future__ import annotations

import argparse
import asyncio
import time

from _cluster import Cluster, quiet
from _figures import Figure, compared, run

ITEMS, WIDE = 10, 4_000
TASK_S = 0.01


async def map_s(cluster: Cluster, items: int) -> float:
    """From the command to the end."""
    started = time.perf_counter()
    await cluster.run("slow_map", count=items, each_s=TASK_S)
    return time.perf_counter() - started


async def behind_s(cluster: Cluster, wide: int) -> float:
    """The same, once the wide map has filled the workers."""
    wide_run = await cluster.client.start_run("slow_map", {"count": wide, "each_s": TASK_S})
    await asyncio.sleep(1.0)
    taken_s = await map_s(cluster, ITEMS)
    await cluster.client.cancel_run(wide_run.run_id)
    await quiet(cluster)
    return taken_s


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    # What is on the bus goes first, and then both take turns.
    ahead = 2 * arguments.slots + 64 + 2 * 8
    alone, due = [], []
    async with Cluster(slots=arguments.slots) as cluster:
        await map_s(cluster, ITEMS)
        for _ in range(arguments.rounds):
            await quiet(cluster)
            alone_s, ahead_s = await map_s(cluster, ITEMS), await map_s(cluster, ahead + ITEMS)
            taken_s = await behind_s(cluster, arguments.wide)
            alone.append((taken_s, alone_s))
            due.append((taken_s, ahead_s))
    name = f"{ITEMS} items behind {arguments.wide:,}, {arguments.slots} slots"
    return [
        compared(name, "s", alone, against="with the workers to itself"),
        compared("the same", "s", due, limit=2.0, against=f"behind {ahead}, which may go first"),
    ]


if __name__ == "__main__":
    run(
        "fairness",
        "a run of ten items behind a map of 4,000 waits for what is on the bus, not for the map",
        measure,
        ("--wide", {"type": int, "default": WIDE}),
        ("--rounds", {"type": int, "default": 5}),
        ("--slots", {"type": int, "default": 4}),
    )
