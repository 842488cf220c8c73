"""Maps of a thousand, a hundred thousand and a million items: time per item, and the coordinator's peak memory."""

from __future__ import annotations

import argparse
import time
from statistics import median

from _bare import Bare
from _cluster import Cluster, cluster_and_bare, quiet
from _figures import Figure, compared, run
from _usage import peak_rss_bytes

SMALL, LARGE, HUGE = 1_000, 100_000, 1_000_000
SMALL_ROUNDS = 5


async def per_item_us(cluster: Cluster, items: int) -> float:
    await quiet(cluster)
    started = time.perf_counter()
    await cluster.run("wide_map", count=items, within_s=1_800)
    return (time.perf_counter() - started) / items * 1e6


async def small_us(cluster: Cluster) -> list[float]:
    return [await per_item_us(cluster, SMALL) for _ in range(SMALL_ROUNDS)]


async def bare_us(bare: Bare) -> float:
    return 1e6 / await bare.per_second(3_000)


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    async with cluster_and_bare(slots=arguments.slots) as (cluster, bare):
        await per_item_us(cluster, SMALL)
        bare_before = await bare_us(bare)
        before = await small_us(cluster)
        large = await per_item_us(cluster, arguments.large)
        after = await small_us(cluster)
        bare_after = await bare_us(bare)
        figures = [
            compared(
                f"{SMALL:,} items, per item",
                "µs",
                [(median(before), bare_before), (median(after), bare_after)],
            ),
            compared(
                f"{arguments.large:,} items, per item", "µs", [(large, bare_before), (large, bare_after)]
            ),
            compared(
                f"{arguments.large:,} items against {SMALL:,}, per item",
                "µs",
                [(large, median(before + after))],
                limit=1.15,
                against=f"{SMALL:,} items",
            ),
        ]
        if arguments.huge:
            huge = await per_item_us(cluster, HUGE)
            figures.append(compared(f"{HUGE:,} items, per item", "µs", [(huge, await bare_us(bare))]))
        figures.append(
            Figure(
                name=f"coordinator's peak memory, {HUGE if arguments.huge else arguments.large:,} items",
                value=peak_rss_bytes(cluster.coordinator.pid) / 1e6,
                unit="MB",
                limit=500,
            )
        )
    return figures


if __name__ == "__main__":
    run(
        "map",
        "an item of a map of 100,000 costs no more than one of 1,000, and a million fit in 500 MB",
        measure,
        ("--large", {"type": int, "default": LARGE}),
        ("--huge", {"action": "store_true", "help": f"also a map of {HUGE:,}: some ten minutes"}),
        ("--slots", {"type": int, "default": 64}),
    )
