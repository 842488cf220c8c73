"""A namespace with its streams, and the worker that is tried in it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from headrace_coordinator.bus import BusError, Incoming, NatsBus, NatsSettings, connect
from headrace_coordinator.conformance.probes import QUEUE, SHARDS, Probe
from headrace_coordinator.conformance.recording import ACK_PREFIX, NEXT_PREFIX, Answer, Recording, Sign
from headrace_coordinator.conformance.worker_process import WorkerProcess
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol import codec, headers
from headrace_protocol.definition import Priority
from headrace_protocol.errors import Unavailable
from headrace_protocol.topology import ConsumerSpec, Topology

START_S = 30.0
"""Within this a worker has to ask for messages: installing and compiling come before."""
RECONNECT_S = 10.0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What every part needs to know."""

    command: tuple[str, ...]
    ack_wait_s: float
    patience_s: float
    """How long an answer may take, beside what its task takes."""
    grace_s: float


class Stage:
    """Publishes probes, and waits for what becomes of them."""

    def __init__(self, bus: NatsBus, server: EmbeddedNats, trial: Trial, namespace: str) -> None:
        self.bus = bus
        self.server = server
        self.trial = trial
        self.topology = Topology(namespace, ack_wait_s=trial.ack_wait_s, shards=SHARDS)
        self.subjects = self.topology.subjects
        self.recording = Recording(self.subjects, self.topology.stream("TASKS"))
        self.worker = WorkerProcess(trial.command, self.recording.tell)
        self.sequences: dict[str, int] = {}
        """Of the probes published, by attempt key."""
        self._connected = asyncio.Event()
        bus.on_reconnect(self._note_connected)

    def consumer(self, priority: Priority = Priority.NORMAL) -> ConsumerSpec:
        return self.topology.task_consumer(QUEUE, priority)

    async def make(self) -> None:
        """The streams and consumers, as a coordinator makes them."""
        await self.bus.ensure(self.topology)
        for priority in Priority:
            await self.bus.ensure_consumer(self.consumer(priority))

    async def record(self) -> None:
        for subject in (
            f"{self.subjects.root}.>",
            f"{ACK_PREFIX}>",
            f"{NEXT_PREFIX}{self.consumer().stream}.>",
        ):
            await self.bus.client.listen(subject, self.recording.hear)
        await self.bus.client.flush()

    async def start_worker(self) -> None:
        """Start it and wait until it asks for messages. Raises Unavailable when it ends before."""
        await self.worker.start(self.environment)
        await self.recording.until(lambda: bool(self.recording.asked) or self.worker.ended, START_S)
        if self.worker.ended and not self.recording.asked:
            raise Unavailable(
                "the worker ended before it asked for a message",
                where=" ".join(self.trial.command),
                found="\n".join([self.worker.how_it_ended(), *self.worker.printed]),
                expected="a worker that serves the queue in HEADRACE_QUEUE until SIGTERM",
                fix="Correct what it says it lacks. `headrace conformance worker --help` names its environment.",
            )

    @property
    def environment(self) -> dict[str, str]:
        """What tells the worker where it is: the page worker's names, and those of `headrace worker`."""
        return {
            "NATS_URL": self.server.url,
            "HEADRACE_NATS": self.server.url,
            "HEADRACE_NAMESPACE": self.topology.namespace,
            "HEADRACE_QUEUE": QUEUE,
            "HEADRACE_QUEUES": QUEUE,
            "HEADRACE_GRACE": str(self.trial.grace_s),
        }

    async def publish(self, *probes: Probe) -> None:
        for one in probes:
            subject = self.subjects.task(QUEUE, one.priority, one.message.code)
            stated = headers.make() | ({headers.VERSION: one.version} if one.version else {})
            self.sequences[one.key] = await self.bus.publish(subject, stated, one.body)

    def send(self, subject: str, message: object = None) -> None:
        """On a subject that no stream keeps."""
        self.bus.send(subject, None, b"" if message is None else codec.encode(message))

    def answer(self, probe: Probe) -> Answer | None:
        """Its first outcome."""
        return next(iter(self.recording.answers.get(probe.key, ())), None)

    async def answered(self, probes: Sequence[Probe], within_s: float) -> bool:
        """Wait until all have outcomes, or no more can come."""
        return await self.until(lambda: all(self.answer(one) is not None for one in probes), within_s)

    async def answered_or_refused(self, probes: Sequence[Probe], within_s: float) -> bool:
        """Wait until all have outcomes or were sent back with -NAK. What is sent back is deleted: it would come again,
        and again."""
        refused: set[str] = set()

        def sent_back() -> list[Probe]:
            return [
                one
                for one in probes
                if one.key not in refused and self.recording.signs(self.sequences[one.key], Sign.NAK)
            ]

        def over() -> bool:
            return bool(sent_back()) or all(one.key in refused or self.answer(one) for one in probes)

        loop = asyncio.get_running_loop()
        ends_at = loop.time() + within_s
        while await self.until(over, ends_at - loop.time()) and (fresh := sent_back()):
            for one in fresh:
                refused.add(one.key)
                await self.withdraw(one)
        return all(self.answer(one) is not None for one in probes)

    async def until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until something holds, or the worker has ended."""
        await self.recording.until(lambda: holds() or self.worker.ended, within_s)
        return holds()

    async def deliver_elsewhere(self, probe: Probe) -> None:
        """Take the message of a probe, which is the only one there is, and put it back: its next delivery is a second
        one."""
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[str] = loop.create_future()
        inbox = self.bus.client.new_inbox()

        def take(message: Incoming) -> None:
            if message.reply and not taken.done():
                taken.set_result(message.reply)

        subscription = await self.bus.listen(inbox, take)
        self.bus.client.send(
            f"{NEXT_PREFIX}{self.consumer().stream}.{self.consumer().durable}", b"1", reply=inbox
        )
        async with asyncio.timeout(RECONNECT_S):
            reply = await taken
        self.bus.send(reply, None, b"-NAK")
        await self.bus.client.flush()
        await subscription.stop()
        self.recording.settlements.pop(self.sequences[probe.key], None)
        self.recording.asked.clear()

    async def withdraw(self, probe: Probe) -> None:
        """Delete its message: nobody gets it again."""
        with contextlib.suppress(Exception):  # it may be gone
            await self.bus.client.jetstream().delete_msg(self.consumer().stream, self.sequences[probe.key])

    async def held(self) -> int:
        """Messages that were delivered and not settled."""
        found = 0
        for priority in Priority:
            state = await self.bus.consumer_state(self.consumer(priority))
            found += 0 if state is None else state.in_flight
        return found

    async def restart_server(self, *, wiped: bool = False) -> None:
        """End nats-server and start it again, `wiped`: without anything that it had. Returns when the kit is connected;
        raises BusError."""
        self._connected.clear()
        await self.server.stop()
        if wiped:
            await asyncio.to_thread(shutil.rmtree, self.server.data_dir / "jetstream")
        await self.server.start()
        try:
            async with asyncio.timeout(RECONNECT_S):
                await self._connected.wait()
                await self.bus.client.flush()
        except TimeoutError:
            raise BusError(f"nats-server at {self.server.url} does not answer after its restart") from None

    async def _note_connected(self) -> None:
        self._connected.set()

    async def catch_up(self) -> None:
        """Hear the outcomes that came to the stream while the kit was not connected."""
        context = self.bus.client.jetstream()
        stream = self.topology.stream("INPUTS")
        state = (await context.stream_info(stream)).state
        for sequence in range(state.first_seq, state.last_seq + 1):
            found = await context.get_msg(stream, sequence)
            self.recording.hear(found.subject or "", "", found.headers, found.data or b"")


@asynccontextmanager
async def on_stage(server: EmbeddedNats, trial: Trial, namespace: str) -> AsyncIterator[Stage]:
    """A stage in a namespace of its own. Its worker is killed at the end."""
    bus = await connect(NatsSettings(url=server.url), "headrace-conformance")
    stage = Stage(bus, server, trial, namespace)
    try:
        await stage.make()
        await stage.record()
        yield stage
    finally:
        await stage.worker.kill()
        await bus.close()
