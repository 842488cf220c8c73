"""The state of a run, and which part of it is stored.

A run's *head* and each touched *node* are stored as they are here. `Run` adds what is derived from them when
the run is loaded: dependency counters, the nodes in motion, how many are still open. A node that has never
been touched is waiting and has no row.

    node:  waiting → dispatched → succeeded
                        ↓  ↑  ↘
                     retrying   failed          waiting → upstream_failed
           mapping → collecting → succeeded     anything not finished → cancelled
           waiting, retrying → ready → dispatched, where the queue's bound on the bus is reached
           succeeded → dispatched, collecting or waiting, when a result is lost and made again
           dispatched → dispatched, when its attempt is lost with its worker, or returned
    run:   running → succeeded | failed | cancelled
           failed, cancelled → running, when an operator retries the run (its nodes that have not succeeded begin anew)
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from headrace_coordinator.engine.plan import Place
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.headers import TraceContext
from headrace_protocol.interval import Interval
from headrace_protocol.messages import ABSENT, Result


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NodeState(StrEnum):
    """Where a node is."""

    __hash__ = (
        str.__hash__
    )  # an enum's own is a call in Python, and states are looked up in sets all the time

    WAITING = "waiting"
    READY = "ready"
    """Its attempt waits in the ready line until there is room for it on the bus."""
    DISPATCHED = "dispatched"
    RETRYING = "retrying"
    MAPPING = "mapping"
    COLLECTING = "collecting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UPSTREAM_FAILED = "upstream_failed"


NODE_FINISHED = frozenset(
    {NodeState.SUCCEEDED, NodeState.FAILED, NodeState.CANCELLED, NodeState.UPSTREAM_FAILED}
)
NODE_ACTIVE = frozenset(
    {NodeState.READY, NodeState.DISPATCHED, NodeState.RETRYING, NodeState.MAPPING, NodeState.COLLECTING}
)


class WaitKind(StrEnum):
    """What an unfinished run waits for (I5)."""

    WORKER = "worker"
    """An outcome: `on` names node and queue."""
    WORKER_WITH_TASK = "worker_with_task"
    """A worker that has the task: one that does not have it returned it."""
    LINE = "line"
    """Its turn in the ready line: as many tasks of its queue as the workers can use are on the bus."""
    TIMER = "timer"
    """A retry: `wake_at_us` says when."""
    COLLECT = "collect"
    """The coordinator itself puts a map's results together."""


