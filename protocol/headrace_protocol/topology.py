"""The JetStream streams and consumers of a namespace, as data.

Work-queue filters may not overlap, so tasks have one consumer for each queue and priority and inputs one for
each shard. Attempts are counted in the store, so nothing here limits deliveries. Nothing rests on a stream
alone: the store is the truth, and what a stream loses is published again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from headrace_protocol.definition import Priority
from headrace_protocol.subjects import Subjects

MIB = 1024 * 1024
MAX_PAYLOAD_BYTES = MIB
"""Default payload limit of nats-server."""
MIN_PAYLOAD_BYTES = 32 * 1024
"""A server that takes less is refused: a log line may be as long."""
CLAIM_CHECK_BYTES = 64 * 1024
"""Results larger than this travel by reference."""
RESULTS_BUCKET = "HR_RESULTS"
DEFAULT_ACK_WAIT_S = 30.0


def inline_bytes(max_payload_bytes: int) -> int:
    """How large a result may be to travel inside a message, where the server takes so much."""
    return min(CLAIM_CHECK_BYTES, max_payload_bytes // 4)


def message_bytes(max_payload_bytes: int) -> int:
    """How large an encoded message may be; the rest of what the server takes is left to headers."""
    return min(max_payload_bytes, MAX_PAYLOAD_BYTES) * 900 // 1024


class Retention(StrEnum):
    """How long a stream keeps a message."""

    LIMITS = "limits"
    WORK_QUEUE = "workqueue"


class StreamSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A stream."""

    name: str
    subjects: tuple[str, ...]
    retention: Retention
    max_bytes: int
    max_age_s: float = 0.0
    """0: until it is deleted, by being read (work queue) or by the coordinator."""
    discard_new: bool = False
    """Refuse new messages when full (the publisher hears of it) instead of dropping the oldest. Such a stream must
    lose nothing that has not been read."""
    duplicate_window_s: float = 120.0
    metadata: tuple[tuple[str, str], ...] = ()
    """What whoever finds the stream is told."""


class ConsumerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A durable pull consumer with explicit acknowledgement."""

    stream: str
    durable: str
    filter_subject: str
    ack_wait_s: float = DEFAULT_ACK_WAIT_S
    max_ack_pending: int = 10_000
    """For the whole fleet: it bounds the tasks being worked on in one queue and priority."""
    max_waiting: int = 4_096
    inactive_s: float = 0.0
    """The server deletes the consumer when nobody has asked it for so long; 0: never. What it had delivered then counts
    as never delivered, so this is longer than any outage of a worker that we wait for."""


CODE_CONSUMER_INACTIVE_S = 900.0
ACK_WAIT = "headrace-ack-wait-s"
"""In the metadata of HR_TASKS: how long a worker may be silent, which the coordinator decides for all consumers."""
INBOXES = "_INBOX."
"""Where NATS clients listen for answers, unless they are told otherwise."""


def ack_wait_of(metadata: Mapping[str, str] | None, unless_told_s: float) -> float:
    """The ack wait that a stream tells."""
    try:
        told_s = float((metadata or {}).get(ACK_WAIT, ""))
    except ValueError:
        return unless_told_s
    return told_s if 0 < told_s < float("inf") else unless_told_s


class Topology(msgspec.Struct, frozen=True):
    """Everything that must exist on the bus for one namespace."""

    namespace: str
    ack_wait_s: float = DEFAULT_ACK_WAIT_S
    max_ack_pending: int = 10_000
    shards: int = 0
    """With it, the bus refuses inputs of a shard that does not exist. 0: whoever makes the streams does not know."""
    inboxes: tuple[str, ...] = (INBOXES,)
    """What subjects begin with on which the coordinator answers: it has rights that who asks may not have."""

    @property
    def subjects(self) -> Subjects:
        return Subjects(self.namespace)

    def stream(self, kind: str) -> str:
        """A stream's name, such as `HR_TASKS_default`; `kind` is TASKS, INPUTS, EVENTS, LIFECYCLE or LOGS."""
        return f"HR_{kind}_{self.namespace}"

    @property
    def bucket(self) -> str:
        """The object store bucket of large results."""
        return f"{RESULTS_BUCKET}_{self.namespace}"

    def streams(self) -> tuple[StreamSpec, ...]:
        root = self.subjects.root
        week_s = 7 * 86_400.0
        return (
            StreamSpec(
                name=self.stream("TASKS"),
                subjects=(f"{root}.task.>",),
                retention=Retention.WORK_QUEUE,
                max_bytes=4_096 * MIB,
                discard_new=True,
                metadata=((ACK_WAIT, str(self.ack_wait_s)),),
            ),
            StreamSpec(
                name=self.stream("INPUTS"),
                subjects=tuple(map(self.subjects.inputs_of, range(self.shards))) or (f"{root}.in.>",),
                retention=Retention.WORK_QUEUE,
                max_bytes=4_096 * MIB,
                discard_new=True,
            ),
            StreamSpec(
                name=self.stream("EVENTS"),
                subjects=(f"{root}.event.>",),
                retention=Retention.LIMITS,
                max_bytes=4_096 * MIB,
                discard_new=True,
            ),
            StreamSpec(
                name=self.stream("LIFECYCLE"),
                subjects=(f"{root}.life.>",),
                retention=Retention.LIMITS,
                max_bytes=1_024 * MIB,
                max_age_s=week_s,
            ),
            StreamSpec(
                name=self.stream("LOGS"),
                subjects=(f"{root}.log.>", f"{root}.span.>"),
                retention=Retention.LIMITS,
                max_bytes=1_024 * MIB,
                max_age_s=86_400.0,
            ),
        )

    def task_consumer(self, queue: str, priority: Priority, code: str = "") -> ConsumerSpec:
        """Of a queue and priority; with `code` of what only workers with that code are given."""
        return ConsumerSpec(
            stream=self.stream("TASKS"),
            durable=f"{queue}_{priority}_{code}" if code else f"{queue}_{priority}",
            filter_subject=self.subjects.task(queue, priority, code),
            ack_wait_s=self.ack_wait_s,
            max_ack_pending=self.max_ack_pending,
            inactive_s=CODE_CONSUMER_INACTIVE_S if code else 0.0,
        )

    def input_consumer(self, shard: int) -> ConsumerSpec:
        return ConsumerSpec(
            stream=self.stream("INPUTS"),
            durable=f"shard_{shard}",
            filter_subject=self.subjects.inputs_of(shard),
            ack_wait_s=self.ack_wait_s,
        )

    def event_consumer(self) -> ConsumerSpec:
        return ConsumerSpec(
            stream=self.stream("EVENTS"),
            durable="triggers",
            filter_subject=f"{self.subjects.root}.event.>",
            ack_wait_s=self.ack_wait_s,
        )

    def log_consumer(self) -> ConsumerSpec:
        return ConsumerSpec(
            stream=self.stream("LOGS"),
            durable="keeper",
            filter_subject="",
            ack_wait_s=self.ack_wait_s,
        )
