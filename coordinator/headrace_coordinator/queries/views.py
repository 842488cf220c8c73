"""What runs look like to people and programs: plain JSON values, times in microseconds since the epoch."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import UNCOUNTED, Node, NodeState, RunHead, RunState, WaitKind
from headrace_coordinator.queries.activity import Activity, Moment, node_activity, run_activity
from headrace_coordinator.queries.values import ValueView, as_json, view_of
from headrace_coordinator.store.port import StoredRun
from headrace_protocol.definition import NodeDefinition, WorkflowDefinition, upstream
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.interval import Interval


class WaitView(msgspec.Struct, frozen=True, kw_only=True):
    """What an unfinished run waits for."""

    kind: WaitKind
    on: str
    wake_at_us: int | None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How the nodes of a run stand: they add up to `total`."""

    total: int
    succeeded: int
    failed: int
    not_run: int
    """Ended without a result of their own: never ran, or were cancelled."""
    open: int


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list."""

    run_id: str
    workflow: str
    version: str
    state: RunState
    trigger: str
    event_id: str
    event_source: str
    labels: dict[str, str]
    created_at_us: int
    scheduled_at_us: int | None
    interval: Interval | None
    """The data that the run covers."""
    finished_at_us: int | None
    deadline_us: int | None
    duration_s: float
    """Up to now when the run is not finished, without the times in which it was over and waited to be retried."""
    idle_s: float
    """Those times."""
    nodes_done: int
    """Nodes that ended, whichever way."""
    nodes_total: int
    progress: Progress | None
    """None for a run that an older version stored."""
    retries: int
    """How often an operator has retried it: it went `retries + 1` times."""
    trace_id: str
    activity: Activity | None
    """What it does at the moment; None once it is finished."""
    wait: WaitView | None
    error: ErrorInfo | None
    """Without its traceback."""


class MapView(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of a map node."""

    total: int
    done: int
    in_motion: int
    retrying: int
    running: int
    """Items that workers are working on."""


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that ended."""

    node: str
    item: int | None
    attempt: int
    state: str
    worker: str
    delivery: int
    queued_at_us: int
    started_at_us: int
    finished_at_us: int
    queue_wait_s: float
    duration_s: float
    error: ErrorInfo | None


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a run."""

    node: str
    task: str
    state: NodeState
    queue: str
    priority: str
    upstream: tuple[str, ...]
    attempt: int
    max_attempts: int
    failures: int
    recoveries: int
    ready_at_us: int | None
    queued_at_us: int | None
    finished_at_us: int | None
    retry_at_us: int | None
    activity: Activity | None
    """What it does at the moment; None unless it is under way."""
    duration_s: float | None
    """From ready to finished, or to now."""
    queue_wait_s: float | None
    """Of the latest attempt that ended."""
    map: MapView | None
    error: ErrorInfo | None
    attempts: tuple[AttemptView, ...]
    """Attempts that ended; those of a map's items are listed by `/runs/{run_id}/attempts`."""


class RunDetail(RunSummary, frozen=True, kw_only=True):
    """A run with its nodes in the order of the graph."""

    params: object
    output: ValueView | None
    nodes: tuple[NodeView, ...]


def summary_of(head: RunHead, moment: Moment) -> RunSummary:
    """A run for a list."""
    wait = head.wait
    return RunSummary(
        run_id=head.run_id,
        workflow=head.workflow,
        version=head.version,
        state=head.state,
        trigger=head.trigger,
        event_id=head.event_id,
        event_source=head.event_source,
        labels=head.labels,
        created_at_us=head.created_at_us,
        scheduled_at_us=head.scheduled_at_us,
        interval=head.interval,
        finished_at_us=head.finished_at_us,
        deadline_us=head.deadline_us,
        duration_s=_seconds(head.created_at_us + head.idle_us, head.finished_at_us or moment.now_us),
        idle_s=head.idle_us / 1e6,
        nodes_done=head.nodes_done,
        nodes_total=head.nodes_total,
        progress=progress_of(head),
        retries=head.retries,
        trace_id="" if head.trace is None else head.trace.trace_id,
        activity=run_activity(head, moment),
        wait=None if wait is None else WaitView(kind=wait.kind, on=wait.on, wake_at_us=wait.wake_at_us),
        error=None if head.error is None else msgspec.structs.replace(head.error, traceback=""),
    )


