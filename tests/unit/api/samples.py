"""A workflow, and outcomes of its tasks."""

from __future__ import annotations

from headrace_protocol.codec import raw
from headrace_protocol.definition import (
    EventTrigger,
    EveryTrigger,
    Item,
    MapOver,
    NodeDefinition,
    Output,
    Param,
    RetryPolicy,
    TaskDefinition,
    TaskOptions,
    WorkflowDefinition,
)
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import Outcome, OutcomeState, Result

EAGER = TaskOptions(queue="data", retry=RetryPolicy(max_attempts=3, backoff_s=10.0, jitter=False))
FLIGHTS = WorkflowDefinition(
    name="flights",
    params={"month": {"type": "string"}},
    tasks={
        "load": TaskDefinition(name="load", params={"month": {"type": "string"}}),
        "carrier": TaskDefinition(name="carrier", params={"name": {"type": "string"}}),
        "report": TaskDefinition(name="report", params={"parts": {"type": "array"}}),
    },
    nodes=(
        NodeDefinition(id="load", task="load", bindings={"month": Param("month")}, options=EAGER),
        NodeDefinition(
            id="carriers",
            task="carrier",
            bindings={"name": Item()},
            map=MapOver(over=Output("load"), window=2),
        ),
        NodeDefinition(id="report", task="report", bindings={"parts": Output("carriers")}, after=("load",)),
    ),
    triggers=(
        EventTrigger(id="landed", type="flights.month_landed"),
        EveryTrigger(id="nightly", every_s=3600.0),
    ),
    doc="Delays by carrier.",
)


def succeeded(
    run_id: str,
    node: str,
    value: object,
    *,
    at_us: int,
    item: int | None = None,
    attempt: int = 1,
    counts: tuple[int, ...] = (),
) -> Outcome:
    return Outcome(
        run_id=run_id,
        node=node,
        item=item,
        attempt=attempt,
        state=OutcomeState.SUCCEEDED,
        started_at_us=at_us,
        finished_at_us=at_us + 1_000,
        worker="w1",
        result=Result(value=raw(value)),
        counts=counts,
    )


def failed(run_id: str, node: str, message: str, *, at_us: int, attempt: int = 1) -> Outcome:
    return Outcome(
        run_id=run_id,
        node=node,
        attempt=attempt,
        state=OutcomeState.FAILED,
        started_at_us=at_us,
        finished_at_us=at_us + 1_000,
        worker="w1",
        error=ErrorInfo(code="task.failed", message=message, kind="ValueError", traceback="secret lines"),
        error_kinds=("ValueError", "Exception"),
    )
