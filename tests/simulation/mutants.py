"""Deliberate breakages of the real code, to show that the simulation notices each of them.

A mutant is a set of attributes replaced while seeds run. The originals are bound when this module is imported.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from unittest.mock import patch

import msgspec

from headrace.bus import Settlement
from headrace.runtime.leases import Leases
from headrace.runtime.runner import Runner
from headrace_coordinator.bus import nats_bus, trimming
from headrace_coordinator.bus.port import Outgoing
from headrace_coordinator.engine import transition
from headrace_coordinator.engine.effects import Collect
from headrace_coordinator.engine.inputs import RunInput
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.state import NodeState, Run
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions import mapping, outcome, redispatch, stop, timer, unlock
from headrace_coordinator.runtime import apply
from headrace_coordinator.runtime.apply import Applier
from headrace_coordinator.runtime.collect import Collector
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.runtime.shard import Shard
from headrace_coordinator.runtime.turn import Turn
from headrace_coordinator.runtime.vigil import Vigil
from headrace_coordinator.schedules import runner as schedules
from headrace_coordinator.service import shards
from headrace_coordinator.service.shards import ShardSet
from headrace_coordinator.store import memory
from headrace_coordinator.store.port import FenceLost
from headrace_coordinator.store.records import OutboxBatch, ShardFence, Transaction
from headrace_coordinator.timers.wheel import Wheel
from headrace_coordinator.triggers import events
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.errors import HeadraceError
from headrace_protocol.messages import (
    CancelAttempts,
    CommandReply,
    HeldAttempt,
    Outcome,
    OutcomeState,
    StartRun,
)
from headrace_protocol.topology import ConsumerSpec
from tests.simulation.store import SimulatedStore

Replacement = tuple[object, str, object]
replace = msgspec.structs.replace


class Mutant(msgspec.Struct, frozen=True):
    """A breakage."""

    name: str
    what: str
    replaced: tuple[Replacement, ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = [(place, name, vars(place)[name]) for place, name, _ in self.replaced]
        for place, name, value in self.replaced:
            setattr(place, name, value)
        try:
            yield
        finally:
            for place, name, value in before:
                setattr(place, name, value)


MUTANTS: dict[str, Mutant] = {}


def mutant(
    what: str, *places: tuple[object, str]
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register the decorated function as what these attributes are replaced with."""

    def register(function: Callable[..., object]) -> Callable[..., object]:
        replaced = tuple((place, name, function) for place, name in places)
        MUTANTS[function.__name__] = Mutant(function.__name__, what, replaced)
        return function

    return register


def nothing(*_: object, **__: object) -> None:
    return None


async def nothing_async(*_: object, **__: object) -> None:
    return None


def table(name: str, what: str, *replaced: Replacement) -> None:
    MUTANTS[name] = Mutant(name, what, replaced)


# -- the store and the loop ------------------------------------------------------------------------

_check = memory._check
_commit = Shard._commit
_landed = Shard._landed
_put = Shard.put
_start = Applier._start
_apply_all = Applier.apply_all
_store_commit = SimulatedStore._commit
_set_timer = Turn.set_timer


@mutant("transactions are not fenced by the shard's lease", (memory, "_check"))
def no_shard_fence(tables: object, transaction: Transaction) -> None:
    _check(tables, replace(transaction, fence=None))  # type: ignore[arg-type]


@mutant(
    "a coordinator that lost its lease takes it back and goes on with what it had cached",
    (Shard, "_commit"),
)
def stale_cache_after_lease_loss(self: Shard, turn: Turn) -> asyncio.Future[None]:
    committed = _commit(self, turn)

    async def commit() -> None:
        try:
            await committed
        except FenceLost:
            shard = self.fence.shard
            stolen = self._store._tables.shards[shard]  # type: ignore[attr-defined]
            self.fence = turn.transaction.fence = ShardFence(shard, stolen.epoch)
            await self._store.commit(turn.transaction)
            for batch in turn.transaction.outbox:
                self._outbox.publish(batch)

    return asyncio.ensure_future(commit())


@mutant("a commit that failed is taken for one that succeeded", (Shard, "_commit"))
def failed_commit_counts(self: Shard, turn: Turn) -> asyncio.Future[None]:
    committed = _commit(self, turn)

    async def commit() -> None:
        with suppress(HeadraceError, FenceLost):
            await committed

    return asyncio.ensure_future(commit())


