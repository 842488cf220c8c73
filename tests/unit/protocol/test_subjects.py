"""Every subject that is built can be taken apart again, and nothing else can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol.definition import Priority
from headrace_protocol.errors import ConfigError, ErrorCode, ProtocolError
from headrace_protocol.subjects import InputSubject, Subjects, check_token, event_type_of

tokens = st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True)
words = st.text(min_size=1, max_size=12).filter(
    lambda word: word.isprintable() and not set(".*>") & set(word)
)
event_types = st.lists(words, min_size=1, max_size=4).map(".".join)


@given(tokens, st.integers(0, 999_999), tokens, tokens)
def test_inputs_round_trip(namespace: str, shard: int, kind: str, source: str) -> None:
    subjects = Subjects(namespace)
    subject = subjects.input(shard, kind, source)
    assert subjects.parse_input(subject) == InputSubject(shard, kind, source)
    assert subject.startswith(subjects.inputs_of(shard).removesuffix(">"))


@given(tokens, event_types)
def test_event_types_round_trip(namespace: str, event_type: str) -> None:
    assert event_type_of(Subjects(namespace).event(event_type)) == event_type


def test_the_grammar() -> None:
    subjects = Subjects("default")
    assert subjects.task("gpu", Priority.HIGH) == "hr.default.task.gpu.high"
    assert subjects.input(3, "outcome", "gpu") == "hr.default.in.3.outcome.gpu"
    assert subjects.event("orders.uploaded") == "hr.default.event.orders.uploaded"
    assert subjects.lifecycle("flights", "finished") == "hr.default.life.flights.finished"
    assert subjects.log("gpu") == "hr.default.log.gpu"
    assert subjects.span("gpu") == "hr.default.span.gpu"
    assert (subjects.heartbeat, subjects.started, subjects.cancel) == (
        "hr.default.live.heartbeat",
        "hr.default.live.started",
        "hr.default.live.cancel",
    )


@pytest.mark.parametrize(
    "subject",
    [
        "hr.other.in.3.outcome.gpu",
        "hr.default.task.gpu.high",
        "hr.default.in.x.outcome.gpu",
        "hr.default.in.².outcome.gpu",
        "hr.default.in.3.outcome",
        "hr.default.in.3.outcome.gpu.more",
        f"hr.default.in.{'9' * 5_000}.outcome.gpu",
        "",
    ],
)
def test_other_subjects_are_no_inputs(subject: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        Subjects("default").parse_input(subject)
    assert raised.value.code is ErrorCode.PROTOCOL_UNROUTABLE


@pytest.mark.parametrize(
    "subject", ["hr.default.event.", "hr.default.event", "x.default.event.a", "hr.a.b.event.c"]
)
def test_other_subjects_are_no_events(subject: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        event_type_of(subject)
    assert raised.value.code is ErrorCode.PROTOCOL_UNROUTABLE


@pytest.mark.parametrize(
    ("event_type", "subject"),
    [
        ("io.confluent.kafka.server/authentication", "io.confluent.kafka.server/authentication"),
        ("com.example:order:placed", "com.example:order:placed"),
        ("aws.ec2.Instance State-change", "aws.ec2.Instance%20State-change"),
        ("büro.neu", "büro.neu"),
        ("100%", "100%25"),
        ("%20", "%2520"),
    ],
)
def test_types_of_services_travel(event_type: str, subject: str) -> None:
    assert Subjects("default").event(event_type) == f"hr.default.event.{subject}"
    assert event_type_of(f"hr.default.event.{subject}") == event_type


@pytest.mark.parametrize(
    "event_type", ["", "a..b", ".a", "a.", "a.*", "a.>", "a*", "a\n", "a\tb", "\u2028", "ü" * 1_501]
)
def test_types_that_no_subject_can_carry(event_type: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        Subjects("default").event(event_type)
    assert raised.value.code is ErrorCode.PROTOCOL_UNROUTABLE


@pytest.mark.parametrize("token", ["", "a.b", "*", ">", "a b", "ü", "a\n"])
def test_words_that_are_no_tokens(token: str) -> None:
    with pytest.raises(ConfigError, match="queue"):
        check_token(token, "queue")
    with pytest.raises(ConfigError, match="namespace"):
        Subjects(token)
