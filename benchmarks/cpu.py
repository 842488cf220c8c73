"""Work that needs the processor: ten times fib(33) on two processes, beside a bare pool of two processes."""

from __future__ import annotations

import argparse
import asyncio
import time
from concurrent.futures import ProcessPoolExecutor

from _cluster import Cluster
from _figures import Figure, compared, run
from _pipelines import fib

PROCESSES = 2


async def pool_s(pool: ProcessPoolExecutor, values: list[int]) -> float:
    """The ideal: nothing but the work, on as many processes."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    await asyncio.gather(*(loop.run_in_executor(pool, fib, value) for value in values))
    return time.perf_counter() - started


async def ours_s(cluster: Cluster, values: list[int]) -> float:
    started = time.perf_counter()
    await cluster.run("fibonaccis", values=values)
    return time.perf_counter() - started


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    values = [arguments.number] * arguments.count
    with ProcessPoolExecutor(PROCESSES) as pool:
        await pool_s(pool, [20] * PROCESSES)
        async with Cluster(slots=PROCESSES, worker={"processes": PROCESSES}) as cluster:
            await ours_s(cluster, [20] * PROCESSES)
            pairs = []
            for _ in range(arguments.rounds):
                ideal = await pool_s(pool, values)
                pairs.append((await ours_s(cluster, values), ideal))
    name = f"{arguments.count} × fib({arguments.number}) on {PROCESSES} processes"
    return [compared(name, "s", pairs, limit=1.15, against="bare pool")]


if __name__ == "__main__":
    run(
        "cpu",
        "processor-bound tasks take at most 1.15 of the ideal",
        measure,
        ("--number", {"type": int, "default": 33}),
        ("--count", {"type": int, "default": 10}),
        ("--rounds", {"type": int, "default": 3}),
    )
