"""Headrace as it is deployed: nats-server, a coordinator and workers, each a process, on free ports."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import msgspec
import nats
from _bare import Bare
from nats.aio.msg import Msg

from headrace.authoring.loader import load
from headrace.client import Client
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol import codec
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, LifecycleMessage

HERE = Path(__file__).parent
PIPELINES = HERE / "_pipelines.py"
READY_S = 30.0


class _HistoryPage(msgspec.Struct):
    history: list[LifecycleBatch]
    next: int | None = None


class Cluster:
    """One namespace. The bare round trip runs on the same nats-server."""

    def __init__(
        self,
        *,
        slots: int = 64,
        workers: int = 1,
        environment: dict[str, str] | None = None,
        coordinator: dict[str, object] | None = None,
        worker: dict[str, object] | None = None,
        targets: Sequence[Path] = (PIPELINES,),
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
        self.nats = EmbeddedNats(self.directory / "nats", port=0)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._count = workers
        self._environment = environment or {}
        self._coordinator_settings = coordinator or {}
        self._worker_settings = {"slots": slots, "queues": ["default"], **(worker or {})}
        self._targets = targets
        self._stack = AsyncExitStack()
        self._ended: dict[str, str] = {}
        self._change = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._start(self._stack)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def _start(self, stack: AsyncExitStack) -> None:
        stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        stack.push_async_exit(self._show_logs)
        await stack.enter_async_context(self.nats)
        self.coordinator, port = await self._start_coordinator()
        api = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60)
        self.api = await stack.enter_async_context(api)
        self.connection = await nats.connect(self.nats.url)
        stack.push_async_callback(self.connection.close)
        for what in ("succeeded", "failed", "cancelled"):
            await self.connection.subscribe(f"hr.default.life.*.{what}", cb=self._on_end)
        self.client = await stack.enter_async_context(Client(self.nats.url))
        for target in self._targets:
            await self.deploy(target)
        for _ in range(self._count):
            self.start_worker()
        await self._workers_ready()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def _show_logs(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for log in sorted(self.directory.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)

    def _spawn(self, kind: str, settings: dict[str, object], out: int) -> subprocess.Popen[bytes]:
        roots = os.pathsep.join(str(HERE.parent / name) for name in ("protocol", "worker", "coordinator"))
        environment = {**os.environ, "PYTHONPATH": roots, **self._environment}
        with (self.directory / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(HERE / "_process.py"), kind, json.dumps(settings)],
                stdout=out,
                stderr=log,
                env=environment,
                cwd=self.directory,
            )

    async def _start_coordinator(self) -> tuple[subprocess.Popen[bytes], int]:
        settings = {
            "nats": {"url": self.nats.url},
            "store": f"sqlite:///{self.directory}/headrace.db",
            "port": 0,
            **self._coordinator_settings,
        }
        process = self._spawn("coordinator", settings, subprocess.PIPE)
        self._stack.push_async_callback(_end, process)
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RuntimeError("the coordinator did not start")
        return process, int(line)

    def start_worker(self) -> None:
        settings = {
            "targets": [str(target) for target in self._targets],
            "bus": {"urls": [self.nats.url]},
            **self._worker_settings,
        }
        process = self._spawn("worker", settings, subprocess.DEVNULL)
        self._stack.push_async_callback(_end, process)
        self.workers.append(process)

    async def _workers_ready(self) -> None:
        ends = time.monotonic() + READY_S
        while time.monotonic() < ends:
            for process in self.workers:
                if process.poll() is not None:
                    raise RuntimeError("a worker ended")
            if len((await self.api.get("/workers")).json()["workers"]) >= self._count:
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("workers are not ready")

    async def deploy(self, target: Path) -> None:
        for workflow in load(str(target)).workflows.values():
            await self.put_definition(workflow.definition.name, codec.encode(workflow.definition))

    async def put_definition(self, name: str, body: bytes) -> None:
        answer = await self.api.put(
            f"/workflows/{name}", content=body, headers={"Content-Type": "application/msgpack"}
        )
        assert answer.is_success, answer.text

    async def _on_end(self, message: Msg) -> None:
        told = codec.decode(message.data, LifecycleMessage, message.headers, where=message.subject)
        what = message.subject.rpartition(".")[2]
        self._ended.update((batch.run_id, what) for batch in told.batches)
        self._change.set()

    async def ended(self, count: int, within_s: float = 600.0) -> None:
        """Wait until so many runs have ended since `forget`; all of them must have succeeded."""
        async with asyncio.timeout(within_s):
            while len(self._ended) < count:
                self._change.clear()
                await self._change.wait()
        failed = [run_id for run_id, what in self._ended.items() if what != "succeeded"]
        assert not failed, f"{len(failed)} runs did not succeed, such as {failed[0]}"

    async def at_rest(self, waiting_tasks: int, within_s: float = 300.0) -> None:
        """Wait until events and inputs have been taken in and so many tasks wait for a worker."""
        jetstream = self.connection.jetstream()
        async with asyncio.timeout(within_s):
            while True:
                events = await jetstream.consumer_info("HR_EVENTS_default", "triggers")
                inputs = await jetstream.stream_info("HR_INPUTS_default")
                queues = (await self.api.get("/queues")).json()["queues"]
                busy = (events.num_pending or 0) + (events.num_ack_pending or 0) + inputs.state.messages
                if not busy and sum(one["pending"] for one in queues) == waiting_tasks:
                    return
                await asyncio.sleep(0.2)

    def forget(self) -> None:
        self._ended.clear()

    async def run(self, workflow: str, within_s: float = 600.0, **params: object) -> str:
        """Start a run and wait until it has succeeded; its id."""
        self.forget()
        reply = await self.client.start_run(workflow, params)
        await self.ended(1, within_s)
        return reply.run_id

    async def history(self, run_id: str) -> list[LifecycleEvent]:
        """Every lifecycle event of a run, oldest first."""
        events: list[LifecycleEvent] = []
        after = 0
        while True:
            answer = await self.api.get(f"/runs/{run_id}/history", params={"after": after, "limit": 500})
            assert answer.is_success, answer.text
            page = msgspec.json.decode(answer.content, type=_HistoryPage)
            for batch in page.history:
                events += batch.events
            if page.next is None:
                return events
            after = page.next


async def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        await asyncio.to_thread(process.wait, 10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@asynccontextmanager
async def cluster_and_bare(**options: object) -> AsyncIterator[tuple[Cluster, Bare]]:
    """Headrace and the bare round trip on one nats-server."""
    async with Cluster(**options) as cluster, Bare(cluster.nats.url) as bare:  # type: ignore[arg-type]
        yield cluster, bare


async def quiet(cluster: Cluster) -> None:
    """Wait until logs, spans and acknowledgements of a round have settled."""
    from _usage import cpu_s

    pids = [cluster.coordinator.pid, *(worker.pid for worker in cluster.workers)]
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            while True:
                before = [cpu_s(pid) for pid in pids]
                await asyncio.sleep(0.3)
                if all(cpu_s(pid) - was <= 0.02 for pid, was in zip(pids, before, strict=True)):
                    return
