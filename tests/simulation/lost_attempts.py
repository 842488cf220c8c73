"""Rules about attempts that are taken for lost: who is charged, what runs alone, and what lives on.

What a coordinator hears of the workers is written down as it arrives there. So who was silent, and since when, is known
independently of the failure detector.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import NODE_FINISHED, ItemState, Node, RunState
from headrace_coordinator.runtime.fleet import SILENT, UNHEARD
from headrace_coordinator.store.memory_tables import Tables
from headrace_protocol.codec import decode
from headrace_protocol.deliveries import Redelivered
from headrace_protocol.ids import attempt_key
from headrace_protocol.messages import Heartbeat, OutcomeState, Started, TaskMessage
from tests.simulation.deliveries import Key, outcomes_in
from tests.simulation.journal import Journal

JUST_HEARD_S = 0.5
"""What arrives between a decision and its commit."""
ABOUT_S = 0.1
CALLS_WITHOUT_SHARD = 6
"""Roll calls before a coordinator must have noticed that its shards are another's. (Not a time: it may stand still.)"""


class _Heard:
    """What one coordinator process has heard of the workers."""

    def __init__(self) -> None:
        self.beats: list[tuple[float, str]] = []
        self.every_s: dict[str, float] = {}
        self.stopped: set[str] = set()

    def silent_s(self, worker: str, now_s: float) -> float:
        """How long a worker has been silent while others were heard: time in which nobody is heard does not count."""
        most = UNHEARD * min(self.every_s.values())
        silent, later = 0.0, now_s
        for at_s, who in reversed(self.beats):
            silent += min(later - at_s, most)
            later = at_s
            if who == worker and at_s < now_s - JUST_HEARD_S:
                break
        return silent

    def is_silent(self, worker: str, now_s: float) -> bool:
        every_s = self.every_s.get(worker)
        if every_s is None:
            return False
        return self.silent_s(worker, now_s) >= SILENT * every_s - ABOUT_S


