"""Messages between coordinator, workers and publishers.

An attempt is named by run, node, item and attempt number; the number is the fence: once the coordinator has
started a higher one, outcomes of lower ones are recorded and ignored (I3).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from headrace_protocol.definition import Binding, Isolation, Path, WorkflowDefinition
from headrace_protocol.deploys import DeployMember, DeployPart, DeployResult, Provenance, Prune
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.headers import TraceContext
from headrace_protocol.interval import Interval

ABSENT = msgspec.Raw()
"""No value in the message."""


class Stored(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A result kept outside of messages (claim check)."""

    uri: str
    """`nats://<bucket>/<key>` or a URL that obstore opens."""
    size_bytes: int
    digest: str
    """blake2b-128 of the bytes, hex: what a reader reads is what the winning attempt wrote (I9)."""


class Column(msgspec.Struct, frozen=True, gc=False):
    """A column of a table."""

    name: str
    type: str
    """As the table's own library calls it."""


class Preview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What people are shown of a value that is not plain data. At most 4 KB: it travels with the result."""

    kind: str
    """The value's type, such as `pandas.DataFrame`."""
    shape: tuple[int, ...] = ()
    """Length in each dimension: rows, then columns for a table."""
    dtype: str = ""
    """The type of an array's elements."""
    columns: tuple[Column, ...] = ()
    """The first columns of a table; `shape` says how many there are."""
    rows: tuple[tuple[str | None, ...], ...] = ()
    """The first rows as text, None where there is no value."""
    text: str = ""
    """The value as text, cut, where it is no table."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A value: inside the message as msgpack (`value`), or stored elsewhere (`stored`)."""

    value: msgspec.Raw = ABSENT
    stored: Stored | None = None
    preview: Preview | None = None
    """What is shown of it; of an outcome's result only, nobody reads it in a task message."""


