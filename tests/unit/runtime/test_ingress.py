"""From a message to an envelope: what can be understood becomes inputs, everything else a dead letter."""

import msgspec
import pytest

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.engine.inputs import OutcomeReceived
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.ingress import Ingress
from headrace_protocol.codec import encode, raw
from headrace_protocol.deliveries import Redelivered, Rejected
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.ids import shard_of
from headrace_protocol.interval import Interval
from headrace_protocol.messages import CancelRun, Deploy, Outcome, OutcomeBatch, OutcomeState, StartRun
from headrace_protocol.subjects import Subjects
from tests.unit.runtime.fakes import FakeBus, FakeClock
from tests.unit.runtime.test_registry import WORKFLOW

OUTCOME = Outcome(
    run_id="r",
    node="n",
    attempt=1,
    state=OutcomeState.SUCCEEDED,
    started_at_us=1,
    finished_at_us=2,
    worker="w",
)
BATCH = OutcomeBatch((OUTCOME, msgspec.structs.replace(OUTCOME, attempt=2)))
START = StartRun(run_id="r", workflow="w", params=raw({}))
REDELIVERED = Redelivered(
    worker="w", run_id="r", node="n", attempt=1, queue="q", queued_at_us=1, delivery=2, reply_to="_INBOX.w"
)
ERROR = ErrorInfo(code="protocol.malformed", message="no task")
REJECTED = Rejected(subject="hr.n.task.q.normal", headers={}, body=b"x", error=ERROR)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def ingress(bus: FakeBus) -> Ingress:
    return Ingress(Subjects("n"), bus, FakeClock())


def message(kind: str, body: bytes, **headers: str) -> Incoming:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Incoming(f"hr.n.in.0.{kind}.q", named, body, "")


def envelope(ingress: Ingress, incoming: Incoming) -> Envelope:
    made = ingress.envelope(incoming)
    assert isinstance(made, Envelope)
    return made


def test_outcomes(bus: FakeBus, ingress: Ingress) -> None:
    incoming = message("outcome", encode(BATCH))
    made = envelope(ingress, incoming)
    assert made.inputs == tuple(OutcomeReceived(outcome) for outcome in BATCH.outcomes)
    assert made.origin is incoming
    assert bus.acknowledged == []
    assert made.ack is not None
    made.ack()
    assert bus.acknowledged == [incoming]


def test_json_is_as_good(ingress: Ingress) -> None:
    body = b'{"type":"start_run","run_id":"r","workflow":"w","params":{"a":[1]}}'
    (start,) = envelope(ingress, message("command", body, Content_Type="application/json")).inputs
    assert isinstance(start, StartRun)
    assert msgspec.msgpack.decode(start.params) == {"a": [1]}


def test_a_start_takes_the_trace_of_its_headers(ingress: Ingress) -> None:
    (start,) = envelope(ingress, message("command", encode(START), traceparent=TRACEPARENT)).inputs
    assert isinstance(start, StartRun)
    assert start.trace is not None
    assert start.trace.traceparent == TRACEPARENT


def test_whoever_wants_a_reply_hears_of_errors_himself(ingress: Ingress) -> None:
    silent = envelope(ingress, message("command", encode(CancelRun(run_id="r"))))
    assert silent.origin is not None
    asking = envelope(
        ingress, message("command", encode(CancelRun(run_id="r")), Headrace_Reply_To="_INBOX.a")
    )
    assert (asking.origin, asking.reply_to) == (None, "_INBOX.a")


ELSEWHERE = [
    "$JS.API.STREAM.PURGE.HR_TASKS_n",
    "hr.n.in.0.command.q",
    "_INBOX",
    "_INBOXES.a",
    "_INBOX.*",
    "a b",
]


@pytest.mark.parametrize("subject", ELSEWHERE)
def test_answers_go_to_inboxes_and_nowhere_else(ingress: Ingress, subject: str) -> None:
    """The coordinator may purge a stream; who asks it for an answer there may not."""
    for command in (CancelRun(run_id="r"), START, Deploy(definition=WORKFLOW)):
        refused = envelope(ingress, message("command", encode(command), Headrace_Reply_To=subject))
        assert (refused.inputs, refused.reply_to) == ((), "")
        (letter,) = refused.dead
        assert (letter.error.where, letter.error.found) == ("Headrace-Reply-To", repr(subject))
    told = msgspec.structs.replace(REDELIVERED, reply_to=subject)
    (letter,) = envelope(ingress, message("redelivered", encode(told))).dead
    assert letter.error.where == "reply_to"