@mutant("what was decided on top of a commit that failed is kept", (Shard, "_landed"))
async def crash_keeps_what_was_built_on_it(self: Shard) -> bool:
    trip, self._open = self._open, None
    await _landed(self)
    self._open = trip
    return True


@mutant(
    "what a turn commits is what the runs are when it is on its way, not when it was sealed",
    (Shard, "_commit"),
)
def commit_sealed_late(self: Shard, turn: Turn) -> asyncio.Future[None]:
    async def commit() -> None:
        await _commit(self, turn)

    return asyncio.ensure_future(commit())


@mutant("inputs are acknowledged when they arrive, not when they are committed", (Shard, "put"))
def ack_before_commit(self: Shard, envelope: Envelope) -> None:
    if envelope.ack is not None:
        envelope.ack()
        envelope.ack = None
    _put(self, envelope)


@mutant("messages are published before the transaction that caused them is committed", (Shard, "_commit"))
def publish_before_commit(self: Shard, turn: Turn) -> asyncio.Future[None]:
    batch = turn.seal(self._changes, self._outbox)
    if batch is not None:
        self._outbox.publish(batch)
    return asyncio.ensure_future(self._store.commit(turn.transaction))


@mutant("an outbox batch is deleted once it is sent, before the bus has confirmed it", (Outbox, "publish"))
def lost_outbox_row(self: Outbox, batch: OutboxBatch) -> None:
    for message in batch.messages:
        if message.stream:
            self._bus.publish(message.subject, message.headers, message.body).add_done_callback(_ignore)
        else:
            self._bus.send(message.subject, message.headers, message.body)
    self._confirmed.append(batch.sequence)


def _ignore(future: asyncio.Future[int]) -> None:
    if not future.cancelled():
        future.exception()


async def _no_outbox(*_: object) -> list[OutboxBatch]:
    return []


table(
    "outbox_not_resumed",
    "a coordinator that starts does not publish what its predecessor had committed",
    (SimulatedStore, "outbox", _no_outbox),
)


@mutant("a run that is started a second time replaces itself", (Applier, "_start"))
async def start_not_idempotent(self: Applier, turn: Turn, command: object) -> CommandReply:
    self._actors.forget([command.run_id])  # type: ignore[attr-defined]
    return await _start(self, turn, command)  # type: ignore[arg-type]


@mutant("nobody looks whether a run that is to be started is stored already", (Applier, "apply_all"))
async def start_without_looking(
    self: Applier, turn: Turn, envelopes: list[Envelope]
) -> list[list[CommandReply]]:
    load = self._actors.load
    starts = {one.run_id for envelope in envelopes for one in envelope.inputs if isinstance(one, StartRun)}

    async def load_others(run_ids: Iterable[str]) -> Set[str]:
        return await load([run_id for run_id in run_ids if run_id not in starts])

    with patch.object(self._actors, "load", load_others):
        return await _apply_all(self, turn, envelopes)


_by_event, _by_schedule = events.by_event, schedules.by_schedule
_chance = random.Random(1)


@mutant("an event that is delivered again starts another run", (events, "by_event"))
def redelivered_event_starts_again(*arguments: object, **named: object) -> object:
    command = _by_event(*arguments, **named)  # type: ignore[arg-type]
    return replace(command, run_id=f"{_chance.getrandbits(64):016x}")


@mutant("a fire time that is reached again starts another run", (schedules, "by_schedule"))
def refired_schedule_starts_again(*arguments: object, **named: object) -> object:
    command = _by_schedule(*arguments, **named)  # type: ignore[arg-type]
    return replace(command, run_id=f"{_chance.getrandbits(64):016x}")


@mutant("timers are not stored", (Turn, "set_timer"))
def timers_not_stored(self: Turn, key: object, due_us: int) -> None:
    if self.earliest_timer_us is None or due_us < self.earliest_timer_us:
        self.earliest_timer_us = due_us


# -- noticing what is lost -------------------------------------------------------------------------

table(
    "no_republish_after_loss",
    "what was dispatched is not published again when the bus has lost its streams",
    (Vigil, "republish_all", nothing_async),
)
table("no_sweeper", "nobody looks for attempts that the bus has lost", (Vigil, "sweep", nothing_async))
table(
    "unconfirmed_not_published_again",
    "what the bus refused or did not confirm is never published again",
    (Outbox, "_repeat", nothing),
    (Outbox, "publish_again", nothing),
)
table(
    "collecting_not_resumed",
    "a map that was being collected when the coordinator died is not collected by the next",
    (ShardSet, "_resume_collecting", nothing),
)


