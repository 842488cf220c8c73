"""Headrace as real processes on free ports: nats-server, a coordinator, workers. All can be killed and restarted."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import nats
from nats.aio.client import Client

from headrace.authoring.loader import load
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol import codec
from headrace_protocol.definition import WorkflowDefinition

ROOT = Path(__file__).parent.parent.parent
ENDS_S = 30.0
"""Within this a coordinator ends in order."""
ACK_WAIT_S = 2.0
"""Short, so that the task of a killed worker is given to another one soon."""


def free_port() -> int:
    """A port that is come back to after a restart: the system gives these to nobody who asks for any."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Cluster:
    """One namespace on one machine."""

    def __init__(
        self,
        directory: Path,
        *,
        environment: dict[str, str] | None = None,
        ack_wait_s: float = ACK_WAIT_S,
    ) -> None:
        self.directory = directory
        self.ack_wait_s = ack_wait_s
        self.nats = EmbeddedNats(directory / "nats", port=free_port())
        self.workers: list[subprocess.Popen[bytes]] = []
        self.coordinator: subprocess.Popen[bytes] | None = None
        self.store = f"sqlite:///{directory}/headrace.db"
        self.results = ""
        self.port = 0
        """Of the API; a fixed one lets clients find a coordinator again that was restarted."""
        self.shards = 1
        self.coordinator_environment: dict[str, str] = {}
        self._environment = environment or {}
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Cluster:
        await self.nats.start()
        await self.start_coordinator()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        for process in (*self.workers, self.coordinator):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        if self._http is not None:
            await self._http.aclose()
        await self.nats.stop()
        if kind is not None:
            for log in sorted(self.directory.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-4000:]}")

    @property
    def api(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError("the coordinator has not been started")
        return self._http

    def _spawn(
        self, script: str, settings: dict[str, Any], log: str, environment: dict[str, str], **options: Any
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"tests.support.{script}", json.dumps(settings)]
        paths = os.pathsep.join(str(ROOT / name) for name in (".", "protocol", "worker", "coordinator"))
        environment = {
            **os.environ,
            "PYTHONPATH": paths,
            "PYTHONUNBUFFERED": "1",
            **self._environment,
            **environment,
        }
        with (self.directory / log).open("ab") as out:
            return subprocess.Popen(command, stderr=out, env=environment, cwd=self.directory, **options)

    async def start_coordinator(self, **settings: Any) -> None:
        """Start it (again) and wait until it is ready."""
        assert await self.launch_coordinator(**settings), self.coordinator_log()[-3000:]

    def coordinator_log(self) -> str:
        return (self.directory / "coordinator.log").read_text()

    async def launch_coordinator(self, **settings: Any) -> bool:
        """Start it (again); whether it became ready."""
        settings = {
            "nats": {"url": self.nats.url},
            "store": self.store,
            "port": self.port,
            "shards": self.shards,
            "results": self.results,
            "ack_wait_s": self.ack_wait_s,
            "sweep_s": 2.0,
            **settings,
        }
        self.coordinator = self._spawn(
            "run_coordinator",
            settings,
            "coordinator.log",
            self.coordinator_environment,
            stdout=subprocess.PIPE,
        )
        assert self.coordinator.stdout is not None
        line = await asyncio.to_thread(self.coordinator.stdout.readline)
        self.coordinator.stdout.close()
        if not line:
            self.coordinator.wait()
            return False
        if self._http is not None:
            await self._http.aclose()
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{int(line)}/api/v1", timeout=30)
        return True

    def start_worker(self, target: Path, **settings: Any) -> subprocess.Popen[bytes]:
        settings = {
            "targets": [str(target)],
            "bus": {"urls": [self.nats.url]},
            "ack_wait_s": self.ack_wait_s,
            "heartbeat_s": self.ack_wait_s / 4,
            "results": self.results,
            **settings,
        }
        worker = self._spawn("run_worker", settings, f"worker-{len(self.workers)}.log", {})
        self.workers.append(worker)
        return worker

    def kill_coordinator(self) -> None:
        assert self.coordinator is not None
        self.coordinator.kill()
        self.coordinator.wait()

    async def stop_coordinator(self) -> None:
        """End it in order."""
        assert self.coordinator is not None
        self.coordinator.terminate()
        try:
            await asyncio.to_thread(self.coordinator.wait, ENDS_S)
        except subprocess.TimeoutExpired:
            self.coordinator.send_signal(signal.SIGUSR1)
            await asyncio.sleep(1)
            raise AssertionError(f"the coordinator does not end: {self.coordinator_log()[-8000:]}") from None

    async def stop_workers(self) -> None:
        """End all workers in order."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            await asyncio.to_thread(worker.wait)

    async def stop_all(self) -> None:
        """End workers and coordinator in order."""
        await self.stop_workers()
        await self.stop_coordinator()

    async def kill_nats(self) -> None:
        assert self.nats.pid is not None
        os.kill(self.nats.pid, signal.SIGKILL)
        await self.nats.died.wait()

    def wipe_bus(self) -> None:
        """Delete everything JetStream holds; nats-server must be down."""
        shutil.rmtree(self.directory / "nats" / "jetstream")

    async def deploy(self, target: Path) -> None:
        for workflow in load(str(target)).workflows.values():
            await self.put(workflow.definition)

    async def put(self, definition: WorkflowDefinition) -> None:
        """Make a definition current."""
        answer = await self.api.put(
            f"/workflows/{definition.name}",
            content=codec.encode(definition),
            headers={"Content-Type": "application/msgpack"},
        )
        assert answer.is_success, answer.text

    async def start_run(self, workflow: str, **params: object) -> str:
        answer = await self.api.post(f"/workflows/{workflow}/runs", json={"params": params})
        assert answer.is_success, answer.text
        return str(answer.json()["run_id"])

    async def run(self, run_id: str) -> dict[str, Any]:
        answer = await self.api.get(f"/runs/{run_id}")
        return dict(answer.json()) if answer.is_success else {"state": "unknown", "text": answer.text}

    async def runs(self) -> list[dict[str, Any]]:
        """Every run, the newest first."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await self.api.get("/runs", params={"limit": 500, **cursor})).json()
            found += page["runs"]
            if not page["next"]:
                return found
            cursor = {"cursor": page["next"]}

    async def finished(self, run_id: str, within_s: float = 30.0) -> dict[str, Any]:
        """The run, once it is finished."""
        found: dict[str, Any] = {}

        async def over() -> bool:
            nonlocal found
            found = await self.run(run_id)
            return found["state"] in ("succeeded", "failed", "cancelled")

        await eventually(over, within_s, lambda: f"run {run_id} is {found}")
        return found

    async def connect(self) -> Client:
        return await nats.connect(self.nats.url, connect_timeout=30)


async def eventually(
    holds: Callable[[], Awaitable[bool]], within_s: float, otherwise: Callable[[], object] = lambda: ""
) -> None:
    """Wait for a condition that only another process can bring about."""
    ends = time.monotonic() + within_s
    while not await holds():
        assert time.monotonic() < ends, f"not within {within_s} s: {otherwise()}"
        await asyncio.sleep(0.02)