def test_other_inboxes_can_be_named(bus: FakeBus) -> None:
    ingress = Ingress(Subjects("n"), bus, FakeClock(), inboxes=("_INBOX.", "_SHOP."))
    asking = message("command", encode(CancelRun(run_id="r")), Headrace_Reply_To="_SHOP.a")
    assert envelope(ingress, asking).reply_to == "_SHOP.a"


def test_a_deploy_is_no_input_of_a_run(ingress: Ingress) -> None:
    deploy = Deploy(definition=WORKFLOW)
    assert ingress.envelope(message("command", encode(deploy))) == deploy


def test_what_a_worker_rejected(ingress: Ingress) -> None:
    made = envelope(ingress, message("rejected", encode(REJECTED)))
    assert made.inputs == ()
    (letter,) = made.dead
    assert (letter.subject, letter.error) == (REJECTED.subject, ERROR)


@pytest.mark.parametrize(
    ("incoming", "code"),
    [
        (message("outcome", b"\xc1"), "protocol.malformed"),
        (message("outcome", encode(BATCH), Content_Type="text/html"), "protocol.malformed"),
        (message("command", encode({"type": "dance"})), "protocol.unknown_kind"),
        (message("command", encode(START), Headrace_Reply_To="a b"), "protocol.malformed"),
        (message("rejected", encode({})), "protocol.malformed"),
        (message("nonsense", b""), "protocol.unknown_kind"),
        (Incoming("hr.other.in.0.outcome.q", {}, encode(BATCH)), "protocol.unroutable"),
        (Incoming("hr.n.in.1.outcome.q", {}, encode(BATCH)), "protocol.unroutable"),
        (Incoming("hr.n.in.x.outcome.q", {}, encode(BATCH)), "protocol.unroutable"),
        (message("outcome", b"\x91" * 3_000), "protocol.malformed"),
    ],
)
def test_what_cannot_be_understood(bus: FakeBus, ingress: Ingress, incoming: Incoming, code: str) -> None:
    made = envelope(ingress, incoming)
    assert made.inputs == ()
    (letter,) = made.dead
    assert letter.error.code == code
    assert (letter.subject, letter.body) == (incoming.subject, incoming.body)
    assert made.ack is not None


def test_a_long_error_is_cut_and_a_short_one_is_not(ingress: Ingress) -> None:
    short = ErrorInfo(code="task.failed", message="m", traceback="t" * 1_000, details={"a": "b"})
    long = ErrorInfo(
        code="task.failed", message="m" * 90_000, traceback="t" * 90_000 + "end", details={"a": "b" * 90_000}
    )
    batch = OutcomeBatch(tuple(msgspec.structs.replace(OUTCOME, error=error) for error in (short, long)))
    first, second = envelope(ingress, message("outcome", encode(batch))).inputs
    assert isinstance(first, OutcomeReceived)
    assert first.outcome.error == short
    assert isinstance(second, OutcomeReceived)
    assert second.outcome.error is not None
    assert len(encode(second.outcome.error)) < 64 * 1024
    assert second.outcome.error.traceback.endswith("end")


def test_a_run_by_hand_may_say_for_which_time_it_is(ingress: Ingress) -> None:
    by_hand = msgspec.structs.replace(START, scheduled_at_us=5, interval=Interval(1, 5))
    for trigger in ("", "manual"):
        command = msgspec.structs.replace(by_hand, trigger=trigger)
        (start,) = envelope(ingress, message("command", encode(command))).inputs
        assert isinstance(start, StartRun)
        assert (start.run_id, start.scheduled_at_us, start.interval) == ("r", 5, Interval(1, 5))
    claimed = msgspec.structs.replace(by_hand, trigger="cron:nightly")
    made = envelope(ingress, message("command", encode(claimed)))
    assert made.inputs == ()
    assert (
        made.dead[0].error.message == "a run that an event or a schedule starts has an id of its own choice"
    )


