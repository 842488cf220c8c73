"""The bare nats-py JetStream round trip, which every other figure stands beside."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _bare import IN_FLIGHT, Bare
from _figures import Figure, percentile, run

from headrace_coordinator.local.nats_server import EmbeddedNats


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        async with EmbeddedNats(Path(folder), port=0) as server, Bare(server.url) as bare:
            latencies = [taken * 1e3 for taken in await bare.latencies_s(arguments.count)]
            rates = [await bare.per_second(arguments.count) for _ in range(arguments.rounds)]
    rates.sort()
    return [
        Figure(name="round trip, p50", value=percentile(latencies, 0.5), unit="ms"),
        Figure(name="round trip, p99", value=percentile(latencies, 0.99), unit="ms"),
        Figure(name=f"{IN_FLIGHT} in flight", value=rates[len(rates) // 2], unit="tasks/s"),
    ]


if __name__ == "__main__":
    run(
        "baseline",
        "the bare nats-py JetStream round trip",
        measure,
        ("--count", {"type": int, "default": 3_000}),
        ("--rounds", {"type": int, "default": 5}),
    )
