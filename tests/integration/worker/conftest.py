"""A real nats-server, a real worker, and the coordinator's part played with bare nats-py."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StreamConfig

from headrace.bus import BusOptions
from headrace.runtime import WorkerSettings
from headrace.runtime.worker import Worker
from headrace_protocol import codec
from headrace_protocol.definition import Binding, Isolation, Literal, Priority
from headrace_protocol.deliveries import Redelivered, Redundant
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Outcome, OutcomeBatch, TaskMessage
from headrace_protocol.topology import Topology
from tests.support.cluster import free_port

T = TypeVar("T")
TASKS = Path(__file__).parent / "sample_tasks.py"
NAMESPACE = "test"


class Server:
    """A nats-server that can be killed and started again on its port and data."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self._arguments = arguments
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
        command = [binary, "-js", "-sd", str(self.folder), "-p", str(self.port), "-a", "127.0.0.1"]
        command += self._arguments
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if b"Server is ready" in line:
                break
        else:
            raise RuntimeError(f"nats-server did not start on port {self.port}")
        os.set_blocking(self._process.stderr.fileno(), False)

    def wipe(self) -> None:
        shutil.rmtree(self.folder)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process = None


class Fleet:
    """The coordinator's side: publishes task messages, collects what workers answer."""

    def __init__(self, client: Client, topology: Topology) -> None:
        self.client = client
        self.topology = topology
        self.subjects = topology.subjects
        self.jetstream = client.jetstream(timeout=30)
        self.batches: list[OutcomeBatch] = []
        self.outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self.rejected: asyncio.Queue[Msg] = asyncio.Queue()
        self.redelivered: asyncio.Queue[Redelivered] = asyncio.Queue()
        self._published: dict[str, tuple[TaskMessage, Priority]] = {}

    async def add_streams(self) -> None:
        for spec in self.topology.streams():
            await self.jetstream.add_stream(
                StreamConfig(
                    name=spec.name,
                    subjects=list(spec.subjects),
                    retention=RetentionPolicy(spec.retention.value),
                    max_bytes=64 * 1024 * 1024,
                    discard=DiscardPolicy.NEW if spec.discard_new else DiscardPolicy.OLD,
                )
            )

    async def open(self) -> None:
        await self.add_streams()
        await self.jetstream.subscribe(
            f"{self.subjects.root}.in.>",
            durable="inputs",
            cb=self._input,
            manual_ack=True,
            config=ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=30),
        )

    async def _input(self, message: Msg) -> None:
        if ".outcome." in message.subject:
            batch = codec.decode(message.data, OutcomeBatch, message.headers)
            self.batches.append(batch)
            for outcome in batch.outcomes:
                self.outcomes.put_nowait(outcome)
        elif ".redelivered." in message.subject:
            self.redelivered.put_nowait(codec.decode(message.data, Redelivered, message.headers))
        else:
            self.rejected.put_nowait(message)
        await message.ack()

    async def publish(self, message: TaskMessage, priority: Priority = Priority.NORMAL) -> None:
        self._published[message.run_id] = message, priority
        await self.jetstream.publish(self.subjects.task(message.queue, priority), codec.encode(message))

    async def dispatch_again(self, outcome: Outcome) -> None:
        """What a worker has returned is dispatched once more, under the same attempt."""
        message, priority = self._published[outcome.run_id]
        await self.publish(msgspec.structs.replace(message, dispatch=message.dispatch + 1), priority)

    async def take_for_lost(self, told: Redelivered) -> None:
        """The next attempt is dispatched, and who holds the message of the last one may settle it."""
        message, priority = self._published[told.run_id]
        await self.publish(msgspec.structs.replace(message, attempt=told.attempt + 1), priority)
        key = attempt_key(told.run_id, told.node, told.item, told.attempt)
        await self.client.publish(told.reply_to, codec.encode(Redundant(key, told.dispatch)))

    async def send(self, name: str, **values: object) -> None:
        await self.publish(task_message(name, **values))

    async def outcome(self, timeout_s: float = 60) -> Outcome:
        return await asyncio.wait_for(self.outcomes.get(), timeout_s)

    async def run(self, message: TaskMessage) -> Outcome:
        await self.publish(message)
        return await self.outcome()

    async def collect(self, subject: str, kind: type[T]) -> asyncio.Queue[T]:
        """Messages on a subject from now on, decoded."""
        found: asyncio.Queue[T] = asyncio.Queue()

        async def receive(message: Msg) -> None:
            found.put_nowait(codec.decode(message.data, kind, message.headers))

        await self.client.subscribe(subject, cb=receive)
        await self.client.flush()
        return found

    async def unsettled(self) -> int:
        """Task messages in the stream: those not yet acknowledged."""
        info = await self.jetstream.stream_info(self.topology.stream("TASKS"))
        return info.state.messages


