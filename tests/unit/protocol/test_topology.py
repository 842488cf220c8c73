"""Streams and consumers fit NATS' rules: no work-queue filters overlap, and every subject has one stream."""

from itertools import combinations

import pytest

from headrace_protocol.channels import CHANNELS
from headrace_protocol.definition import Priority
from headrace_protocol.topology import ConsumerSpec, Retention, Topology

TOPOLOGY = Topology("default")


def overlap(one: str, other: str) -> bool:
    """Whether some subject matches both filters."""
    for left, right in zip(one.split("."), other.split("."), strict=False):
        if ">" in (left, right):
            return True
        if "*" not in (left, right) and left != right:
            return False
    return one.count(".") == other.count(".")


def consumers() -> list[ConsumerSpec]:
    tasks = [TOPOLOGY.task_consumer(queue, priority) for queue in ("default", "gpu") for priority in Priority]
    inputs = [TOPOLOGY.input_consumer(shard) for shard in (0, 1, 2, 10, 11)]
    return [*tasks, *inputs, TOPOLOGY.event_consumer(), TOPOLOGY.log_consumer()]


def test_work_queue_filters_do_not_overlap() -> None:
    queues = {stream.name for stream in TOPOLOGY.streams() if stream.retention is Retention.WORK_QUEUE}
    for one, other in combinations(consumers(), 2):
        if one.stream == other.stream and one.stream in queues:
            assert not overlap(one.filter_subject, other.filter_subject), (one, other)


def test_consumers_read_subjects_of_their_stream_under_a_name_of_their_own() -> None:
    streams = {stream.name: stream for stream in TOPOLOGY.streams()}
    for consumer in consumers():
        if consumer.filter_subject:
            assert any(
                overlap(consumer.filter_subject, subject) for subject in streams[consumer.stream].subjects
            )
    assert len({(consumer.stream, consumer.durable) for consumer in consumers()}) == len(consumers())


def test_streams_of_one_and_of_two_namespaces_do_not_overlap() -> None:
    streams = [*TOPOLOGY.streams(), *Topology("default2").streams()]
    assert len({stream.name for stream in streams}) == len(streams)
    subjects = [subject for stream in streams for subject in stream.subjects]
    assert not [pair for pair in combinations(subjects, 2) if overlap(*pair)]


@pytest.mark.parametrize("name", CHANNELS)
def test_every_subject_is_kept_by_one_stream_unless_it_is_lossy(name: str) -> None:
    address = CHANNELS[name].address
    subject = "hr.default." + ".".join("x" for _ in address.split("."))
    subject = ".".join(
        "default" if part == "{namespace}" else part.strip("{}") for part in address.split(".")
    )
    holders = [
        stream
        for stream in TOPOLOGY.streams()
        if any(overlap(subject, pattern) for pattern in stream.subjects)
    ]
    assert len(holders) == (0 if not address or ".live." in address else 1)


def test_what_must_be_read_is_never_dropped() -> None:
    """A full stream refuses, and nothing in it grows too old."""
    for stream in TOPOLOGY.streams():
        must_be_read = stream.retention is Retention.WORK_QUEUE or stream.name == TOPOLOGY.stream("EVENTS")
        assert stream.discard_new == must_be_read
        assert (stream.max_age_s == 0) == must_be_read
        assert stream.max_bytes > 0


def test_settings_reach_the_consumers() -> None:
    topology = Topology("n", ack_wait_s=3.0, max_ack_pending=7)
    consumer = topology.task_consumer("gpu", Priority.LOW)
    assert (consumer.ack_wait_s, consumer.max_ack_pending) == (3.0, 7)
    assert (consumer.stream, consumer.durable, consumer.filter_subject) == (
        "HR_TASKS_n",
        "gpu_low",
        "hr.n.task.gpu.low",
    )
    assert topology.bucket == "HR_RESULTS_n"
