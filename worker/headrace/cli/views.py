"""What the API answers, as far as commands show it. Fields that are not known here are ignored."""

from __future__ import annotations

import msgspec

from headrace_protocol.errors import ErrorInfo
from headrace_protocol.interval import Interval
from headrace_protocol.messages import HeldAttempt, LifecycleBatch, LogLine, Preview

RUNNING = "running"
SUCCEEDED = "succeeded"
Labels = dict[str, str]


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What an unfinished run, or a node of it, does at the moment."""

    kind: str
    text: str
    node: str = ""
    queue: str = ""
    since_us: int | None = None
    wake_at_us: int | None = None


class NodeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How the nodes of a run stand."""

    succeeded: int
    failed: int
    not_run: int


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list."""

    run_id: str
    workflow: str
    version: str
    state: str
    trigger: str = "manual"
    event_id: str = ""
    labels: Labels = {}
    scheduled_at_us: int | None = None
    interval: Interval | None = None
    created_at_us: int = 0
    finished_at_us: int | None = None
    duration_s: float = 0.0
    nodes_done: int = 0
    nodes_total: int = 0
    progress: NodeCounts | None = None
    retries: int = 0
    trace_id: str = ""
    activity: Activity | None = None
    error: ErrorInfo | None = None

    @property
    def finished(self) -> bool:
        return self.state != RUNNING


class MapView(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of a map node."""

    total: int
    done: int
    running: int = 0


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ended."""

    node: str
    attempt: int
    state: str
    item: int | None = None
    worker: str = ""
    started_at_us: int = 0
    queue_wait_s: float = 0.0
    duration_s: float = 0.0
    error: ErrorInfo | None = None


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a run."""

    node: str
    task: str
    state: str
    queue: str = ""
    attempt: int = 0
    max_attempts: int = 1
    activity: Activity | None = None
    duration_s: float | None = None
    queue_wait_s: float | None = None
    map: MapView | None = None
    error: ErrorInfo | None = None
    attempts: tuple[AttemptView, ...] = ()


class StoredView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a large value is."""

    uri: str
    size_bytes: int


class ValueView(msgspec.Struct, frozen=True, kw_only=True):
    """A value, or where it is stored."""

    value: object = None
    stored: StoredView | None = None
    preview: Preview | None = None


class RunDetail(RunSummary, frozen=True, kw_only=True):
    """A run with its nodes."""

    params: object = None
    output: ValueView | None = None
    nodes: tuple[NodeView, ...] = ()

    @property
    def mapping(self) -> bool:
        """Whether a map is under way."""
        return any(node.state == "mapping" for node in self.nodes)


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was started."""

    run_id: str
    workflow: str
    version: str = ""
    created: bool = True
    trace_id: str = ""


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did to a run."""

    run_id: str
    state: str


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, newest first."""

    runs: tuple[RunSummary, ...]
    next: str | None = None


class AttemptPage(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts in the order in which they ended."""

    attempts: tuple[AttemptView, ...]
    next: int | None = None


class LogView(msgspec.Struct, frozen=True, kw_only=True):
    """A log line with its position."""

    position: int
    line: LogLine


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Log lines, oldest first."""

    lines: tuple[LogView, ...]
    next: int = 0
    complete: bool = False


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, oldest first."""

    history: tuple[LifecycleBatch, ...]
    next: int | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a run is where it is."""

    text: str
    kind: str = ""
    node: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is not finished, or how it ended."""

    run_id: str
    state: str
    summary: str
    reasons: tuple[Reason, ...] = ()
    advice: tuple[str, ...] = ()
    error: ErrorInfo | None = None


class TraceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of a waterfall."""

    name: str
    depth: int
    offset_s: float
    duration_s: float
    status: str = "ok"
    critical: bool = False
    queue_wait_s: float | None = None
    service: str = ""
    node: str = ""
    attempts: int | None = None
    error: str = ""


class TraceView(msgspec.Struct, frozen=True, kw_only=True):
    """The trace of a run, drawn."""

    run_id: str
    trace_id: str
    duration_s: float
    rows: tuple[TraceRow, ...]
    omitted: int = 0


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as its heartbeats show it."""

    worker: str
    host: str = ""
    pid: int = 0
    queues: tuple[str, ...] = ()
    slots: int = 0
    tasks: tuple[str, ...] = ()
    held: tuple[HeldAttempt, ...] = ()
    started_at_us: int = 0
    seen_at_us: int = 0
    state: str = ""


class WorkerList(msgspec.Struct, frozen=True, kw_only=True):
    """Workers that were seen lately."""

    workers: tuple[WorkerView, ...]


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue and priority."""

    queue: str
    priority: str
    pending: int = 0
    line: int = 0
    """Those of the pending tasks that wait in the coordinator."""
    in_flight: int = 0
    redelivered: int = 0
    workers: int = 0
    slots: int = 0
    oldest_us: int | None = None
    """When the task was published that a worker gets next."""
    trouble: str = ""
    """Why NATS gives out nothing of it."""


class QueueList(msgspec.Struct, frozen=True, kw_only=True):
    """Queues, with what waits in the coordinator and what the bus holds."""

    queues: tuple[QueueView, ...]


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be processed."""

    letter_id: str
    received_at_us: int
    subject: str
    error: ErrorInfo
    state: str = "open"
    size_bytes: int = 0
    redriven_at_us: int | None = None
    headers: dict[str, str] = {}
    body: str | None = None
    body_base64: str | None = None


class RunFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A run for which an order failed."""

    run_id: str
    error: ErrorInfo


class RunsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that an order is, or would be, for."""

    count: int
    more: bool = False
    run_ids: tuple[str, ...] = ()
    runs: tuple[RunSummary, ...] = ()
    done: tuple[str, ...] = ()
    failed: tuple[RunFailure, ...] = ()


class LetterFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter for which an order failed."""

    letter_id: str
    error: ErrorInfo


class LettersReply(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters that an order is, or would be, for."""

    count: int
    letter_ids: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    failed: tuple[LetterFailure, ...] = ()


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters, newest first."""

    dead_letters: tuple[DeadLetterView, ...]
    next: str | None = None
