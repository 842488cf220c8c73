"""Small values of every type a store holds."""

from headrace_coordinator.engine.effects import AttemptRecord, TimerKey
from headrace_coordinator.engine.state import Node, NodeState, RunHead, RunState
from headrace_coordinator.store.records import (
    DeadLetter,
    DefinitionRow,
    EventRecord,
    HolderKind,
    Mark,
    NodeRow,
    Origin,
    OutboxBatch,
    OutboxMessage,
    ResultReference,
    ScheduleState,
    StreamIdentity,
    Tally,
    TallyKind,
    Timer,
    Transaction,
    WorkflowChange,
    WorkflowState,
)
from headrace_protocol.codec import raw
from headrace_protocol.definition import NodeDefinition, TaskDefinition, WorkflowDefinition
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, LogLine, Result, Span

NOW_US = 1_700_000_000_000_000
DAY_US = 86_400 * 1_000_000


def head(run_id: str = "r1", **changes: object) -> RunHead:
    fields = {"workflow": "w", "version": "v", "shard": 0, "created_at_us": NOW_US, "params": raw({"a": 1})}
    return RunHead(run_id=run_id, **{**fields, **changes})


def finished(run_id: str, at_us: int = NOW_US, **changes: object) -> RunHead:
    return head(
        run_id, **{"state": RunState.SUCCEEDED, "created_at_us": at_us, "finished_at_us": at_us, **changes}
    )


def node(run_id: str = "r1", name: str = "n", attempt: int = 1) -> NodeRow:
    return NodeRow(run_id, name, Node(state=NodeState.DISPATCHED, attempt=attempt, queued_at_us=NOW_US))


def attempt(
    run_id: str = "r1", name: str = "n", number: int = 1, item: int | None = None, state: str = "succeeded"
) -> AttemptRecord:
    return AttemptRecord(
        run_id=run_id,
        node=name,
        attempt=number,
        state=state,
        item=item,
        queued_at_us=NOW_US,
        started_at_us=NOW_US + 1,
        finished_at_us=NOW_US + 2,
        worker="host-1-abcdef",
        delivery=2,
        result=Result(raw({"of": item})) if state == "succeeded" else None,
        error=ErrorInfo("task.failed", "no", details={"a": "b"}) if state == "failed" else None,
    )


def history(position: int, run_id: str = "r1", workflow: str = "w") -> LifecycleBatch:
    event = LifecycleEvent(kind="node.succeeded", at_us=NOW_US, node="n", data={"x": [1, "a", None]})
    return LifecycleBatch(position=position, run_id=run_id, workflow=workflow, events=(event,))


def timer(actor: str = "r1", due_us: int = NOW_US, shard: int = 0, item: int | None = None) -> Timer:
    return Timer(shard, TimerKey(actor, "retry", "n", item), due_us)


def batch(sequence: int, shard: int = 0) -> OutboxBatch:
    message = OutboxMessage("hr.ns.task.default.normal", {"Nats-Msg-Id": str(sequence)}, b"\x00body")
    return OutboxBatch(shard, sequence, (message, OutboxMessage("x", {}, b"", stream=False)))


def schedule(workflow: str = "w", trigger: str = "t", next_us: int = NOW_US) -> ScheduleState:
    return ScheduleState(workflow=workflow, trigger=trigger, next_fire_us=next_us, fingerprint="f")


def definition(name: str = "w", doc: str = "", at_us: int = NOW_US) -> DefinitionRow:
    nodes = (NodeDefinition(id="n", task="t"),)
    made = WorkflowDefinition(name=name, nodes=nodes, tasks={"t": TaskDefinition(name="t")}, doc=doc)
    return DefinitionRow(made, made.version(), at_us)


def event(event_id: str = "e1", received_at_us: int = NOW_US, **changes: object) -> EventRecord:
    fields = {"source": "/s", "type": "orders.uploaded", "data": b"{}", "runs": ("r1",)}
    return EventRecord(event_id=event_id, received_at_us=received_at_us, **{**fields, **changes})


def letter(letter_id: str = "l1", received_at_us: int = NOW_US, **changes: object) -> DeadLetter:
    return DeadLetter(
        letter_id=letter_id,
        received_at_us=received_at_us,
        subject="s",
        headers={"h": "v"},
        body=b"\xff",
        error=ErrorInfo("protocol.malformed", "no"),
        **changes,
    )


def line(
    run_id: str = "r1",
    name: str = "n",
    item: int | None = None,
    at_us: int = NOW_US,
    *,
    level: str = "info",
    message: str = "m",
) -> LogLine:
    return LogLine(run_id=run_id, node=name, attempt=1, at_us=at_us, level=level, message=message, item=item)


def span(span_id: str = "s1", trace_id: str = "t1", start_us: int = NOW_US, name: str = "work") -> Span:
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        name=name,
        start_us=start_us,
        end_us=start_us + 5,
        attributes={"a": [1, 2.5, "x"]},
    )


def workflow_state(workflow: str = "w", *, deleted: bool = False) -> WorkflowState:
    return WorkflowState(
        workflow=workflow, set="shop", deleted=Mark(at_us=NOW_US, by="ada") if deleted else None
    )


def workflow_change(workflow: str = "w", at_us: int = NOW_US) -> WorkflowChange:
    origin = Origin(set="shop", file="flows.py", code="c0de")
    return WorkflowChange(workflow=workflow, kind="deployed", at_us=at_us, version="v", origin=origin)


def everything() -> Transaction:
    """A transaction with a row for every table."""
    return Transaction(
        runs=[head()],
        nodes=[node()],
        attempts=[attempt(), attempt(item=3)],
        history=[history(1)],
        timers=[timer()],
        outbox=[batch(1)],
        references=[ResultReference("nats://b/a", HolderKind.RUN, "r1")],
        schedules=[schedule()],
        definitions=[definition()],
        workflow_states=[workflow_state()],
        workflow_changes=[workflow_change()],
        events=[event()],
        dead_letters=[letter()],
        logs=[line()],
        spans=[span()],
        tallies=[Tally(NOW_US // 60_000_000 * 60, TallyKind.RUN, "w", "succeeded", 2)],
        streams=[StreamIdentity("HR_TASKS", "2026-01-01", 7)],
        cursors={"traces": 5},
    )