_COUNTER = iter(range(1, 1_000_000))


def task_message(
    task: str,
    values: dict[str, object] | None = None,
    *,
    bindings: dict[str, Binding] | None = None,
    isolation: Isolation = Isolation.ASYNC,
    node: str = "",
    **fields: object,
) -> TaskMessage:
    number = next(_COUNTER)
    given = dict[str, Binding]({name: Literal(value) for name, value in (values or {}).items()})
    message = TaskMessage(
        run_id=f"run{number}",
        workflow="flow",
        node=node or task,
        attempt=1,
        task=task,
        shard=0,
        queue="default",
        queued_at_us=1,
        bindings=given | (bindings or {}),
        isolation=isolation,
    )
    return msgspec.structs.replace(message, **fields)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "nats")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def topology() -> Topology:
    return Topology(NAMESPACE, ack_wait_s=2.0)


@pytest.fixture
async def fleet(server: Server, topology: Topology) -> AsyncIterator[Fleet]:
    async def quiet(_: Exception) -> None:
        return None

    client = await nats.connect(
        server.url, error_cb=quiet, max_reconnect_attempts=-1, reconnect_time_wait=0.1, connect_timeout=30
    )
    fleet = Fleet(client, topology)
    await fleet.open()
    yield fleet
    with suppress(Exception):
        await client.close()


@pytest.fixture
def settings(server: Server, topology: Topology) -> WorkerSettings:
    return WorkerSettings(
        targets=(str(TASKS),),
        bus=BusOptions(urls=(server.url,), reconnect_wait_s=0.05),
        namespace=NAMESPACE,
        ack_wait_s=topology.ack_wait_s,
        processes=1,
        grace_s=5.0,
        cancel_grace_s=0.5,
    )


async def heard(worker: Worker) -> None:
    """The server has what the worker has sent, and the worker has heard what the server had sent it before."""
    assert worker._parts is not None
    await worker._parts._bus.flush()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    """The worker in this process, drained at the end."""
    task = asyncio.create_task(worker.run())
    ready = asyncio.create_task(worker.ready.wait())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if worker._parts is not None:
        await heard(worker)
    try:
        yield worker
    finally:
        worker.stop()
        await task


@pytest.fixture
async def worker(fleet: Fleet, settings: WorkerSettings) -> AsyncIterator[Worker]:
    async with running(Worker(settings)) as started:
        yield started


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    """Poll what only a real process or server can change."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError("the condition did not come true")
        await asyncio.sleep(0.02)


class WorkerProcess:
    """A worker in a process of its own, as in production."""

    def __init__(self, settings: WorkerSettings) -> None:
        code = (
            "import sys, msgspec\n"
            "from headrace.runtime import WorkerSettings\n"
            "from headrace.runtime.worker import run_worker\n"
            "run_worker(msgspec.json.decode(sys.argv[1], type=WorkerSettings))\n"
        )
        encoded = msgspec.json.encode(settings).decode()
        self.process = subprocess.Popen([sys.executable, "-c", code, encoded])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@pytest.fixture
def spawn(settings: WorkerSettings) -> Iterator[Callable[..., WorkerProcess]]:
    started: list[WorkerProcess] = []

    def start(**changes: object) -> WorkerProcess:
        started.append(WorkerProcess(msgspec.structs.replace(settings, **changes)))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
