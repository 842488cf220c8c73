"""Who sends and receives which messages on which subjects, as data: the source of the AsyncAPI document."""

from __future__ import annotations

import msgspec

from headrace_protocol.definition import Priority

COORDINATOR, WORKER, PUBLISHER, SUBSCRIBER = "coordinator", "worker", "publisher", "subscriber"


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One pattern of subjects. `address` has parameters in braces; empty: the sender names the subject."""

    address: str
    messages: tuple[str, ...]
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    summary: str


class Parameter(msgspec.Struct, frozen=True):
    """A token of a subject."""

    description: str
    values: tuple[str, ...] = ()


REPLY = "reply"
COMMAND = "command"

CHANNELS: dict[str, Channel] = {
    "task": Channel(
        address="hr.{namespace}.task.{queue}.{priority}",
        messages=("TaskMessage",),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="Attempts to be made. Pulled from a work queue, acknowledged once the outcome is on the bus.",
    ),
    "task_of_code": Channel(
        address="hr.{namespace}.task.{queue}.{priority}.{code}",
        messages=("TaskMessage",),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="Attempts for workers that have the task: a worker without it has returned one, or its code is pinned.",
    ),
    "outcome": Channel(
        address="hr.{namespace}.in.{shard}.outcome.{queue}",
        messages=("OutcomeBatch",),
        senders=(WORKER,),
        receivers=(COORDINATOR,),
        summary="How attempts ended, in batches.",
    ),
    "redelivered": Channel(
        address="hr.{namespace}.in.{shard}.redelivered.{queue}",
        messages=("Redelivered",),
        senders=(WORKER,),
        receivers=(COORDINATOR,),
        summary="A task message that the bus had delivered before. Repeated until answered with Redundant.",
    ),
    COMMAND: Channel(
        address="hr.{namespace}.in.{shard}.command.{source}",
        messages=("StartRun", "CancelRun", "Deploy"),
        senders=(PUBLISHER,),
        receivers=(COORDINATOR,),
        summary="Commands to the actors of a shard. The reply goes to the subject in Headrace-Reply-To.",
    ),
    REPLY: Channel(
        address="",
        messages=("CommandReply",),
        senders=(COORDINATOR,),
        receivers=(PUBLISHER,),
        summary="Answers to commands, sent after their transition was committed.",
    ),
    "event": Channel(
        address="hr.{namespace}.event.{type}",
        messages=("CloudEvent",),
        senders=(PUBLISHER,),
        receivers=(COORDINATOR,),
        summary="CloudEvents 1.0, in binary or structured mode, that triggers wait for.",
    ),
    "lifecycle": Channel(
        address="hr.{namespace}.life.{workflow}.{what}",
        messages=("LifecycleMessage",),
        senders=(COORDINATOR,),
        receivers=(SUBSCRIBER,),
        summary="What happened to runs, after it was committed.",
    ),
    "log": Channel(
        address="hr.{namespace}.log.{queue}",
        messages=("LogBatch",),
        senders=(WORKER,),
        receivers=(COORDINATOR, SUBSCRIBER),
        summary="What tasks logged and printed.",
    ),
    "span": Channel(
        address="hr.{namespace}.span.{queue}",
        messages=("SpanBatch",),
        senders=(WORKER,),
        receivers=(COORDINATOR,),
        summary="Finished spans.",
    ),
    "heartbeat": Channel(
        address="hr.{namespace}.live.heartbeat",
        messages=("Heartbeat",),
        senders=(WORKER,),
        receivers=(COORDINATOR,),
        summary="Signs of life. Lossy by design.",
    ),
    "started": Channel(
        address="hr.{namespace}.live.started",
        messages=("Started",),
        senders=(WORKER,),
        receivers=(COORDINATOR,),
        summary="Attempts that have just started. Lossy by design.",
    ),
    "redundant": Channel(
        address="",
        messages=("Redundant",),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="The answer to Redelivered: settle the message without starting it.",
    ),
    "rollcall": Channel(
        address="hr.{namespace}.live.rollcall",
        messages=(),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="Asks every worker for a heartbeat at once. It has no body.",
    ),
    "wanted": Channel(
        address="hr.{namespace}.live.wanted",
        messages=("Wanted",),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="A task waits on a subject of its own, for workers with the code. Repeated while it does.",
    ),
    "needed": Channel(
        address="hr.{namespace}.live.needed",
        messages=("Needed",),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="What a draining worker has and others have not, and unfinished runs need. Follows its heartbeats.",
    ),
    "cancel": Channel(
        address="hr.{namespace}.live.cancel",
        messages=("CancelAttempts",),
        senders=(COORDINATOR,),
        receivers=(WORKER,),
        summary="Attempts to stop. Lossy by design: a late outcome is fenced.",
    ),
}

PARAMETERS: dict[str, Parameter] = {
    "namespace": Parameter("Separates installations that share a NATS account."),
    "queue": Parameter("Queue of the task."),
    "code": Parameter("A task's code hash, or the hash of its name."),
    "priority": Parameter("Workers ask the higher priorities of a queue first.", tuple(Priority)),
    "shard": Parameter("Owner of the run: CRC-32 of the run id modulo the number of shards."),
    "source": Parameter("Name of the sender."),
    "type": Parameter("The event's type; it may hold dots."),
    "workflow": Parameter("Name of the workflow."),
    "what": Parameter("What happened, in one word."),
}
