"""Forty tasks that do nothing, one after the other: how long a step takes, beside the bare round trip."""

from __future__ import annotations

import argparse
from itertools import pairwise

from _bare import Bare
from _cluster import Cluster, cluster_and_bare
from _figures import Figure, compared, percentile, run

STEPS = 40


async def steps_ms(cluster: Cluster, runs: int) -> list[float]:
    """From the coordinator's taking in one outcome to its taking in the next, which is a whole round."""
    taken: list[float] = []
    for _ in range(runs):
        run_id = await cluster.run("chain")
        times = [
            event.at_us / 1e3 for event in await cluster.history(run_id) if event.kind == "node.succeeded"
        ]
        assert len(times) == STEPS, len(times)
        taken += [after - before for before, after in pairwise(times)]
    return taken


async def round_of(cluster: Cluster, bare: Bare, runs: int) -> tuple[list[float], list[float]]:
    bare_ms = [taken * 1e3 for taken in await bare.latencies_s(runs * STEPS)]
    return await steps_ms(cluster, runs), bare_ms


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    async with cluster_and_bare(slots=10) as (cluster, bare):
        await steps_ms(cluster, 3)
        rounds = [await round_of(cluster, bare, arguments.runs) for _ in range(arguments.rounds)]
    p50 = [(percentile(ours, 0.5), percentile(theirs, 0.5)) for ours, theirs in rounds]
    p99 = [(percentile(ours, 0.99), percentile(theirs, 0.99)) for ours, theirs in rounds]
    return [
        compared("a step, p50", "ms", p50, limit=1.8),
        compared("a step, p99", "ms", p99),
    ]


if __name__ == "__main__":
    run(
        "chain",
        "a chained step takes at most 1.8 bare round trips",
        measure,
        ("--runs", {"type": int, "default": 2, "help": "chains in a round"}),
        ("--rounds", {"type": int, "default": 15}),
    )
