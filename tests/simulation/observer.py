"""Sees everything that happens in a simulation, and compares it with what must always be true.

It keeps its own books from what is committed, published and executed, never from what the coordinator believes.
A breach is written down under the invariant's name in the architecture; the simulation stops at the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from headrace_coordinator.bus.memory.streams import Stored
from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import (
    NodeState,
    RunHead,
    RunState,
)
from headrace_coordinator.engine.transitions.redispatch import live_attempts
from headrace_coordinator.store.memory_tables import Tables
from headrace_coordinator.store.records import NodeRow, OutboxMessage, Transaction
from headrace_protocol.codec import decode, encode
from headrace_protocol.definition import EventTrigger
from headrace_protocol.errors import ErrorCode
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import CancelAttempts, TaskMessage
from tests.simulation.deliveries import Deliveries, Key
from tests.simulation.journal import Journal
from tests.simulation.loop import running
from tests.simulation.lost_attempts import LostAttempts
from tests.simulation.results import Results
from tests.simulation.run_states import RunStates


class Observer(Journal):
    """The books of one simulation."""

    def __init__(self, tables: Tables, now_s: Callable[[], float], halt: Callable[[], None]) -> None:
        super().__init__(now_s, halt)
        self._tables = tables
        self.states = RunStates(tables, self)
        self.lost_attempts = LostAttempts(tables, self)
        self.deliveries = Deliveries(self)
        self.results = Results(self)
        self.is_foreign: Callable[[str], bool] = lambda _: False
        """Whether a process is a worker that is not ours."""
        self.heads: dict[str, tuple[RunState, bytes]] = {}
        self.versions: dict[str, str] = {}
        """Of each run: it never changes."""
        self.highest: dict[Key, int] = {}
        """The highest attempt dispatched."""
        self.applied: set[tuple[Key, int]] = set()
        self.applied_now: set[tuple[Key, int]] = set()
        """Those of the transaction in hand."""
        self.retried_now: set[str] = set()
        self.recovering_now: set[tuple[str, str]] = set()
        """Nodes that had succeeded until the transaction in hand, which found their results lost."""
        self.failures: dict[Key, int] = defaultdict(int)
        self.retry_at_us: dict[Key, int] = {}
        self.promised: dict[str, bytes] = {}
        """Committed task and lifecycle messages by message id."""
        self.batches: dict[int, tuple[str, ...]] = {}
        self.arrived: set[str] = set()
        """Message ids that the bus has stored at least once."""
        self.by_cause: dict[tuple[str, str, str], str] = {}
        self.asked_to_retry: set[str] = set()
        self.retried: set[str] = set()
        """Runs that an operator's order has opened again."""
        self.wanted: dict[str, str] = {}
        """The version of each workflow that was asked for last; the one before has been answered."""
        self.commits = self.executions = 0

    # -- commits -----------------------------------------------------------------------------------

    def committed(self, transaction: Transaction) -> None:
        """A transaction has just been written."""
        self.commits += 1
        self._deployed(transaction)
        self._started(transaction)
        self._retried(transaction)
        touched = dict.fromkeys(
            [row.run_id for row in transaction.nodes] + [head.run_id for head in transaction.runs]
        )
        for run_id in touched:
            self._unchanged_once_finished(run_id, transaction)
        before = dict(self.highest)
        self.applied_now.clear()
        for record in transaction.attempts:
            self._ended(record, before)
        for run_id in self.retried_now:  # an attempt's end comes before the retry of its run
            self._counts_anew(run_id)
        for row in transaction.nodes:
            self._node(row)
        self.recovering_now = {
            (history.run_id, event.node)
            for history in transaction.history
            for event in history.events
            if event.kind == "node.recovering"
        }
        for books in (
            self.failures,
            self.lost_attempts.charged,
        ):  # of items that have succeeded nothing is remembered
            for key in [key for key in books if key[2] is not None and key[:2] in self.recovering_now]:
                del books[key]
        for batch in transaction.outbox:
            self._promised(batch.sequence, batch.messages)
        for sequence in transaction.outbox_confirmed:
            missing = [name for name in self.batches.get(sequence, ()) if name not in self.arrived]
            self.require(not missing, "I8", f"the outbox forgot what the bus never had: {missing}")
        for run_id in touched:
            self.states.check(run_id)
            self.lost_attempts.check(run_id)
        if transaction.fence is not None and (touched or transaction.cursors):
            self.states.check_line(transaction.fence.shard)
        self._history(transaction)

    def _history(self, transaction: Transaction) -> None:
        for history in transaction.history:
            for event in history.events:
                if event.kind.endswith((".lost", ".redelivered")) and event.attempt:
                    self.lost_attempts.given_up((history.run_id, event.node, event.item), event.attempt)
                item = "" if event.item is None else f"[{event.item}]"
                line = f"{history.run_id} {event.kind} {event.node}{item} {event.attempt or ''}"
                self.note(line)
                if self.story is not None:
                    self.tell(
                        f"run {history.run_id[:6]}: {event.kind} {event.node}{item} "
                        f"{f'attempt {event.attempt}' if event.attempt else ''}".rstrip()
                    )
                if event.kind == "run.failed" and event.error is not None:
                    head = self._tables.runs[history.run_id].head
                    if event.error.code == ErrorCode.RUN_DEADLINE and history.run_id not in self.retried_now:
                        self.require(
                            event.at_us >= (head.deadline_us or 0), "I10", f"{line}: before its deadline"
                        )
        for dead in transaction.dead_letters:
            self.note(f"dead letter {dead.subject} {dead.error.code}")
            self.tell(f"dead letter: {dead.subject}: {dead.error.message}")

    def _deployed(self, transaction: Transaction) -> None:
        for row in transaction.definitions:
            name, version = row.definition.name, row.version
            self.tell(f"{name}: version {version[:6]} is current")
            self.require(version == self.wanted[name], "deploy", f"{name} goes back to version {version[:6]}")

    def _retried(self, transaction: Transaction) -> None:
        self.retried_now = {
            history.run_id
            for history in transaction.history
            for event in history.events
            if event.kind == "run.retried"
        }
        self.retried |= self.retried_now
        unasked = self.retried_now - self.asked_to_retry
        self.require(not unasked, "I6", f"nobody asked to retry {unasked}")

    def _counts_anew(self, run_id: str) -> None:
        """Everything but the numbers of attempts."""
        for books in (self.failures, self.retry_at_us, self.lost_attempts.charged):
            for key in [key for key in books if key[0] == run_id]:
                del books[key]

    def _started(self, transaction: Transaction) -> None:
        for head in transaction.runs:
            if head.run_id in self.heads:
                continue
            if head.scheduled_at_us:
                current = next(reversed(self._tables.definitions[head.workflow].values())).definition
                clocked = not all(isinstance(trigger, EventTrigger) for trigger in current.triggers)
                self.require(clocked, "schedule", f"run {head.run_id} is started by a schedule that is gone")
            cause = (head.event_id and f"{head.event_source}\0{head.event_id}") or str(
                head.scheduled_at_us or ""
            )
            if not cause:
                continue
            scope = (head.workflow, head.trigger, cause)
            known = self.by_cause.setdefault(scope, head.run_id)
            self.require(known == head.run_id, "I2", f"two runs for {scope}: {known} and {head.run_id}")

    def _unchanged_once_finished(self, run_id: str, transaction: Transaction) -> None:
        known = self.heads.get(run_id)
        found = self._tables.runs.get(run_id)
        if found is None:
            self.breach("I1", f"run {run_id} is gone")
            return
        version = self.versions.setdefault(run_id, found.head.version)
        self.require(version == found.head.version, "I6", f"run {run_id} has changed its version")
        encoded = _head(found.head)
        if run_id in self.retried_now:
            known = None
        if known is not None and known[0] is not RunState.RUNNING:
            self.require(known[1] == encoded, "I6", f"run {run_id} was {known[0]} and has changed")
            changed = [row.name for row in transaction.nodes if row.run_id == run_id]
            self.require(not changed, "I6", f"run {run_id} was {known[0]}, and {changed} changed")
        self.heads[run_id] = (found.head.state, encoded)

    def _ended(self, record: AttemptRecord, before: Mapping[Key, int]) -> None:
        key = (record.run_id, record.node, record.item)
        if record.state == "ignored":
            self.lost_attempts.ended_late(record)
            return
        name = attempt_key(record.run_id, record.node, record.item, record.attempt)
        self.require((key, record.attempt) not in self.applied, "I3", f"{name} is applied twice")
        self.applied.add((key, record.attempt))
        self.applied_now.add((key, record.attempt))
        highest = before.get(key, 0)
        self.require(
            record.attempt == highest, "I3", f"{name} is applied, and attempt {highest} holds the fence"
        )
        if record.state == "lost":
            self.lost_attempts.lost(record, running())
        elif record.state == "failed":
            lost = record.error is not None and record.error.code == ErrorCode.TASK_INPUT_LOST
            self.failures[key] += not lost
        elif record.item is not None and record.result is not None:
            self.results.item_won(key, record.result)

    def _node(self, row: NodeRow) -> None:
        node = row.node
        if node.state is NodeState.RETRYING and node.retry_at_us is not None:
            self.retry_at_us[row.run_id, row.name, None] = node.retry_at_us
        elif node.state is NodeState.READY:  # its time has come, whatever the clock says when its turn does
            self.retry_at_us.pop((row.run_id, row.name, None), None)
        for item, state in (node.map.items if node.map is not None else {}).items():
            if state.retry_at_us is not None:
                self.retry_at_us[row.run_id, row.name, item] = state.retry_at_us
            elif state.ready:
                self.retry_at_us.pop((row.run_id, row.name, item), None)
        if node.state is NodeState.SUCCEEDED and node.result is not None:
            self.results.node_won(row.run_id, row.name, node, node.result)

    # -- messages ----------------------------------------------------------------------------------

    def _promised(self, sequence: int, messages: tuple[OutboxMessage, ...]) -> None:
        names = []
        for message in messages:
            name = message.headers.get(MESSAGE_ID)
            if not message.stream or name is None:
                continue
            names.append(name)
            self.promised[name] = message.body
            if ".task." in message.subject:
                self._dispatched(decode(message.body, TaskMessage))
        self.batches[sequence] = tuple(names)

    def _dispatched(self, message: TaskMessage) -> None:
        key = (message.run_id, message.node, message.item)
        name = attempt_key(*key, message.attempt)
        run = self._tables.runs[message.run_id]
        planned = self.states.plan(run.head).nodes[message.node]
        highest = self.highest.get(key, 0)
        for source in planned.upstream if message.attempt > highest else ():
            node = run.nodes.get(source)
            ready = node is not None and node.state is NodeState.SUCCEEDED
            ready = ready or (message.run_id, source) in self.recovering_now
            self.require(ready, "I4", f"{name} is dispatched before {source} has succeeded")
        self.results.sent(name, message)
        self.lost_attempts.dispatched(message)
        if message.attempt > highest:
            over = not highest or (key, highest) in self.applied or message.run_id in self.retried
            self.require(over, "I3", f"{name} is dispatched, and attempt {highest} has not ended")
            lost = len(self.lost_attempts.charged[key])
            self.require(lost < planned.definition.options.max_lost, "lost", f"{name} was lost {lost} times")
            most = planned.definition.options.retry.max_attempts
            self.require(self.failures[key] < most, "retry", f"{name} is one attempt more than {most}")
            early_us = self.retry_at_us.pop(key, 0) - message.queued_at_us
            self.require(early_us <= 0, "I10", f"{name} is {early_us} us early")
            self.highest[key] = message.attempt
        else:
            # An attempt may be published again and end in one transaction, in this order.
            ended = (key, message.attempt)
            over = ended in self.applied and ended not in self.applied_now
            self.require(
                message.attempt == highest and not over,
                "I3",
                f"{name} is dispatched again and holds no fence",
            )

    def sent(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        """A coordinator hands a message to its bus."""
        if subject.endswith(".cancel"):
            self._cancelled(decode(body, CancelAttempts))
        elif subject.endswith(".rollcall"):
            self.lost_attempts.roll_called(running())
        elif subject.startswith("_INBOX.worker"):
            self.deliveries.answered(body)
        if ".task." not in subject and ".life." not in subject:
            return
        name = (headers or {}).get(MESSAGE_ID, "")
        known = self.promised.get(name)
        self.require(known == bytes(body), "I8", f"{subject} {name} is published and was never committed")

    def _cancelled(self, message: CancelAttempts) -> None:
        run = self._tables.runs.get(message.run_id)
        if run is None or run.head.state is not RunState.RUNNING:
            return
        if not message.attempts and message.retries < run.head.retries:
            return  # workers stop what was queued before the run ended, not what the retry has queued since
        state = self.states.loaded(message.run_id)
        named = {(held.node, held.item, held.attempt) for held in message.attempts}
        unwanted = [attempt for attempt in live_attempts(state) if not named or attempt in named]
        self.require(not unwanted, "I3", f"run {message.run_id} waits for {unwanted}, which is cancelled")

    def stored(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        """The bus has a message."""
        name = (headers or {}).get(MESSAGE_ID)
        if name is not None:
            self.arrived.add(name)
        self.deliveries.stored(subject, body)
        self.lost_attempts.stored(subject, body)

    def erased(self, message: Stored) -> None:
        """The bus has lost a message."""
        self.lost_attempts.erased(message.subject, message.body)

    # -- executions --------------------------------------------------------------------------------

    def executed(self, run_id: str, node: str, item: int | None, attempt: int, arguments: object) -> int:
        """A worker starts an attempt; returns the execution's mark."""
        self.executions += 1
        mark = self.executions
        name = attempt_key(run_id, node, item, attempt)
        self.note(f"execute {name}")
        self.tell(f"a worker executes {name}")
        self.results.read(name, arguments)
        if not self.is_foreign(running()):
            self.deliveries.executed(name)
        known = self.highest.get((run_id, node, item), 0)
        self.require(attempt <= known, "I8", f"{name} is executed and was never dispatched")
        return mark


def _head(head: RunHead) -> bytes:
    """What of a finished run must never change."""
    return encode((head.state, head.error, head.finished_at_us, head.output, head.nodes_done))
