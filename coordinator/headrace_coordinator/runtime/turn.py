"""What one turn of a shard's loop collects: one transaction, and the messages that follow its commit."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Container, Iterator, KeysView

import msgspec

from headrace_coordinator.engine.effects import (
    AttemptRecord,
    CancelAttempt,
    Collect,
    Decision,
    Dispatch,
    DropTimer,
    Finish,
    StartTimer,
    TimerKey,
)
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.state import Run, RunHead
from headrace_coordinator.runtime import metrics
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.store.records import (
    TALLY_S,
    NodeRow,
    OutboxBatch,
    OutboxMessage,
    ShardFence,
    Tally,
    TallyKind,
    Timer,
    Transaction,
)
from headrace_coordinator.store.waits import wait_step
from headrace_protocol import headers
from headrace_protocol.codec import encode
from headrace_protocol.deliveries import Wanted
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, LifecycleMessage, LogLine
from headrace_protocol.subjects import Subjects
from headrace_protocol.topology import MAX_PAYLOAD_BYTES, message_bytes

log = logging.getLogger("headrace.turn")

PROGRESS = "progress"
MAX_MESSAGE_BYTES = message_bytes(MAX_PAYLOAD_BYTES)
"""Of an encoded message, where the bus takes what is usual."""


FEW_NODES = 8
"""Runs of so few are stored whole. It may grow from one version to the next, but not shrink."""
EVENTS_SURE_TO_FIT = 8
"""Errors in them are cut when they arrive."""


class Oversized(msgspec.Struct, frozen=True):
    """A task message that the bus would not take as it is."""

    place: int
    effect: Dispatch


class _Touched:
    """What a turn did to one run."""

    __slots__ = ("events", "head", "nodes", "plan", "run")

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run = run
        self.plan = plan
        self.nodes: dict[str, None] = {}
        self.events: list[LifecycleEvent] = []
        self.head = False


class Turn:
    """The transaction in the making. Runs are touched any number of times and written once."""

    def __init__(
        self, subjects: Subjects, fence: ShardFence, now_us: int, message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        """`message_bytes` is what an encoded message may have for the bus to take it."""
        self.now_us = now_us
        self._message_bytes = message_bytes
        self.transaction = Transaction(fence=fence)
        self.collects: list[Collect] = []
        self.finished: list[str] = []
        self.earliest_timer_us: int | None = None
        self.before: Container[str] = ()
        """Runs that the turn before has touched."""
        self.pruned: set[str] = set()
        """Runs that there have been, among those that the turn was asked to start."""
        self.after_commit: list[Callable[[], None]] = []
        self._subjects = subjects
        self._shard = fence.shard
        self._touched: dict[str, _Touched] = {}
        self._timers: dict[TimerKey, int | None] = {}
        self._messages: list[OutboxMessage | None] = []
        self._tallies: Counter[tuple[TallyKind, str, str]] = Counter()
        self._told: dict[tuple[str, str], list[LifecycleBatch]] = {}
        self._wanted: dict[Wanted, None] = {}
        """Where task messages go that only workers with the code read."""
        self.oversized: list[Oversized] = []
        """Messages to make smaller before the turn is sealed: until then nothing stands in their places."""

    @property
    def touched(self) -> KeysView[str]:
        """Runs, as they are touched."""
        return self._touched.keys()

    def head_of(self, run_id: str) -> RunHead:
        """Of a run that the turn has touched."""
        return self._touched[run_id].run.head

    def build_on(self, before: Turn) -> None:
        """This turn is decided while the one before is being committed: what that one has written is not in the
        store yet."""
        self.before = before.touched

    def add(self, run: Run, plan: Plan, decision: Decision) -> None:
        """Take in what the engine decided."""
        entry = self._touched.get(run.head.run_id)
        if entry is None:
            entry = self._touched[run.head.run_id] = _Touched(run, plan)
        entry.nodes.update(decision.touched)
        entry.events += decision.events
        entry.head = entry.head or decision.head
        self.transaction.attempts += decision.attempts
        for attempt in decision.attempts:
            self._ended(attempt, run.head.workflow, plan)
        for effect in decision.effects:
            match effect:
                case Dispatch():
                    self._dispatch(effect)
                case StartTimer(key=key, due_us=due_us):
                    self.set_timer(key, due_us)
                case DropTimer(key=key):
                    self._timers[key] = None
                case CancelAttempt(message=message):
                    self.send(
                        OutboxMessage(self._subjects.cancel, headers.make(), encode(message), stream=False)
                    )
                case Collect():
                    self.collects.append(effect)
                case Finish(run_id=run_id, state=state):
                    self.finished.append(run_id)
                    metrics.runs_finished.add(1, state, run.head.workflow)
                    self.count(TallyKind.RUN, run.head.workflow, state)
                    # The clock may have been set back meanwhile.
                    metrics.run_duration.record(max(0, self.now_us - run.head.created_at_us) / 1e6)

    def count(self, kind: TallyKind, name: str, state: str) -> None:
        """Add to the tallies of the minute."""
        self._tallies[kind, name, state] += 1

    def _ended(self, attempt: AttemptRecord, workflow: str, plan: Plan) -> None:
        metrics.tasks_finished.add(1, attempt.state, workflow)
        self.count(TallyKind.TASK, workflow, attempt.state)
        if attempt.state == "lost" and attempt.error is not None:
            self._log_loss(attempt, attempt.error)
        if attempt.started_at_us and attempt.queued_at_us:
            wait_us = max(0, attempt.started_at_us - attempt.queued_at_us)
            metrics.queue_wait.record(wait_us / 1e6)
            metrics.attempt_duration.record(max(0, attempt.finished_at_us - attempt.started_at_us) / 1e6)
            self.count(TallyKind.WAIT, plan.nodes[attempt.node].definition.options.queue, wait_step(wait_us))

    def _log_loss(self, attempt: AttemptRecord, error: ErrorInfo) -> None:
        """Nobody else can write the last line of its log."""
        key = attempt_key(attempt.run_id, attempt.node, attempt.item, attempt.attempt)
        log.warning("%s: %s", key, error.message)
        self.transaction.logs.append(
            LogLine(
                run_id=attempt.run_id,
                node=attempt.node,
                item=attempt.item,
                attempt=attempt.attempt,
                at_us=self.now_us,
                level="error",
                message=error.message,
                logger="headrace.coordinator",
            )
        )

    def send(self, message: OutboxMessage) -> None:
        """Publish a message after the commit."""
        self._messages.append(message)

    def set_timer(self, key: TimerKey, due_us: int) -> None:
        self._timers[key] = due_us
        if self.earliest_timer_us is None or due_us < self.earliest_timer_us:
            self.earliest_timer_us = due_us

    def timer_fired(self, key: TimerKey) -> None:
        """The timer is used up, unless the transition sets it again."""
        self._timers[key] = None

    def _dispatch(self, effect: Dispatch) -> None:
        message = self._fitting(effect)
        if effect.message.code:
            self._wanted[Wanted(effect.message.queue, effect.priority, effect.message.code)] = None
        if message is None:
            self.oversized.append(Oversized(len(self._messages), effect))
        self._messages.append(message)

    def replace(self, oversized: Oversized, effect: Dispatch) -> bool:
        """Put a task message into its place; false when it is too large for the bus."""
        message = self._messages[oversized.place] = self._fitting(effect)
        return message is not None

    def _fitting(self, effect: Dispatch) -> OutboxMessage | None:
        message = effect.message
        body = encode(message)
        if len(body) > self._message_bytes:
            return None
        key = attempt_key(message.run_id, message.node, message.item, message.attempt)
        return OutboxMessage(
            self._subjects.task(message.queue, effect.priority, message.code),
            headers.make(message_id=f"{key}@{message.queued_at_us}", trace=message.trace),
            body,
        )

    def seal(self, changes: Changes, outbox: Outbox) -> OutboxBatch | None:
        """Finish the transaction. Numbers are handed out here, so nothing may be awaited between this and the
        commit: their order must be the order of commits."""
        transaction = self.transaction
        for run_id, entry in self._touched.items():
            run = entry.run
            if entry.head:
                transaction.runs.append(run.head)
                if len(run.nodes) <= FEW_NODES:
                    transaction.whole[run_id] = run.nodes
            transaction.nodes += [NodeRow(run_id, name, run.nodes[name]) for name in entry.nodes]
            for events in self._parts(tuple(entry.events)):
                self._tell(entry, events, changes.next_position())
        for key, due_us in self._timers.items():
            if due_us is None:
                transaction.timers_dropped.append(key)
            else:
                transaction.timers.append(Timer(self._shard, key, due_us))
        transaction.outbox_confirmed = outbox.take_confirmed()
        minute_s = self.now_us // 1_000_000 // TALLY_S * TALLY_S
        transaction.tallies = [Tally(minute_s, *what, count) for what, count in self._tallies.items()]
        for (workflow, what), batches in self._told.items():
            self._messages += self._lifecycle(workflow, what, batches)
        for wanted in self._wanted:
            self.send(OutboxMessage(self._subjects.wanted, headers.make(), encode(wanted), stream=False))
        messages = tuple(message for message in self._messages if message is not None)
        if not messages:
            return None
        batch = OutboxBatch(self._shard, outbox.next_sequence(), messages)
        transaction.outbox.append(batch)
        return batch

    def _tell(self, entry: _Touched, events: tuple[LifecycleEvent, ...], position: int) -> None:
        head = entry.run.head
        batch = LifecycleBatch(position=position, run_id=head.run_id, workflow=head.workflow, events=events)
        self.transaction.history.append(batch)
        what = next(
            (event.kind.removeprefix("run.") for event in events if event.kind.startswith("run.")), PROGRESS
        )
        self._told.setdefault((head.workflow, what), []).append(batch)

    def _lifecycle(self, workflow: str, what: str, batches: list[LifecycleBatch]) -> Iterator[OutboxMessage]:
        """One message for all runs of a workflow to which the same has happened, or as few as fit."""
        subject = self._subjects.lifecycle(workflow, what)
        while batches:
            count, body = len(batches), encode(LifecycleMessage(batches=tuple(batches)))
            while len(body) > self._message_bytes and count > 1:
                count //= 2
                body = encode(LifecycleMessage(batches=tuple(batches[:count])))
            yield OutboxMessage(subject, headers.make(message_id=f"life-{batches[0].position}"), body)
            batches = batches[count:]

    def _parts(self, events: tuple[LifecycleEvent, ...]) -> Iterator[tuple[LifecycleEvent, ...]]:
        """The events in pieces that a message can hold: tracebacks add up."""
        sure = self._message_bytes >= MAX_MESSAGE_BYTES and len(events) <= EVENTS_SURE_TO_FIT
        if len(events) > 1 and not sure and len(encode(events)) > self._message_bytes:
            middle = len(events) // 2
            yield from self._parts(events[:middle])
            yield from self._parts(events[middle:])
        elif events:
            yield events
