"""One message of each wire type with every field set, and where its golden frames are kept.

A golden frame is the message as msgpack, in hex, beside its twin in JSON. They change only when the contract
does, on purpose, with `python -m tests.wire.regenerate`.
"""

from pathlib import Path

import msgspec

from headrace_protocol import codec, deploys
from headrace_protocol import definition as d
from headrace_protocol import deliveries as x
from headrace_protocol import messages as m
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.headers import TraceContext
from headrace_protocol.interval import Interval

GOLDEN = Path(__file__).parent / "golden"

TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", False, "vendor=1")
RUN = "0123456789abcdefghijklmnop"
STORED = m.Stored("nats://HR_RESULTS_default/k", 70_000, "d41d8cd98f00b204e9800998ecf8427e")
NOW_US = 1_790_000_000_000_000
ERROR = ErrorInfo(
    "task.failed", "boom", "builtins.ValueError", "clean", "x", "y", "Mend it.", "Traceback", {"row": "3"}
)
HELD = m.HeldAttempt(run_id=RUN, node="clean", attempt=2, started_at_us=NOW_US, item=7)

OPTIONS = d.TaskOptions(
    queue="gpu",
    priority=d.Priority.HIGH,
    retry=d.RetryPolicy(
        max_attempts=5,
        backoff_s=0.5,
        factor=3.0,
        cap_s=60.0,
        jitter=False,
        retry_on=("a.B",),
        give_up_on=("c.D",),
    ),
    timeout_s=30.0,
    isolation=d.Isolation.PROCESS,
    max_lost=5,
    pin_code=True,
)
BINDINGS: dict[str, d.Binding] = {
    "rows": d.Output("load", ("rows", 0)),
    "month": d.Param("month", ("first",)),
    "one": d.Item(),
    "both": d.ListOf((d.Literal({"a": [1, None, 2.5, "ü"]}), d.Item())),
    "named": d.ObjectOf({"x": d.Literal(True)}),
}
DEFINITION = d.WorkflowDefinition(
    name="flights",
    nodes=(
        d.NodeDefinition(id="load", task="load_month"),
        d.NodeDefinition(
            id="clean",
            task="clean",
            bindings=BINDINGS,
            after=("load",),
            map=d.MapOver(over=d.Output("load"), window=10),
            options=OPTIONS,
        ),
    ),
    tasks={
        "load_month": d.TaskDefinition(name="load_month"),
        "clean": d.TaskDefinition(
            name="clean",
            params={"rows": {"type": "array"}},
            required=("rows",),
            returns={"$ref": "#/$defs/Report"},
            options=OPTIONS,
            doc="Cleans.",
            code="c0ffee",
        ),
    },
    params={"month": {"type": "integer"}},
    required=("month",),
    defaults={"month": 1},
    schema_definitions={"Report": {"type": "object"}},
    output=d.Output("clean"),
    triggers=(
        d.EventTrigger(
            id="landed", type="month.landed", where="event.data.ok", params={"month": "event.data.month"}
        ),
        d.CronTrigger(
            id="daily",
            expression="0 6 * * *",
            tz="Europe/Berlin",
            params={"month": 2},
            expressions={"month": "trigger.scheduled_at.getMonth()"},
        ),
        d.EveryTrigger(
            id="often", every_s=600.0, params={"month": 3}, expressions={"month": "size(trigger.name)"}
        ),
    ),
    deadline_s=3600.0,
    doc="Flights.",
    source="def flights(): ...",
    times={"month": "interval"},
)
TASK = m.TaskMessage(
    run_id=RUN,
    workflow="flights",
    node="clean",
    attempt=2,
    task="clean",
    shard=3,
    queue="gpu",
    queued_at_us=NOW_US,
    item=7,
    bindings=BINDINGS,
    inputs={"load": m.Result(value=codec.raw({"rows": [[1]]})), "plan": m.Result(stored=STORED)},
    params=codec.raw({"month": 1}),
    item_input=m.ItemInput(stored=STORED, path=("rows", 0), node="split"),
    counts=((), ("rows",)),
    isolation=d.Isolation.PROCESS,
    timeout_s=30.0,
    max_attempts=5,
    deadline_us=NOW_US + 1,
    trace=TRACE,
    retries=1,
    dispatch=2,
    alone=True,
    code="c0ffee",
    scheduled_at_us=NOW_US,
    interval=Interval(NOW_US - 3_600_000_000, NOW_US),
)
OUTCOMES = m.OutcomeBatch(
    (
        m.Outcome(
            queued_at_us=1_763_800_000_000_000,
            run_id=RUN,
            node="clean",
            attempt=2,
            state=m.OutcomeState.SUCCEEDED,
            started_at_us=NOW_US,
            finished_at_us=NOW_US + 5,
            worker="host-1-abcdef",
            item=7,
            delivery=3,
            result=m.Result(value=codec.raw([1, 2])),
            counts=(2, -1),
            dispatch=2,
            code="c0ffee",
        ),
        m.Outcome(
            run_id=RUN,
            node="load",
            attempt=1,
            state=m.OutcomeState.FAILED,
            started_at_us=NOW_US,
            finished_at_us=NOW_US + 5,
            worker="host-1-abcdef",
            error=ERROR,
            error_kinds=("builtins.ValueError", "builtins.Exception"),
            advice=m.RetryAdvice.AFTER,
            retry_after_s=2.5,
            lost_input="plan",
        ),
        m.Outcome(
            run_id=RUN,
            node="plan",
            attempt=1,
            state=m.OutcomeState.RETURNED,
            started_at_us=0,
            finished_at_us=NOW_US + 5,
            worker="host-1-abcdef",
            reason=m.ReturnReason.UNKNOWN_TASK,
        ),
    )
)
START = m.StartRun(
    run_id=RUN,
    workflow="flights",
    params=codec.raw({"month": 1}),
    version="00ff",
    trigger="event:landed",
    event_id="e-1",
    event_source="/files",
    scheduled_at_us=NOW_US,
    labels={"team": "air"},
    trace=TRACE,
    received_at_us=NOW_US,
    interval=Interval(NOW_US - 3_600_000_000, NOW_US),
)
LIFECYCLE = m.LifecycleMessage(
    batches=(
        m.LifecycleBatch(
            position=42,
            run_id=RUN,
            workflow="flights",
            events=(
                m.LifecycleEvent(
                    kind="node.failed",
                    at_us=NOW_US,
                    node="clean",
                    item=7,
                    attempt=2,
                    error=ERROR,
                    data={"n": 1},
                ),
                m.LifecycleEvent(kind="run.failed", at_us=NOW_US),
            ),
        ),
    )
)
LOGS = m.LogBatch(
    worker="host-1-abcdef",
    lines=(
        m.LogLine(
            run_id=RUN,
            node="clean",
            attempt=2,
            at_us=NOW_US,
            level="info",
            message="hello",
            item=7,
            stream="stdout",
            logger="flights",
            trace_id=TRACE.trace_id,
            span_id=TRACE.span_id,
        ),
    ),
    dropped=12,
)
SPANS = m.SpanBatch(
    worker="host-1-abcdef",
    spans=(
        m.Span(
            trace_id=TRACE.trace_id,
            span_id=TRACE.span_id,
            name="attempt",
            start_us=NOW_US,
            end_us=NOW_US + 5,
            parent_span_id="00f067aa0ba902b8",
            kind="consumer",
            service="worker",
            attributes={"queue": "gpu"},
            error="boom",
            links=(m.SpanLink(TRACE.trace_id, "00f067aa0ba902b9"),),
            events=(m.SpanEvent("exception", NOW_US + 4, {"exception.type": "builtins.ValueError"}),),
        ),
    ),
)
HEARTBEAT = m.Heartbeat(
    worker="host-1-abcdef",
    host="host",
    pid=1,
    at_us=NOW_US,
    started_at_us=NOW_US,
    queues=("gpu",),
    slots=4,
    tasks=("clean",),
    held=(HELD,),
    draining=True,
    stopped=True,
    pending=(f"{RUN}/load/1",),
    every_s=2.0,
)

