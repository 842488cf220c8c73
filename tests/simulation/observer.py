"""Sees everything that happens in a simulation, and compares it with what must always be true.

It keeps its own books from what is committed, published and executed, never from what the coordinator believes.
A breach is written down under the invariant's name in the architecture; the simulation stops at the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b

import msgspec

from headrace.results.store import digest_of
from headrace_coordinator.engine import ready_line
from headrace_coordinator.engine.effects import AttemptRecord, TimerKey
from headrace_coordinator.engine.invariants import check_all
from headrace_coordinator.engine.plan import Place, Plan, compile_plan
from headrace_coordinator.engine.standing import totals
from headrace_coordinator.engine.state import (
    NODE_FINISHED,
    NOWHERE,
    ItemState,
    Node,
    NodeState,
    RunHead,
    RunState,
)
from headrace_coordinator.engine.transitions.redispatch import live_attempts
from headrace_coordinator.engine.transitions.start import restore
from headrace_coordinator.store.memory_tables import Tables
from headrace_coordinator.store.records import NodeRow, OutboxMessage, Transaction
from headrace_protocol.codec import decode, encode
from headrace_protocol.definition import EventTrigger
from headrace_protocol.errors import ErrorCode, InvariantBroken, ProtocolError
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import CancelAttempts, OutcomeBatch, OutcomeState, Result, TaskMessage
from tests.simulation.flows import marks

Key = tuple[str, str, int | None]
"""Run, node, item."""
IN_HAND_S = 1.0
"""What a coordinator has decided is committed within this, unless its store hangs: an outcome that came meanwhile was
not known."""


class Breach(msgspec.Struct, frozen=True):
    """Something that must never happen has happened."""

    invariant: str
    what: str
    at_s: float

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


class Observer:
    """The books of one simulation."""

    def __init__(self, tables: Tables, now_s: Callable[[], float], halt: Callable[[], None]) -> None:
        self._tables = tables
        self._now_s = now_s
        self._halt = halt
        self.breaches: list[Breach] = []
        self.story: list[tuple[float, str]] | None = None
        self._hash = blake2b(digest_size=16)
        self.plans: dict[str, Plan] = {}
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
        self.losses: dict[Key, set[int]] = defaultdict(set)
        """Attempts that were charged as lost, and not heard of since."""
        self.told_s: dict[tuple[Key, int], float] = {}
        """Attempts whose end is on the bus, and since when."""
        self.alone: set[tuple[Key, int]] = set()
        """Attempts that were dispatched to run alone."""
        self.at_work: dict[str, set[tuple[Key, int]]] = defaultdict(set)
        """What each process executes."""
        self.results: dict[tuple[str, str], bytes] = {}
        """What each node's winner wrote, as it is committed."""
        self.items: dict[Key, bytes] = {}
        self.winners: set[int] = set()
        """Marks of executions whose result was committed."""
        self.written: dict[str, int] = {}
        """Marks of large results, by digest."""
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
        self.on_bus: dict[tuple[int, Place], tuple[int, int]] = {}
        """By shard: tasks that are on the bus, and how many may be."""
        self.commits = self.executions = 0

    # -- writing down ------------------------------------------------------------------------------

    def breach(self, invariant: str, what: str) -> None:
        self.breaches.append(Breach(invariant, what, self._now_s()))
        self.tell(f"!! {invariant}: {what}")
        self._halt()

    def require(self, holds: object, invariant: str, what: str) -> None:
        if not holds:
            self.breach(invariant, what)

    def note(self, line: str) -> None:
        """Part of the history: the same seed gives the same lines."""
        self._hash.update(f"{self._now_s():.6f} {line}\n".encode())

    def tell(self, line: str) -> None:
        if self.story is not None:
            self.story.append((self._now_s(), line))

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

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
        for books in (self.failures, self.losses):  # of items that have succeeded nothing is remembered
            for key in [key for key in books if key[2] is not None and key[:2] in self.recovering_now]:
                del books[key]
        for batch in transaction.outbox:
            self._promised(batch.sequence, batch.messages)
        for sequence in transaction.outbox_confirmed:
            missing = [name for name in self.batches.get(sequence, ()) if name not in self.arrived]
            self.require(not missing, "I8", f"the outbox forgot what the bus never had: {missing}")
        for run_id in touched:
            self._whole(run_id)
        if transaction.fence is not None and (touched or transaction.cursors):
            self._line(transaction.fence.shard)
        self._history(transaction)

    def _line(self, shard: int) -> None:
        """What the shard has on the bus grows up to the bound, and nobody waits while there is room."""
        on_bus: dict[Place, int] = defaultdict(int)
        ready: dict[Place, int] = defaultdict(int)
        for stored in self._tables.runs.values():
            if stored.head.shard == shard and stored.head.state is RunState.RUNNING:
                plan = self._plan(stored.head)
                for place, standing in totals(plan, restore(plan, stored.head, stored.nodes)):
                    on_bus[place] += standing.on_bus
                    ready[place] += standing.ready
        for place in on_bus.keys() | ready.keys():
            before, limit_before = self.on_bus.get((shard, place), (0, 0))
            queue = place.partition(".")[0]
            limit = self._tables.cursors.get(f"capacity/{shard}/{queue}", ready_line.DEFAULT_LIMIT)
            count = on_bus[place]
            within = count <= max(limit, limit_before, before)
            self.require(within, "bound", f"{count} tasks of {place} are on the bus, and {limit} may be")
            idle = ready[place] and count < limit
            self.require(
                not idle, "line", f"{ready[place]} tasks of {place} wait, {count} of {limit} are on the bus"
            )
            self.on_bus[shard, place] = (count, limit)

    def _history(self, transaction: Transaction) -> None:
        for history in transaction.history:
            for event in history.events:
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
        for books in (self.failures, self.retry_at_us, self.losses):
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
            self.losses[key].discard(record.attempt)
            self._charge_is_withdrawn(record)
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
            self.losses[key].add(record.attempt)
            told_s = self._now_s() - self.told_s.get((key, record.attempt), self._now_s())
            self.require(
                told_s <= IN_HAND_S, "lost", f"{name} is lost, and its end was told {told_s:.1f} s before"
            )
        elif record.state == "failed":
            lost = record.error is not None and record.error.code == ErrorCode.TASK_INPUT_LOST
            self.failures[key] += not lost
        elif record.item is not None and record.result is not None:
            self.items[key] = encode(record.result)
            self._won(record.result)

    def _won(self, result: Result) -> None:
        if result.stored is not None:
            mark = self.written.get(result.stored.digest)
            if mark is not None:
                self.winners.add(mark)
        else:
            self.winners.update(marks(msgspec.msgpack.decode(result.value)))

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
            self.results[row.run_id, row.name] = encode(node.result)
            if node.map is None:
                self._won(node.result)
            else:
                self._collected(row.run_id, row.name, node)

    def _collected(self, run_id: str, name: str, node: Node) -> None:
        if node.map is None or node.result is None or node.result.stored is not None:
            return
        found = msgspec.msgpack.decode(node.result.value, type=list[msgspec.Raw])
        self.require(
            len(found) == node.map.total, "I9", f"{run_id}/{name}: {len(found)} of {node.map.total} items"
        )
        for index, value in enumerate(found):
            winner = self.items.get((run_id, name, index))
            result = None if winner is None else decode(winner, Result)
            if result is not None and result.stored is None:
                same = bytes(result.value) == bytes(value)
                self.require(same, "I9", f"{run_id}/{name}[{index}] is not what its attempt wrote")

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
        plan = self._plan(run.head)
        planned = plan.nodes[message.node]
        highest = self.highest.get(key, 0)
        for source in planned.upstream if message.attempt > highest else ():
            node = run.nodes.get(source)
            ready = node is not None and node.state is NodeState.SUCCEEDED
            ready = ready or (message.run_id, source) in self.recovering_now
            self.require(ready, "I4", f"{name} is dispatched before {source} has succeeded")
        for source, result in message.inputs.items():
            same = self.results.get((message.run_id, source)) == encode(result)
            self.require(same, "I9", f"{name} is sent another result of {source} than the one that won")
        suspect = self.losses[key] and not message.alone
        self.require(not suspect, "lost", f"{name} killed a worker, and is not to run alone")
        if message.alone:
            self.alone.add((key, message.attempt))
        else:  # its charge has been withdrawn
            self.alone.discard((key, message.attempt))
        if message.attempt > highest:
            lost = len(self.losses[key])
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
        state = restore(self._plan(run.head), run.head, run.nodes)
        named = {(held.node, held.item, held.attempt) for held in message.attempts}
        unwanted = [attempt for attempt in live_attempts(state) if not named or attempt in named]
        self.require(not unwanted, "I3", f"run {message.run_id} waits for {unwanted}, which is cancelled")

    def stored(self, subject: str, headers: Mapping[str, str] | None, body: bytes) -> None:
        """The bus has a message."""
        name = (headers or {}).get(MESSAGE_ID)
        if name is not None:
            self.arrived.add(name)
        if ".outcome." in subject:
            with suppress(ProtocolError):  # somebody publishes garbage
                for outcome in decode(body, OutcomeBatch, headers).outcomes:
                    if outcome.state in (OutcomeState.SUCCEEDED, OutcomeState.FAILED):
                        key = (outcome.run_id, outcome.node, outcome.item)
                        self.told_s.setdefault((key, outcome.attempt), self._now_s())

    def bus_forgets(self) -> None:
        """Outcomes that nobody has read may be gone: their attempts may be lost after all."""
        self.told_s.clear()

    # -- executions --------------------------------------------------------------------------------

    def wrote(self, body: bytes, mark: int) -> None:
        """An execution made a result that may be stored outside of messages."""
        self.written[digest_of(body)] = mark

    def executed(self, run_id: str, node: str, item: int | None, attempt: int, arguments: object) -> int:
        """A worker starts an attempt; returns the execution's mark."""
        self.executions += 1
        mark = self.executions
        name = attempt_key(run_id, node, item, attempt)
        self.note(f"execute {name}")
        self.tell(f"a worker executes {name}")
        foreign = [x for x in marks(arguments) if x not in self.winners]
        self.require(not foreign, "I9", f"{name} reads results of executions {foreign}, which did not win")
        known = self.highest.get((run_id, node, item), 0)
        self.require(attempt <= known, "I8", f"{name} is executed and was never dispatched")
        return mark

    @contextmanager
    def executing(
        self, process: str, run_id: str, node: str, item: int | None, attempt: int
    ) -> Iterator[None]:
        """A suspect is executed while its process executes nothing else."""
        mine = ((run_id, node, item), attempt)
        others = self.at_work[process]
        others.add(mine)
        crowded = len(others) > 1 and not self.alone.isdisjoint(others)
        self.require(
            not crowded, "lost", f"{process} executes a suspect beside others: {sorted(map(str, others))}"
        )
        try:
            yield
        finally:
            others.discard(mine)

    def _charge_is_withdrawn(self, record: AttemptRecord) -> None:
        """What was charged as lost has come to an end. What is finished is not changed for it (I6)."""
        node = self._tables.runs[record.run_id].nodes.get(record.node)
        if node is None or node.state in NODE_FINISHED:
            return
        holder = node if record.item is None else node.map and node.map.items.get(record.item)
        if isinstance(holder, Node | ItemState):
            name = attempt_key(record.run_id, record.node, record.item, record.attempt)
            self.require(record.attempt not in holder.losses, "lost", f"{name} lived on and stays charged")

    # -- states ------------------------------------------------------------------------------------

    def _plan(self, head: RunHead) -> Plan:
        found = self.plans.get(head.version)
        if found is None:
            row = self._tables.definitions[head.workflow][head.version]
            found = self.plans[head.version] = compile_plan(row.definition, head.version)
        return found

    def _whole(self, run_id: str) -> None:
        """The run as anybody would load it now: sound, and never stuck (I5)."""
        stored = self._tables.runs[run_id]
        plan = self._plan(stored.head)
        # `restore` shares the nodes: nothing here changes them.
        run = restore(plan, stored.head, stored.nodes)
        try:
            check_all(plan, run)
        except InvariantBroken as error:
            self.breach("state", f"{run_id}: {error.message}, found {error.found}")
            return
        if stored.head.state is not RunState.RUNNING:
            return
        waits = False
        for name in run.active:
            node = run.nodes[name]
            if node.state in (NodeState.DISPATCHED, NodeState.READY, NodeState.COLLECTING):
                waits = True
            elif node.state is NodeState.RETRYING:
                waits = self._timer(run_id, name, None)
            elif node.map is not None:
                waits = waits or bool(run.standing.get(name, NOWHERE).ready)
                for item, state in node.map.items.items():
                    waits = waits or state.live
                    if state.retry_at_us is not None and not state.parked:
                        waits = self._timer(run_id, name, item)
        self.require(waits, "I5", f"run {run_id} waits for nothing: {sorted(run.active)}")
        if stored.head.deadline_us is not None:
            known = TimerKey(run_id, "deadline") in self._tables.timers
            self.require(known, "I5", f"run {run_id} has a deadline and no timer for it")

    def _timer(self, run_id: str, node: str, item: int | None) -> bool:
        known = TimerKey(run_id, "retry", node, item) in self._tables.timers
        self.require(known, "I5", f"{run_id}/{node}/{item} waits for a timer that nobody set")
        return known


def _head(head: RunHead) -> bytes:
    """What of a finished run must never change."""
    return encode((head.state, head.error, head.finished_at_us, head.output, head.nodes_done))