class Wait(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why a run is not finished: the thing it waits for, and the next time it wakes by itself."""

    kind: WaitKind
    on: str
    wake_at_us: int | None = None


class ItemState(msgspec.Struct, omit_defaults=True, gc=False):
    """An item of a map that is in motion; the window bounds how many there are."""

    attempt: int = 1
    failures: int = 0
    retry_at_us: int | None = None
    """Set while the item waits for its next attempt; no attempt is live then."""
    parked: bool = False
    """The item waits for a lost input, or has failed for good; no attempt is live then."""
    generation: int = 0
    """As that of a node."""
    losses: tuple[int, ...] = ()
    """As those of a node."""
    dispatch: int = 0
    """As that of a node."""
    ready: bool = False
    """The attempt waits in the ready line, as that of a node in the state `ready`."""

    @property
    def live(self) -> bool:
        """Whether its latest attempt holds the fence."""
        return self.retry_at_us is None and not self.parked


class MapState(msgspec.Struct, omit_defaults=True, gc=False):
    """Progress of a map node. Items below `next_index` that are not in `items` have succeeded."""

    total: int
    next_index: int = 0
    items: dict[int, ItemState] = {}
    first_attempt: int = 1
    """Number of the first attempt of items that start: higher than 1 when lost results are made again."""
    last_attempt: int = 1
    """The highest number that an attempt of any item has had: it is never used again (I3)."""

    @property
    def done(self) -> int:
        return self.next_index - len(self.items)


class Node(msgspec.Struct, array_like=True, gc=False):
    """A node of a run. It is stored in the order of its fields: further ones are added at the end."""

    state: NodeState = NodeState.WAITING
    ready_at_us: int = 0
    """When its last dependency was met."""
    finished_at_us: int = 0
    attempt: int = 0
    """Number of the latest attempt: the fence."""
    failures: int = 0
    """Attempts that failed and count against `max_attempts`."""
    queued_at_us: int = 0
    """When a task message of it was last published; of a map, for any of its items."""
    retry_at_us: int | None = None
    recoveries: int = 0
    """How often its result was made again after the bus had lost it."""
    generation: int = 0
    """How often its inputs had been made again when its latest attempt was dispatched: an attempt that misses
    an input of an older generation needs nothing made again."""
    motion: int = 0
    """When it was set in motion, as a number that grows over the run."""
    result: Result | None = None
    counts: tuple[int, ...] = ()
    """Lengths at the plan's count paths of this node."""
    error: ErrorInfo | None = None
    map: MapState | None = None
    losses: tuple[int, ...] = ()
    """Attempts that were lost with their workers and count against `max_lost`."""
    dispatch: int = 0
    """How often its latest attempt was returned and dispatched again."""
    code: str = ""
    """Set once a worker without the task has returned it: from then on only workers with that code get it."""


UNCOUNTED = -1
"""Of a run that was stored before its nodes were counted by how they ended."""


class RunHead(msgspec.Struct, kw_only=True, array_like=True, gc=False):
    """What is stored of a run besides its nodes, in the order of its fields: further ones are added at the end."""

    run_id: str
    workflow: str
    version: str
    shard: int
    params: msgspec.Raw = ABSENT
    state: RunState = RunState.RUNNING
    trigger: str = "manual"
    event_id: str = ""
    event_source: str = ""
    scheduled_at_us: int | None = None
    labels: dict[str, str] = {}
    trace: TraceContext | None = None
    """The span of the run; its parent is in `parent_span_id`."""
    parent_span_id: str = ""
    """The trigger's span."""
    publisher_span_id: str = ""
    """The span that published the trigger event, parent of the trigger's."""
    received_at_us: int = 0
    created_at_us: int = 0
    finished_at_us: int | None = None
    deadline_us: int | None = None
    wait: Wait | None = None
    error: ErrorInfo | None = None
    output: Result | None = None
    nodes_total: int = 0
    nodes_done: int = 0
    motions: int = 0
    """How often a node has been set in motion."""
    retries: int = 0
    """How often an operator has retried the run."""
    interval: Interval | None = None
    """The data that the run covers."""
    idle_us: int = 0
    """How long the run was over before it was retried, all such times together."""
    nodes_succeeded: int = UNCOUNTED
    nodes_failed: int = UNCOUNTED
    codes: dict[str, tuple[str, ...]] = {}
    """By task: hashes of the code that it has been run with, the first one first."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How many tasks of a node, or of a whole run, are where."""

    on_bus: int = 0
    """Attempts that are live and published."""
    ready: int = 0
    """Tasks that may go to the bus when their turn comes."""
    backlog: int = 0
    """`ready`, and the items of a map that its window keeps back."""


NOWHERE = Standing()


class Resting(msgspec.Struct, gc=False):
    """Items of a map that are in motion and not on the bus."""

    ready: set[int]
    """They wait in the ready line."""
    idle: set[int]
    """They wait for a retry or an input."""


class Run(msgspec.Struct, gc=False):
    """A run in memory: what is stored, and what is derived from it."""

    head: RunHead
    nodes: dict[str, Node]
    """Every node of the workflow, in definition order."""
    remaining: dict[str, int]
    """For each waiting node: upstream nodes that have not succeeded."""
    active: dict[str, None]
    """Nodes in motion, the longest first (an ordered set)."""
    open: int
    """Nodes that are not finished."""
    slices: dict[str, list[msgspec.Raw]] = {}
    """Lists that map nodes in motion work on, cut into items."""
    standing: dict[str, Standing] = {}
    """Of map nodes with items on the bus or in the ready line: how many are where, as the line knows it."""
    line: dict[Place, dict[str, None]] = {}
    """Nodes with something in the ready line, by queue and priority, in the order in which they came (ordered sets);
    empty while nothing waits."""
    resting: dict[str, Resting] = {}
    """Of map nodes, as far as it has been looked at."""
