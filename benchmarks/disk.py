"""Bytes on disk for each finished task, in the store and in JetStream."""

from __future__ import annotations

import argparse
import os

from _cluster import Cluster, quiet
from _figures import Figure, run
from _usage import directory_bytes
from runs import TASKS, per_second


def _store_bytes(cluster: Cluster) -> int:
    """The database without what its write-ahead log has not given back yet."""
    return (cluster.directory / "headrace.db").stat().st_size


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    async with Cluster(slots=64) as cluster:
        await per_second(cluster, 1_000)
        await quiet(cluster)
        store, stream = _store_bytes(cluster), directory_bytes(cluster.directory / "nats" / "jetstream")
        await per_second(cluster, arguments.runs)
        await quiet(cluster)
        tasks = arguments.runs * TASKS
        os.sync()
        store = _store_bytes(cluster) - store
        stream = directory_bytes(cluster.directory / "nats" / "jetstream") - stream
    return [
        Figure(name="store, a task of a run of 3", value=store / tasks, unit="B"),
        Figure(name="JetStream, a task of a run of 3", value=stream / tasks, unit="B"),
    ]


if __name__ == "__main__":
    run(
        "disk",
        "what a finished task leaves on disk",
        measure,
        ("--runs", {"type": int, "default": 5_000}),
    )