class LostAttempts:
    """The books of what is taken for lost."""

    def __init__(self, tables: Tables, journal: Journal) -> None:
        self._tables = tables
        self._journal = journal
        self.charged: dict[Key, set[int]] = defaultdict(set)
        """Attempts that were charged as lost, and not heard of since."""
        self._alone: set[tuple[Key, int]] = set()
        """Attempts that were dispatched to run alone."""
        self._at_work: dict[str, set[tuple[Key, int]]] = defaultdict(set)
        """What each process executes."""
        self._heard: dict[str, _Heard] = defaultdict(_Heard)
        """By the coordinator's process."""
        self._runners: dict[int, str] = {}
        """The process that took each shard's lease last."""
        self._calls: dict[str, int] = {}
        """Roll calls of processes whose shards another has now."""
        self._stored = 0
        self._ends: dict[tuple[Key, int], int] = {}
        """When the outcome of an attempt came to the bus, in its order."""
        self._told: dict[tuple[Key, int], int] = {}
        """When a copy of an attempt was told of first."""

    # -- charging ----------------------------------------------------------------------------------

    def heard(self, process: str, subject: str, body: bytes) -> None:
        """A message arrives at a coordinator."""
        books = self._heard[process]
        if subject.endswith(".heartbeat"):
            beat = decode(body, Heartbeat)
            books.every_s[beat.worker] = beat.every_s
            books.beats.append((self._journal.now_s(), beat.worker))
            (books.stopped.add if beat.stopped else books.stopped.discard)(beat.worker)
        elif subject.endswith(".started"):
            worker = decode(body, Started).worker
            if worker in books.every_s:
                books.beats.append((self._journal.now_s(), worker))

    def lost(self, record: AttemptRecord, process: str) -> None:
        """A coordinator's process commits that an attempt is charged as lost."""
        key = (record.run_id, record.node, record.item)
        self.charged[key].add(record.attempt)
        name = attempt_key(*key, record.attempt)
        books, now_s = self._heard[process], self._journal.now_s()
        if record.worker:
            silent = books.is_silent(record.worker, now_s)
            self._journal.require(
                silent, "lost", f"{name} is charged, and {record.worker} was heard a moment ago"
            )
            said = record.worker in books.stopped
            self._journal.require(
                not said, "lost", f"{name} is charged, and {record.worker} said that it ends"
            )
        else:
            silent = any(books.is_silent(worker, now_s) for worker in books.every_s.keys() - books.stopped)
            self._journal.require(
                silent, "lost", f"{name} is charged, and every worker was heard a moment ago"
            )

    def ended_late(self, record: AttemptRecord) -> None:
        """What was charged as lost has come to an end. What is finished is not changed for it (I6)."""
        key = (record.run_id, record.node, record.item)
        self.charged[key].discard(record.attempt)
        node = self._tables.runs[record.run_id].nodes.get(record.node)
        if node is None or node.state in NODE_FINISHED:
            return
        holder = node if record.item is None else node.map and node.map.items.get(record.item)
        if isinstance(holder, Node | ItemState):
            name = attempt_key(*key, record.attempt)
            withdrawn = record.attempt not in holder.losses
            self._journal.require(withdrawn, "lost", f"{name} lived on and stays charged")

    def check(self, run_id: str) -> None:
        """Nothing is charged that is not recorded as lost."""
        stored = self._tables.runs[run_id]
        if stored.head.state is not RunState.RUNNING:
            return
        for name, node in stored.nodes.items():
            holders: dict[int | None, Node | ItemState] = {None: node}
            if node.map is not None:
                holders.update(node.map.items)
            for item, holder in holders.items():
                if holder.losses and node.state not in NODE_FINISHED:
                    extra = set(holder.losses) - self.charged[run_id, name, item]
                    self._journal.require(not extra, "lost", f"{run_id}/{name}/{item}: {extra} is not lost")

    # -- what is on the bus ------------------------------------------------------------------------

    def stored(self, subject: str, body: bytes) -> None:
        """The bus has a message of a worker to a coordinator."""
        self._stored += 1
        if ".redelivered." in subject:
            told = decode(body, Redelivered)
            self._told.setdefault(((told.run_id, told.node, told.item), told.attempt), self._stored)
        for outcome in outcomes_in(subject, body):
            key = (outcome.run_id, outcome.node, outcome.item)
            if outcome.state is not OutcomeState.RETURNED:
                self._ends.setdefault((key, outcome.attempt), self._stored)

    def erased(self, subject: str, body: bytes) -> None:
        """The bus has lost a message."""
        for outcome in outcomes_in(subject, body):
            self._ends.pop(((outcome.run_id, outcome.node, outcome.item), outcome.attempt), None)

    def given_up(self, key: Key, attempt: int) -> None:
        """It is committed that an attempt is lost, or that its delivery is: what was told before is applied by then."""
        ended, told = self._ends.get((key, attempt)), self._told.get((key, attempt))
        overlooked = ended is not None and told is not None and ended < told
        name = attempt_key(*key, attempt)
        self._journal.require(
            not overlooked, "lost", f"{name} is given up, and its outcome was on the bus already"
        )

    # -- suspects ----------------------------------------------------------------------------------

    def dispatched(self, message: TaskMessage) -> None:
        key = (message.run_id, message.node, message.item)
        name = attempt_key(*key, message.attempt)
        suspect = self.charged[key] and not message.alone
        self._journal.require(not suspect, "lost", f"{name} killed a worker, and is not to run alone")
        if message.alone:
            self._alone.add((key, message.attempt))
        else:  # its charge has been withdrawn
            self._alone.discard((key, message.attempt))

    @contextmanager
    def executing(
        self, process: str, run_id: str, node: str, item: int | None, attempt: int
    ) -> Iterator[None]:
        """A suspect is executed while its process executes nothing else."""
        mine = ((run_id, node, item), attempt)
        others = self._at_work[process]
        others.add(mine)
        crowded = len(others) > 1 and not self._alone.isdisjoint(others)
        self._journal.require(
            not crowded, "lost", f"{process} executes a suspect beside others: {sorted(map(str, others))}"
        )
        try:
            yield
        finally:
            others.discard(mine)

    # -- whose business it is ----------------------------------------------------------------------

    def leased(self, shard: int, process: str) -> None:
        """A coordinator's process takes a shard, or renews its lease."""
        before = self._runners.get(shard)
        self._runners[shard] = process
        self._calls.pop(process, None)
        if before is not None and before not in self._runners.values():
            self._calls.setdefault(before, 0)

    def roll_called(self, process: str) -> None:
        """Whoever runs no shard any more suspects nobody."""
        if process in self._calls:
            self._calls[process] += 1
            calls = self._calls[process]
            self._journal.require(
                calls <= CALLS_WITHOUT_SHARD,
                "lost",
                f"{process} has no shard, and has called the roll {calls} times",
            )