RESULT = deploys.DeployResult(
    workflow="flow",
    state=deploys.DeployState.REFUSED,
    version="00ff",
    previous="00fe",
    notes=("moves from old.py",),
    error=ERROR,
)

FRAMES: dict[str, msgspec.Struct] = {
    type(frame).__name__: frame
    for frame in (
        TASK,
        OUTCOMES,
        START,
        m.CancelRun(run_id=RUN, by="ada", reason="wrong month"),
        m.Deploy(definition=DEFINITION),
        m.DeploySet(
            members=(deploys.DeployMember(definition=DEFINITION, set="shop", file="flows.py", code="c0de"),),
            owner="git.example.com/shop",
            parts=(deploys.DeployPart(set="shop", file="flows.py"),),
            replaces=("old",),
            prune=deploys.Prune.SET,
            take_over=True,
            dry_run=True,
            provenance=deploys.Provenance(
                by="ada", host="host", commit="c0ffee", author="Ada", branch="main", dirty=True
            ),
        ),
        m.CommandReply(run_id=RUN, version="00ff", created=False, error=ERROR, results=(RESULT,)),
        LIFECYCLE,
        LOGS,
        SPANS,
        HEARTBEAT,
        m.Started("host-1-abcdef", (HELD,)),
        x.Redelivered(
            worker="host-1-abcdef",
            run_id=RUN,
            node="clean",
            attempt=2,
            queue="gpu",
            queued_at_us=NOW_US,
            delivery=2,
            item=7,
            dispatch=1,
            reply_to="_INBOX.1",
        ),
        x.Redundant(f"{RUN}/clean/7/2", 1),
        x.Wanted("gpu", d.Priority.HIGH, "c0ffee"),
        x.Needed("host-1-abcdef", ("clean",), 2),
        m.CancelAttempts(run_id=RUN, attempts=(HELD,), reason="deadline", retries=1),
    )
}


def as_json(frame: bytes) -> bytes:
    """The JSON twin of a msgpack frame."""
    return msgspec.json.format(msgspec.json.encode(msgspec.msgpack.decode(frame)), indent=1) + b"\n"


def golden(name: str) -> tuple[bytes, bytes]:
    """A golden frame as msgpack and as JSON."""
    frame = bytes.fromhex((GOLDEN / f"{name}.hex").read_text())
    return frame, (GOLDEN / f"{name}.json").read_bytes()
