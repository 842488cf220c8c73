"""The shards that this coordinator owns: a lease, a loop, a timer wheel and a consumer each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from headrace_coordinator.bus.port import Incoming, Subscription
from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import OutcomeReceived, Redispatch, RunInput
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.standing import join
from headrace_coordinator.engine.state import NodeState
from headrace_coordinator.runtime.actors import Actors
from headrace_coordinator.runtime.apply import bounds_of, run_of
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.fleet import Fleet
from headrace_coordinator.runtime.ingress import Ingress
from headrace_coordinator.runtime.parts import Parts
from headrace_coordinator.runtime.shard import Shard
from headrace_coordinator.store.records import ShardFence
from headrace_coordinator.timers import Wheel
from headrace_protocol.deliveries import Redelivered
from headrace_protocol.errors import HeadraceError, Unavailable
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import CommandReply, Deploy, DeploySet
from headrace_protocol.tasks import end

log = logging.getLogger("headrace.shards")

LEASE_S = 10.0
BATCH = 512
PAGE = 500


class _Owned:
    """A shard that is ours."""

    def __init__(self, shard: Shard, actors: Actors, wheel: Wheel) -> None:
        self.shard = shard
        self.actors = actors
        self.wheel = wheel
        self.consumer: Subscription | None = None

    async def abandon(self) -> None:
        """End what feeds the loop."""
        if self.consumer is not None:
            await self.consumer.stop()
        await self.wheel.stop()


class ShardSet:
    """Takes leases, runs loops, routes envelopes."""

    def __init__(
        self,
        parts: Parts,
        fleet: Fleet,
        count: int,
        owner: str,
        on_deploy: Callable[[Deploy | DeploySet, Incoming], None],
        on_redelivered: Callable[[int, Redelivered], None],
        lease_s: float = LEASE_S,
    ) -> None:
        self._parts = parts
        self._fleet = fleet
        self._count = count
        self._owner = owner
        self._on_deploy = on_deploy
        self._on_redelivered = on_redelivered
        self._lease_s = lease_s
        self._fences: list[ShardFence] = []
        self._owned: dict[int, _Owned] = {}
        self._collecting: dict[int, list[str]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self.on_lost: Callable[[int], None] = lambda _: None
        """Called when another coordinator has taken a shard."""

    @property
    def count(self) -> int:
        return self._count

    def owned(self) -> tuple[int, ...]:
        return tuple(self._owned)

    @property
    def trouble(self) -> Unavailable | None:
        """What keeps the store from being used."""
        return next((owned.shard.trouble for owned in self._owned.values() if owned.shard.trouble), None)

    def actors(self, shard: int) -> Actors:
        """Raises Unavailable when the shard is not ours."""
        return self._get(shard).actors

    def lines(self) -> list[ReadyLine]:
        """Of the shards that are ours."""
        return [owned.shard.line for owned in self._owned.values()]

    def put(self, shard: int, envelope: Envelope) -> None:
        """Raises Unavailable when the shard is not ours."""
        self._get(shard).shard.put(envelope)

    async def ask(self, shard: int, envelope: Envelope) -> list[CommandReply]:
        """Raises Unavailable when the shard is not ours."""
        return await self._get(shard).shard.ask(envelope)

    def _get(self, shard: int) -> _Owned:
        found = self._owned.get(shard)
        if found is None:
            raise Unavailable(
                f"shard {shard} is not run by this coordinator now",
                where="shard",
                fix="Try again in a moment.",
            )
        return found

    async def acquire(self) -> ShardFence:
        """Take the leases; returns the first shard's. What is read from the store before that may be outdated: a
        predecessor writes for as long as it holds one."""
        self._fences = [await self._acquire(number) for number in range(self._count)]
        return self._fences[0]

    async def start(self) -> None:
        """Start the loops; messages are consumed from `consume` on."""
        parts = self._parts
        parts.changes.resume(await parts.store.last_position())
        parts.outbox.resume(await parts.store.last_outbox_sequence())
        for fence in self._fences:
            await self._run(fence)
        self._keeper = asyncio.create_task(self._keep_leases(), name="leases")

    async def _acquire(self, number: int) -> ShardFence:
        """Wait until the lease is ours."""
        parts = self._parts
        while True:
            fence = await parts.store.acquire_shard(number, self._owner, self._lease_s, parts.clock.now_us())
            if fence is not None:
                return fence
            await parts.clock.sleep(self._lease_s / 10)

    async def _run(self, fence: ShardFence) -> None:
        parts, number = self._parts, fence.shard
        actors = Actors(parts.store, parts.registry)
        line = ReadyLine(await parts.store.cursors(bounds_of(number)))
        self._collecting[number] = await self._rebuild(number, actors, line)
        shard = Shard(fence, parts, actors, self, line)
        owned = self._owned[number] = _Owned(shard, actors, Wheel(shard, parts.store, parts.clock))
        shard.start()
        shard.put(Envelope())  # what the line lets go is not left to the first input
        for batch in await parts.store.outbox(number):
            parts.outbox.publish(batch, again=True)
        await owned.wheel.start()

    async def _rebuild(self, number: int, actors: Actors, line: ReadyLine) -> list[str]:
        """Put every unfinished run into the ready line, from its state. Returns those with a map whose results were
        being put together: nothing else would wake them."""
        collecting: list[str] = []
        after = ""
        while page := await self._parts.store.unfinished(number, after, PAGE):
            found = await actors.look(page)
            for run_id in page:
                if run_id in found:
                    run, plan = found[run_id]
                    join(plan, run, line)
                    if any(run.nodes[name].state is NodeState.COLLECTING for name in run.active):
                        collecting.append(run_id)
            after = page[-1]
        return collecting

    async def consume(self) -> None:
        """Start reading the bus, and finish what a predecessor was collecting."""
        parts = self._parts
        for number, owned in self._owned.items():
            ingress = Ingress(
                parts.topology.subjects, parts.bus, parts.clock, self._count, parts.topology.inboxes
            )
            receive = partial(self._receive, owned.shard, ingress)
            owned.consumer = await parts.bus.consume(parts.topology.input_consumer(number), BATCH, receive)
            self._resume_collecting(number)

    def _resume_collecting(self, number: int) -> None:
        for run_id in self._collecting.pop(number, ()):
            self.put(number, Envelope(inputs=(Redispatch(run_id, attempts=()),)))

    def _receive(self, shard: Shard, ingress: Ingress, message: Incoming) -> None:
        envelope = ingress.envelope(message)
        if isinstance(envelope, Deploy | DeploySet):
            self._on_deploy(envelope, message)
            return
        if isinstance(envelope, Redelivered):
            self._parts.bus.acknowledge(message)  # it is repeated until it is answered
            self._on_redelivered(shard_of(envelope.run_id, self._count), envelope)
            return
        for received in envelope.inputs:
            if isinstance(received, OutcomeReceived):
                outcome = received.outcome
                self._fleet.finished(
                    outcome.worker, outcome.run_id, outcome.node, outcome.item, outcome.attempt
                )
        self._deliver(self._at_home(shard, message), envelope)

    def _deliver(self, shard: Shard, envelope: Envelope) -> None:
        """Hand over; what belongs to other shards is committed there before the message is acknowledged here."""
        here = shard.fence.shard
        away: dict[int, list[RunInput]] = {}
        if envelope.dead and self._count > 1:
            for received in envelope.inputs:
                away.setdefault(shard_of(run_of(received), self._count), []).append(received)
            envelope.inputs = tuple(away.pop(here, ()))
        for home, inputs in away.items():
            owned = self._owned.get(home)
            if owned is not None:
                shard, envelope = (
                    owned.shard,
                    Envelope(inputs=tuple(inputs), ack=partial(shard.put, envelope)),
                )
        shard.put(envelope)

    def _at_home(self, shard: Shard, message: Incoming) -> Shard:
        """The shard that a message's subject names: a stream that lost its newest messages uses their sequences
        again, and a consumer that remembers one of them is then given another shard's message."""
        tokens = message.subject.split(".")
        named = int(tokens[3]) if len(tokens) > 3 and tokens[3].isdigit() else shard.fence.shard
        owned = self._owned.get(named)
        return shard if owned is None else owned.shard

    def timer_set(self, shard: int, due_us: int) -> None:
        self._owned[shard].wheel.set(due_us)

    def collect(self, shard: int, effect: Collect) -> None:
        task = asyncio.create_task(self._collect(shard, effect), name=f"collect {effect.node}")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _collect(self, shard: int, effect: Collect) -> None:
        with contextlib.suppress(Unavailable):  # the shard went to another coordinator, which collects too
            found = self.actors(shard).cached(effect.run_id)
            counts = () if found is None else found[1].nodes[effect.node].counts
            self.put(shard, Envelope(inputs=(await self._parts.collector.collect(effect, counts),)))

    def lost(self, shard: int) -> None:
        """Called by the shard's own loop, which ends; its timers and its consumer end in the background."""
        owned = self._owned.pop(shard, None)
        self.on_lost(shard)
        if owned is not None:
            task = asyncio.create_task(owned.abandon(), name=f"abandon shard {shard}")
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _keep_leases(self) -> None:
        """Renew well before the leases end; a lease that was lost stops its shard at its next commit."""
        parts = self._parts
        while True:
            await parts.clock.sleep(self._lease_s / 3)
            for number in self.owned():
                try:
                    fence = await parts.store.acquire_shard(
                        number, self._owner, self._lease_s, parts.clock.now_us()
                    )
                except HeadraceError as error:
                    log.error("the lease of shard %d cannot be renewed now: %s", number, error)
                    continue
                owned = self._owned.get(number)
                if owned is not None and fence != owned.shard.fence:
                    log.warning("the lease of shard %d is lost", number)

    async def stop(self) -> None:
        """Stop reading, finish the turns in hand, give the leases back."""
        await end(self._keeper, *self._background)
        fences: list[ShardFence] = []
        for owned in tuple(self._owned.values()):  # a last turn that cannot commit loses its shard
            await owned.abandon()
            await owned.shard.stop()
            fences.append(owned.shard.fence)
        for fence in fences:
            await self._parts.store.release_shard(fence)
        self._parts.outbox.close()
        self._parts.changes.close()