@mutant("messages with one confirmation are not bound to each other", (nats_bus, "in_order"))
def unbound(messages: Sequence[Outgoing]) -> Sequence[Outgoing]:
    return messages


_found = Leases.found


@mutant("what is held settles messages of a stream that was made anew", (Leases, "found"))
def settled_across_incarnations(self: Leases, consumer: str, same: bool) -> None:
    _found(self, consumer, same=True)


@mutant("a sweep cancels what it believes nobody waits for, whoever owns the shard now", (Vigil, "_stop"))
async def sweep_without_fence(self: Vigil, stale: list[HeldAttempt]) -> None:
    for held in stale:
        cancel = CancelAttempts(run_id=held.run_id, attempts=(held,), reason="")
        self._bus.send(self._topology.subjects.cancel, headers.make(), encode(cancel))


async def _everything(context: object, spec: ConsumerSpec) -> int:
    info = await context.stream_info(spec.stream)  # type: ignore[attr-defined]
    return int(info.state.last_seq) + 1


table(
    "unread_events_trimmed",
    "events that are old are deleted from the bus, whether they were read or not",
    (trimming, "_unread_from", _everything),
)

# -- time ------------------------------------------------------------------------------------------

_awaited = timer._awaited


async def _all_timers(self: Wheel) -> None:
    shard = self._shard.fence.shard
    due = await self._store.due_timers(shard, self._clock.now_us() + 10_000_000, 1_000)
    if due:
        fired = tuple(timer_of(each) for each in due)
        await self._shard.ask(Envelope(inputs=fired))
    self._next_us = await self._store.next_timer_us(shard)


def timer_of(due: object) -> RunInput:
    from headrace_coordinator.timers.wheel import _fired

    return _fired(due)  # type: ignore[arg-type]


def _at_once(t: Transition, key: object) -> int | None:
    return None if _awaited(t, key) is None else t.now_us  # type: ignore[arg-type]


table(
    "timer_early",
    "timers fire whenever the wheel turns",
    (timer, "_awaited", _at_once),
    (Wheel, "_fire", _all_timers),
)

# -- transitions -----------------------------------------------------------------------------------

_holds_fence = outcome.holds_fence
_apply_outcome = outcome.apply
_block = unlock._block
_collect = Collector._collect


@mutant("an outcome of any attempt of a dispatched node is applied", (outcome, "holds_fence"))
def no_attempt_fence(t: Transition, name: str, item: int | None, attempt: int) -> bool:
    node = t.run.nodes[name]
    if item is None:
        return node.state is NodeState.DISPATCHED
    return node.map is not None and item in node.map.items and node.map.items[item].live


@mutant("an outcome that comes again is applied again", (outcome, "holds_fence"))
def outcome_applied_twice(t: Transition, name: str, item: int | None, attempt: int) -> bool:
    node = t.run.nodes[name]
    again = item is None and node.state is NodeState.SUCCEEDED and node.attempt == attempt
    return again or _holds_fence(t, name, item, attempt)


@mutant("a late success overwrites the result", (outcome, "apply"))
def late_outcome_overwrites(t: Transition, reported: Outcome) -> None:
    late = not _holds_fence(t, reported.node, reported.item, reported.attempt)
    if late and reported.item is None and reported.state is OutcomeState.SUCCEEDED:
        t.touch(reported.node).result = reported.result
    _apply_outcome(t, reported)


@mutant("the end of a node that failed unlocks what is behind it", (unlock, "_block"))
def unlock_on_failure(t: Transition, names: list[str], because: str) -> None:
    freed = [name for name in names if t.node(name).state is NodeState.WAITING]
    for name in freed:
        t.run.remaining[name] -= 1
    unlock.ready(t, [name for name in freed if not t.run.remaining[name]])
    _block(t, [name for name in names if t.node(name).state is NodeState.WAITING], because)


table(
    "retry_beyond_max",
    "a failed attempt is always followed by another",
    (outcome, "may_retry", lambda *_: True),
)
table("cancel_ignored", "a cancel is answered and not carried out", (stop, "cancel", nothing))
table(
    "deadline_ignored",
    "a run goes on after its deadline, and its timer is used up",
    (stop, "deadline", nothing),
)
table(
    "items_stay_parked",
    "items of a map that waited for a lost input are not started again",
    (mapping, "unpark", nothing),
)