class ItemInput(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The item of a map that an attempt works on: a value, or a place in a stored list."""

    value: msgspec.Raw = ABSENT
    stored: Stored | None = None
    path: Path = ()
    """Where in `stored` the list is; the item is its element number `TaskMessage.item`."""
    node: str = ""
    """The node whose result `stored` is: what `Outcome.lost_input` names when it is gone."""


class TaskMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Asks a worker for one attempt."""

    run_id: str
    workflow: str
    node: str
    attempt: int
    task: str
    shard: int
    """Where the outcome goes."""
    queue: str
    queued_at_us: int
    item: int | None = None
    bindings: dict[str, Binding] = {}
    inputs: dict[str, Result] = {}
    """Results of the upstream nodes that the bindings read."""
    params: msgspec.Raw = ABSENT
    """The run's params (an object), present when a binding reads them."""
    item_input: ItemInput | None = None
    counts: tuple[Path, ...] = ()
    """Places in the result whose length the outcome must tell: downstream nodes map over them."""
    isolation: Isolation = Isolation.THREAD
    timeout_s: float | None = None
    max_attempts: int = 1
    deadline_us: int | None = None
    trace: TraceContext | None = None
    """The span of the task; the attempt's span is its child."""
    retries: int = 0
    """How often an operator has retried the run: a cancel of it stops only what was queued before the next time."""
    dispatch: int = 0
    """How often this attempt had been returned when the message was published; `Outcome.dispatch` tells it back."""
    alone: bool = False
    """An attempt before this one was lost with its worker: run it in a process of its own, or in a worker that holds
    nothing else."""
    code: str = ""
    """The sixth token of the subject: only workers with that code read it. Empty: any worker of the queue."""
    scheduled_at_us: int | None = None
    """The fire time of the schedule that started the run, or what was said when it was started by hand."""
    interval: Interval | None = None
    """The data that the run covers. The same for every attempt."""


class OutcomeState(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETURNED = "returned"
    """It did not end: the worker gives it back. It is dispatched again under the same number; nothing is charged."""


class ReturnReason(StrEnum):
    """Why a worker gives an attempt back."""

    DRAIN = "drain"
    """The worker stops."""
    UNKNOWN_TASK = "unknown_task"
    """The worker does not have the task."""
    NO_ROOM = "no_room"
    """More arrived than the worker has slots for."""


class RetryAdvice(StrEnum):
    """What the attempt says about trying again: by the policy, after a given time, or never."""

    POLICY = "policy"
    AFTER = "after"
    NEVER = "never"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How one attempt ended."""

    run_id: str
    node: str
    attempt: int
    state: OutcomeState
    started_at_us: int
    finished_at_us: int
    worker: str
    item: int | None = None
    queued_at_us: int = 0
    """`TaskMessage.queued_at_us`, told back: the coordinator keeps nothing for each item of a map."""
    delivery: int = 1
    """How often the bus had delivered the task message."""
    result: Result | None = None
    counts: tuple[int, ...] = ()
    """Lengths at the places that `TaskMessage.counts` asked for; -1 where there is no list."""
    error: ErrorInfo | None = None
    error_kinds: tuple[str, ...] = ()
    """Qualified names of the error's type and its bases, most derived first."""
    advice: RetryAdvice = RetryAdvice.POLICY
    retry_after_s: float | None = None
    lost_input: str = ""
    """With code `task.input_lost`: the node whose stored result is gone."""
    reason: ReturnReason | None = None
    """With state `returned`."""
    dispatch: int = 0
    """`TaskMessage.dispatch`, told back: a return that comes twice is carried out once."""
    code: str = ""
    """Hash of the code that ran, where the worker knows it."""


class OutcomeBatch(msgspec.Struct, frozen=True):
    """Outcomes that finished in one tick of a worker, for one shard."""

    outcomes: tuple[Outcome, ...]


class StartRun(msgspec.Struct, frozen=True, kw_only=True, tag="start_run", omit_defaults=True):
    """Start a run. The run id makes it idempotent: a run that exists is not started again. One that names its cause
    (`event_id` or `scheduled_at_us`) is named after it, as `headrace_protocol.ids.derived_run_id` does it."""

    run_id: str
    workflow: str
    params: msgspec.Raw
    """An object."""
    version: str = ""
    """Content hash of the definition; empty: the current one."""
    trigger: str = ""
    """`<kind>:<id>` of the trigger, `manual` for a person or program."""
    event_id: str = ""
    event_source: str = ""
    scheduled_at_us: int | None = None
    labels: dict[str, str] = {}
    trace: TraceContext | None = None
    received_at_us: int = 0
    """When the coordinator first saw what started this run."""
    interval: Interval | None = None
    """The data that the run covers: of a schedule, from the fire time before to this one."""


class CancelRun(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_run", omit_defaults=True):
    """Cancel a run: nothing new is dispatched, live attempts are told to stop."""

    run_id: str
    by: str = ""
    reason: str = ""


class Deploy(msgspec.Struct, frozen=True, kw_only=True, tag="deploy"):
    """Make a definition the current version of its workflow."""

    definition: WorkflowDefinition


class DeploySet(msgspec.Struct, frozen=True, kw_only=True, tag="deploy_set", omit_defaults=True):
    """Make several definitions current in one transaction: all of them, or none when one is refused."""

    members: tuple[DeployMember, ...]
    owner: str = ""
    """Who the sets belong to, such as a repository. Empty: their names alone tell them apart."""
    parts: tuple[DeployPart, ...] = ()
    replaces: tuple[str, ...] = ()
    """Sets of the same owner whose workflows may move to the members' sets."""
    prune: Prune = Prune.NONE
    take_over: bool = False
    """Members may belong to another set: they move to this one."""
    dry_run: bool = False
    """Check everything, write nothing."""
    provenance: Provenance = Provenance()


Command = StartRun | CancelRun | Deploy | DeploySet


class CommandReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a command, sent after its transition was committed."""

    run_id: str = ""
    version: str = ""
    created: bool = True
    """False when the command repeated one that had been carried out already."""
    error: ErrorInfo | None = None
    results: tuple[DeployResult, ...] = ()
    """Of a DeploySet: every workflow, also when the set is refused."""


class LifecycleEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that happened to a run, committed. The store keeps them as the run's history."""

    kind: str
    """`run.created`, `node.dispatched`, `node.succeeded`, …: the list is in docs/protocol.md."""
    at_us: int
    node: str = ""
    item: int | None = None
    attempt: int = 0
    error: ErrorInfo | None = None
    data: dict[str, object] = {}


class LifecycleBatch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one transition did to one run. `position` grows over the whole namespace."""

    position: int
    run_id: str
    workflow: str
    events: tuple[LifecycleEvent, ...]


class LifecycleMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn of the coordinator did to runs of one workflow, in order of position."""

    batches: tuple[LifecycleBatch, ...]


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line that a task logged or printed."""

    run_id: str
    node: str
    attempt: int
    at_us: int
    level: str
    message: str
    item: int | None = None
    stream: str = "logging"
    """`logging`, `stdout` or `stderr`."""
    logger: str = ""
    trace_id: str = ""
    span_id: str = ""


class LogBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Log lines of one worker."""

    worker: str
    lines: tuple[LogLine, ...]
    dropped: int = 0
    """Lines that the bounds of attempts have kept out since the batch before."""


class SpanLink(msgspec.Struct, frozen=True):
    """A link from a span to another."""

    trace_id: str
    span_id: str


class SpanEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that happened during a span, such as an exception."""

    name: str
    at_us: int
    attributes: dict[str, object] = {}


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A finished span, as kept for reading traces without a tracing backend."""

    trace_id: str
    span_id: str
    name: str
    start_us: int
    end_us: int
    parent_span_id: str = ""
    kind: str = "internal"
    service: str = ""
    attributes: dict[str, object] = {}
    error: str = ""
    links: tuple[SpanLink, ...] = ()
    events: tuple[SpanEvent, ...] = ()


class SpanBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Finished spans of one worker."""

    worker: str
    spans: tuple[Span, ...]


class HeldAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An attempt that a worker is working on."""

    run_id: str
    node: str
    attempt: int
    started_at_us: int
    item: int | None = None


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker's sign of life, every few seconds."""

    worker: str
    host: str
    pid: int
    at_us: int
    started_at_us: int
    queues: tuple[str, ...]
    slots: int
    tasks: tuple[str, ...] = ()
    held: tuple[HeldAttempt, ...] = ()
    """Attempts that are being worked on."""
    draining: bool = False
    stopped: bool = False
    """The last one."""
    pending: tuple[str, ...] = ()
    """Keys (`run/node[/item]/attempt`) of attempts that are held and not worked on: not started yet, or ended with an
    outcome that the bus has not confirmed."""
    every_s: float = 5.0
    """Seconds between two of them: who is not heard of for longer than twice that is silent."""


class Started(msgspec.Struct, frozen=True):
    """Attempts that a worker has started and that go on; one that ends within 50 ms is told by its outcome alone."""

    worker: str
    held: tuple[HeldAttempt, ...]


class CancelAttempts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Broadcast: stop working on a run, or on the attempts named."""

    run_id: str
    attempts: tuple[HeldAttempt, ...] = ()
    reason: str = ""
    retries: int = 0
    """How often the run had been retried when it ended: tasks of a later retry go on."""
