"""How long a user waits: `headrace dev` in an empty directory, the first run after it, and `headrace --help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from _figures import Figure, run

from headrace.cli.api import Api
from headrace.cli.rendering.progress import Hidden
from headrace.cli.views import Started
from headrace.cli.watching import Changes, Watch

HEADRACE = (sys.executable, "-m", "headrace.cli")
FLOW = """
from headrace import task, workflow


@task
def greet(name: str) -> str:
    return f"Hello, {name}"


@workflow
def hello(name: str = "world") -> str:
    return greet(name)
"""


@asynccontextmanager
async def dev(folder: Path) -> AsyncIterator[tuple[str, float]]:
    """A running `headrace dev`: its API, and how long it took until ready."""
    reading, writing = os.pipe()
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *HEADRACE, "dev", "--port", "0", "--nats-port", "0", "--ready-fd", str(writing),
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, pass_fds=(writing,),
    )  # fmt: skip
    os.close(writing)
    try:
        said = await asyncio.to_thread(os.read, reading, 1_000)
        yield said.decode().split()[0], time.perf_counter() - began
    finally:
        os.close(reading)
        process.send_signal(signal.SIGTERM)
        await process.wait()


def first_run_s(api: Api) -> float:
    """From asking for a run until it is seen to be finished."""
    began = time.perf_counter()
    started = api.post("/workflows/hello/runs", {}, Started)
    changes = Changes(api)
    Watch(api, Hidden(), [started.run_id]).wait(changes, timeout_s=30)
    changes.close()
    return time.perf_counter() - began


def help_s() -> float:
    began = time.perf_counter()
    subprocess.run([*HEADRACE, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    empty, first, helped = [], [], []
    for _ in range(arguments.rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            async with dev(Path(folder)) as (_, ready_s):
                empty.append(ready_s)
            (Path(folder) / "hello.py").write_text(FLOW)
            async with dev(Path(folder)) as (api, _):
                first.append(await asyncio.to_thread(first_run_s, Api(api)))
        helped.append(await asyncio.to_thread(help_s))
    # The first round writes Python's bytecode, which an installation does once.
    return [
        Figure(name="headrace dev, empty directory, until ready", value=_median(empty), unit="s", limit=2.0),
        Figure(name="the first run after that", value=_median(first), unit="s", limit=1.0),
        Figure(name="headrace --help", value=_median(helped), unit="s", limit=0.3),
    ]


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    run(
        "start",
        "headrace dev is ready in 2 s, and a first run finishes within 1 s after",
        measure,
        ("--rounds", {"type": int, "default": 3}),
    )