def _no_attempts(*_: object) -> list[object]:
    return []


table(
    "redispatch_misses_live_attempts",
    "publishing again after a loss believes that nothing is live",
    (redispatch, "live_attempts", _no_attempts),
)


# -- the ready line --------------------------------------------------------------------------------

_line_of_one, _join = transition.line_of_one, shards.join


def _take(self: ReadyLine, place: str, run_id: str) -> bool:
    self.sent(place)
    return True


table(
    "bound_ignored",
    "the bus gets everything that is ready",
    (ReadyLine, "take", _take),
    (ReadyLine, "admit", lambda self, place, run_id, wanted, freed=0: wanted),
)
table("line_not_popped", "nobody is let go when there is room again", (Applier, "let_go", nothing_async))
table("capacity_not_applied", "a change of the fleet is not heard of", (ReadyLine, "capacity", nothing))
table(
    "crashed_turn_stays_booked",
    "what a turn had booked stays in the line although its commit failed",
    (apply, "withdraw", nothing),
)


@mutant("a cancelled run stays in the line", (transition, "line_of_one"))
def cancelled_run_stays_in_line(plan: Plan, run: Run, line: ReadyLine, name: str, *, waits: bool) -> None:
    if waits or run.nodes[name].state is not NodeState.CANCELLED:
        _line_of_one(plan, run, line, name, waits=waits)


@mutant("a line that is rebuilt counts every run twice", (shards, "join"))
def rebuilt_line_doubles(plan: Plan, run: Run, line: ReadyLine) -> None:
    _join(plan, run, line)
    _join(plan, run, line)


# -- results ---------------------------------------------------------------------------------------


class _Reordered:
    """A reader that gives items of a page in the wrong order, with the right numbers."""

    def __init__(self, store: object) -> None:
        self._store = store

    async def item_results(self, run_id: str, node: str, first: int, limit: int) -> list[object]:
        found = await self._store.item_results(run_id, node, first, limit)  # type: ignore[attr-defined]
        values = [record.result for record in reversed(found)]
        return [replace(record, result=value) for record, value in zip(found, values, strict=True)]


@mutant("results of a map are collected in the order in which they came", (Collector, "_collect"))
async def map_results_out_of_order(self: Collector, effect: Collect, counts: object) -> object:
    twisted = Collector(_Reordered(self._store), self._results, self._clock, self._inline_bytes)  # type: ignore[arg-type]
    return await _collect(twisted, effect, counts)  # type: ignore[arg-type]


@mutant("only the first page of a map's results is collected", (Collector, "_collect"))
async def collect_with_missing_items(self: Collector, effect: Collect, counts: object) -> object:
    return await _collect(self, replace(effect, total=min(effect.total, 3)), counts)  # type: ignore[arg-type]


# -- workers ---------------------------------------------------------------------------------------

_receive = Runner.receive
_finish = Runner._finish


def _counted_receive(self: Runner, message: object, delivery: object, *, room: bool = True) -> None:
    self._counted = getattr(self, "_counted", 0) + 1  # type: ignore[attr-defined]
    _receive(self, message, delivery, room=room)  # type: ignore[arg-type]


def _counted_finish(self: Runner, attempt: object, failure: object, produced: object = None) -> None:
    if failure is None:
        self._counted = getattr(self, "_counted", 0) - 1  # type: ignore[attr-defined]
    _finish(self, attempt, failure, produced)  # type: ignore[arg-type]


def _counted_free(self: Runner) -> int:
    return self._settings.slots + self._settings.prefetch - getattr(self, "_counted", 0)


table(
    "slots_counted",
    "a worker counts its slots up and down instead of deriving them, and not down for what fails",
    (Runner, "receive", _counted_receive),
    (Runner, "_finish", _counted_finish),
    (Runner, "free", _counted_free),
)


@mutant("a worker settles a task when it gets it, before there is an outcome", (Runner, "receive"))
def task_settled_before_its_outcome(
    self: Runner, message: object, delivery: object, *, room: bool = True
) -> None:
    _receive(self, message, delivery, room=room)  # type: ignore[arg-type]
    self._reports._leases.settle(delivery.reply, Settlement.ACK)  # type: ignore[attr-defined]