def progress_of(head: RunHead) -> Progress | None:
    """How the nodes of a run stand."""
    succeeded, failed, done = head.nodes_succeeded, head.nodes_failed, head.nodes_done
    if succeeded == UNCOUNTED:
        return None
    return Progress(
        total=head.nodes_total,
        succeeded=succeeded,
        failed=failed,
        not_run=done - succeeded - failed,
        open=head.nodes_total - done,
    )


def detail_of(
    stored: StoredRun, definition: WorkflowDefinition, attempts: list[AttemptRecord], moment: Moment
) -> RunDetail:
    """A run with everything but its history and logs. `attempts` are those of nodes that are not maps."""
    head = stored.head
    summary = msgspec.structs.asdict(summary_of(head, moment))
    ended: dict[str, list[AttemptView]] = {}
    for record in attempts:
        if record.item is None:
            ended.setdefault(record.node, []).append(attempt_view(record))
    summary["error"] = head.error
    return RunDetail(
        **summary,
        params=as_json(head.params),
        output=None if head.output is None else view_of(head.output),
        nodes=tuple(
            node_view(head, planned, definition, stored.nodes.get(planned.id) or Node(), ended, moment)
            for planned in definition.nodes
        ),
    )


def node_view(
    head: RunHead,
    planned: NodeDefinition,
    definition: WorkflowDefinition,
    node: Node,
    ended: dict[str, list[AttemptView]],
    moment: Moment,
) -> NodeView:
    """A node as it is now."""
    attempts = tuple(ended.get(planned.id, ()))
    end_us = node.finished_at_us or moment.now_us
    activity = (
        None if head.state is not RunState.RUNNING else node_activity(head.run_id, planned, node, moment)
    )
    return NodeView(
        node=planned.id,
        task=planned.task,
        state=node.state,
        queue=planned.options.queue,
        priority=planned.options.priority.value,
        upstream=upstream(planned),
        attempt=node.attempt,
        max_attempts=planned.options.retry.max_attempts,
        failures=node.failures,
        recoveries=node.recoveries,
        ready_at_us=node.ready_at_us or None,
        queued_at_us=node.queued_at_us or None,
        finished_at_us=node.finished_at_us or None,
        retry_at_us=node.retry_at_us,
        activity=activity,
        duration_s=_seconds(node.ready_at_us, end_us) if node.ready_at_us else None,
        queue_wait_s=attempts[-1].queue_wait_s if attempts else None,
        map=map_view(node, 0 if activity is None else activity.running),
        error=node.error,
        attempts=attempts,
    )


def map_view(node: Node, running: int = 0) -> MapView | None:
    """Progress of a map node; None for a node that maps nothing (yet)."""
    progress = node.map
    if progress is None:
        return None
    waiting = sum(item.retry_at_us is not None or item.parked for item in progress.items.values())
    return MapView(
        total=progress.total,
        done=progress.done,
        in_motion=len(progress.items) - waiting,
        retrying=waiting,
        running=running,
    )


def attempt_view(record: AttemptRecord) -> AttemptView:
    """An attempt without its result."""
    started_us = record.started_at_us or record.finished_at_us
    return AttemptView(
        node=record.node,
        item=record.item,
        attempt=record.attempt,
        state=record.state,
        worker=record.worker,
        delivery=record.delivery,
        queued_at_us=record.queued_at_us,
        started_at_us=record.started_at_us,
        finished_at_us=record.finished_at_us,
        queue_wait_s=_seconds(record.queued_at_us or started_us, started_us),
        duration_s=_seconds(started_us, record.finished_at_us),
        error=record.error,
    )


def _seconds(start_us: int, end_us: int) -> float:
    """Clocks of two machines may disagree: never negative."""
    return max(0, end_us - start_us) / 1e6