def outcomes(made: Envelope) -> list[Outcome]:
    assert all(isinstance(received, OutcomeReceived) for received in made.inputs)
    return [received.outcome for received in made.inputs if isinstance(received, OutcomeReceived)]


GOOD = {"run_id": "r", "node": "n", "attempt": 1, "state": "succeeded", "worker": "w"}
GOOD |= {"started_at_us": 1, "finished_at_us": 2}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"state": "finished"}, "protocol.unknown_kind"),
        ({"started_at_us": 1.5}, "protocol.malformed"),
        ({"worker": 7}, "protocol.malformed"),
        ({"item": 4, "counts": "x"}, "protocol.malformed"),
    ],
)
def test_an_outcome_that_does_not_fit_fails_the_attempt_it_names(
    bus: FakeBus, ingress: Ingress, wrong: dict[str, object], code: str
) -> None:
    incoming = message("outcome", encode({"outcomes": [GOOD | wrong, GOOD | {"attempt": 2}, {"node": "n"}]}))
    made = envelope(ingress, incoming)
    refused, good = outcomes(made)
    assert (refused.run_id, refused.node, refused.attempt, refused.item) == ("r", "n", 1, wrong.get("item"))
    assert refused.state is OutcomeState.FAILED
    assert refused.worker == ("" if "worker" in wrong else "w")
    assert refused.error is not None
    assert refused.error.code == code
    assert (good.attempt, good.state) == (2, OutcomeState.SUCCEEDED)
    (letter,) = made.dead
    assert ("r/n/4/1" if "item" in wrong else "r/n/1") in letter.error.message
    assert "r/n/2" not in letter.error.message
    assert made.ack is not None
    made.ack()
    assert bus.acknowledged == [incoming]


def test_of_a_newer_protocol_only_the_names_are_read(ingress: Ingress) -> None:
    (refused,) = outcomes(
        envelope(ingress, message("outcome", encode({"outcomes": [GOOD]}), Headrace_Version="2"))
    )
    assert refused.state is OutcomeState.FAILED
    assert refused.error is not None
    assert refused.error.code == "protocol.version"


@pytest.mark.parametrize(
    ("key", "item", "attempt"), [("r/n/3", None, 3), ("r/n/5/3", 5, 3), ("r/n", 0, 0), ("r/n/x/3", 0, 0)]
)
def test_an_unreadable_outcome_is_named_by_its_message_id(
    ingress: Ingress, key: str, item: int | None, attempt: int
) -> None:
    made = envelope(ingress, message("outcome", b"\xc1", Nats_Msg_Id=key))
    found = outcomes(made)
    assert [(one.run_id, one.node, one.item, one.attempt) for one in found] == (
        [("r", "n", item, attempt)] if attempt else []
    )
    (letter,) = made.dead
    assert (key if attempt else "names no attempt") in letter.error.message


def test_a_wrong_shard_is_refused(bus: FakeBus) -> None:
    ingress = Ingress(Subjects("n"), bus, FakeClock(), shards=4)
    home = shard_of("r", 4)
    assert outcomes(envelope(ingress, Incoming(f"hr.n.in.{home}.outcome.q", {}, encode(BATCH))))[0] == OUTCOME
    away = (home + 1) % 4
    made = envelope(ingress, Incoming(f"hr.n.in.{away}.outcome.q", {}, encode(BATCH)))
    assert [(one.attempt, one.state) for one in outcomes(made)] == [(1, "failed"), (2, "failed")]
    (letter,) = made.dead
    assert letter.error.code == "protocol.unroutable"
    assert letter.error.expected.startswith(f"shard {home}")
    for subject, body in (
        (f"hr.n.in.{away}.command.q", encode(START)),
        ("hr.n.in.4.outcome.q", encode(BATCH)),
        ("hr.n.in.999.command.q", encode(START)),
    ):
        made = envelope(ingress, Incoming(subject, {}, body))
        assert (made.inputs, made.dead[0].error.code) == ((), "protocol.unroutable")
