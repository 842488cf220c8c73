"""Values that are too large for messages: writing and reading them as a worker does, hashed and verified.

Beside it, in turns on the same nats-server: nats-py with an ordered consumer whose chunks are appended to a list and
joined, and nats-py's own put. Beside `file://`: `shutil.copyfile` of the same bytes. The memory is that of a process
that does nothing else, the interpreter and its libraries not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats
import uvloop
from _figures import Figure, compared, run
from nats.js import JetStreamContext

from headrace.bus import BusOptions
from headrace.bus.nats_bus import connect
from headrace.results import ResultStore
from headrace.results.places import Places
from headrace_coordinator.local.nats_server import EmbeddedNats

MIB = 1024 * 1024
BUCKET = "values"
Pairs = list[tuple[float, float]]


async def took(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def bare_get(jetstream: JetStreamContext, name: str, size: int) -> None:
    """What a simple consumer does: find the object, take its chunks, join them."""
    info = await (await jetstream.object_store(BUCKET)).get_info(name)
    subscription = await jetstream.subscribe(f"$O.{BUCKET}.C.{info.nuid}", ordered_consumer=True)
    chunks: list[bytes] = []
    left = size
    while left:
        message = await subscription.next_msg(timeout=30)
        chunks.append(message.data)
        left -= len(message.data)
    await subscription.unsubscribe()
    if len(b"".join(chunks)) != size:
        raise RuntimeError("bytes are missing")


async def in_bucket(
    store: ResultStore, jetstream: JetStreamContext, body: bytes, rounds: int
) -> tuple[Pairs, Pairs]:
    bare = await jetstream.object_store(BUCKET)
    reads: Pairs = []
    writes: Pairs = []
    for number in range(rounds):
        name = f"bare-{number}"
        own = time.perf_counter()
        stored = await store.put(f"run/node/{number}", body)
        own = time.perf_counter() - own
        writes.append((own, await took(bare.put(name, body))))
        reads.append((await took(store.get(stored)), await took(bare_get(jetstream, name, len(body)))))
    return reads, writes


async def in_directory(directory: Path, body: bytes, rounds: int) -> tuple[Pairs, Pairs]:
    source, copy = directory / "source", directory / "copy"
    source.write_bytes(body)
    store = ResultStore(Places(None).open, f"{directory.as_uri()}/results")  # type: ignore[arg-type]
    reads: Pairs = []
    writes: Pairs = []
    for number in range(rounds):
        own = time.perf_counter()
        stored = await store.put(f"run/node/{number}", body)
        own = time.perf_counter() - own
        writes.append((own, copied(source, copy)))
        reads.append((await took(store.get(stored)), copied(source, copy)))
    return reads, writes


def copied(source: Path, to: Path) -> float:
    to.unlink(missing_ok=True)
    began = time.perf_counter()
    shutil.copyfile(source, to)
    return time.perf_counter() - began


async def longest_hold_ms(work: Callable[[], Awaitable[object]]) -> float:
    """How long the loop does nothing else."""
    loop = asyncio.get_running_loop()
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        last = loop.time()
        while True:
            await asyncio.sleep(0.001)
            longest, last = max(longest, loop.time() - last - 0.001), loop.time()

    looking = asyncio.create_task(look())
    await work()
    looking.cancel()
    return longest * 1e3


async def peak_of_get(url: str, uri: str, size: int, digest: str) -> None:
    """In a process of its own: prints by how much reading one value has raised the peak of memory."""
    from headrace_protocol.messages import Stored

    bus = await connect(BusOptions(urls=(url,)))
    store = ResultStore(Places(bus).open, f"nats://{BUCKET}/")
    await store.get(await store.put("run/warm/1", bytes(MIB)))
    before = memory_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    body = await store.get(Stored(uri, size, digest))
    print((memory_bytes("VmHWM") - before) / len(body))
    await bus.close()


def memory_bytes(name: str) -> int:
    """Of this process, by the kernel's name of it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    size = arguments.mb * MIB
    body = os.urandom(size)
    directory = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
    figures = []
    try:
        async with EmbeddedNats(directory / "nats", port=0) as server:
            bus = await connect(BusOptions(urls=(server.url,)))
            client = await nats.connect(server.url)
            store = ResultStore(Places(bus).open, f"nats://{BUCKET}/", cache_bytes=0)
            await store.put("run/warm/1", bytes(MIB))
            reads, writes = await in_bucket(store, client.jetstream(timeout=30), body, arguments.rounds)
            against = "bare nats-py"
            figures += [
                compared(f"reading {arguments.mb} MiB, NATS", "s", reads, limit=1.5, against=against),
                compared(f"writing {arguments.mb} MiB, NATS", "s", writes, limit=1.5, against=against),
            ]
            stored = await store.put("run/node/hold", body)
            small = await store.put("run/node/small", body[: size // 8])
            eight = [
                (await took(store.get(stored)) / 8, await took(store.get(small)))
                for _ in range(arguments.rounds)
            ]
            figures.append(
                compared(
                    "an eighth of reading 8 times as much", "s", eight, limit=1.5, against="an eighth alone"
                )
            )
            held = [await longest_hold_ms(lambda: store.get(stored)) for _ in range(arguments.rounds)]
            figures.append(
                Figure(name="the loop is held while reading", value=min(held), unit="ms", limit=50.0)
            )
            command = [sys.executable, __file__, "--peak", server.url, stored.uri, str(size), stored.digest]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            peak = float((await process.communicate())[0])
            figures.append(Figure(name="memory while reading, of the size", value=peak, unit="×", limit=1.5))
            await client.close()
            await bus.close()
        reads, writes = await in_directory(directory, body, arguments.rounds)
        figures += [
            compared(f"reading {arguments.mb} MiB, file://", "s", reads, limit=3.0, against="copyfile"),
            compared(f"writing {arguments.mb} MiB, file://", "s", writes, limit=3.0, against="copyfile"),
        ]
    finally:
        shutil.rmtree(directory)
    return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        url, uri, size, digest = sys.argv[2:]
        uvloop.run(peak_of_get(url, uri, int(size), digest))
        sys.exit()
    run(
        "large_values",
        "large values cost time in proportion to their size, and memory of about once their size",
        measure,
        ("--mb", {"type": int, "default": 100}),
        ("--rounds", {"type": int, "default": 5}),
    )
