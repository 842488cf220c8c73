"""`headrace dev` in a directory with one small workflow: until it is ready, and until its first run has finished."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from _figures import Figure, percentile, run

ROOT = Path(__file__).parent.parent
PIPELINE = """from headrace import task, workflow


@task
def greet(name: str) -> str:
    return f"Hello {name}"


@workflow
def hello(name: str = "world") -> str:
    return greet(name)
"""
COMMAND = [sys.executable, "-m", "headrace.cli", "dev", "--ephemeral", "--port", "0", "--nats-port", "0"]


def _dev(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and the end of a pipe from which it tells that it is ready."""
    reading, writing = os.pipe()
    roots = os.pathsep.join(str(ROOT / name) for name in ("protocol", "worker", "coordinator"))
    process = subprocess.Popen(
        [*COMMAND, "--ready-fd", str(writing)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": roots},
        pass_fds=(writing,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    return process, reading


async def once(folder: Path) -> tuple[float, float]:
    """Seconds until ready, and from then until the first run's end."""
    (folder / "pipeline.py").write_text(PIPELINE)
    started = time.perf_counter()
    process, reading = _dev(folder)
    try:
        with os.fdopen(reading) as told:
            line = await asyncio.to_thread(told.readline)
        ready = time.perf_counter()
        assert line, f"headrace dev ended with {process.wait(10)}"
        await _first_run(line.split()[0])
        return ready - started, time.perf_counter() - ready
    finally:
        process.terminate()
        process.wait(20)


async def _first_run(api: str) -> None:
    async with httpx.AsyncClient(base_url=f"{api}/api/v1", timeout=30) as client:
        answer = await client.post("/workflows/hello/runs", json={"params": {"name": "Ada"}})
        assert answer.is_success, answer.text
        run_id = answer.json()["run_id"]
        state = "running"
        while state == "running":
            state = (await client.get(f"/runs/{run_id}")).json()["state"]
        assert state == "succeeded", state


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    taken = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
            taken.append(await once(Path(folder)))
    return [
        Figure(
            name="headrace dev until ready",
            value=percentile([ready for ready, _ in taken], 0.5),
            unit="s",
            limit=2.0,
        ),
        Figure(
            name="the first run, from ready",
            value=percentile([first for _, first in taken], 0.5),
            unit="s",
            limit=1.0,
        ),
    ]


if __name__ == "__main__":
    run(
        "start",
        "headrace dev is ready within 2 s, and its first run done within another",
        measure,
        ("--rounds", {"type": int, "default": 5}),
    )
