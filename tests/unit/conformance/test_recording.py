"""What is understood of what passes the server."""

from headrace_coordinator.conformance.recording import Recording, Sign
from headrace_protocol import codec
from headrace_protocol.messages import Outcome, OutcomeBatch, OutcomeState
from headrace_protocol.subjects import Subjects

SUBJECT = "hr.ns.in.3.outcome.q"
OUTCOME = Outcome(
    run_id="r",
    node="n",
    attempt=2,
    item=0,
    state=OutcomeState.SUCCEEDED,
    started_at_us=1,
    finished_at_us=2,
    worker="w",
)


def recording() -> Recording:
    return Recording(Subjects("ns"), "HR_TASKS_ns")


def test_settlements_of_both_kinds_of_subject() -> None:
    heard = recording()
    heard.hear("$JS.ACK.HR_TASKS_ns.q_normal.2.7.9.1000.0", "", None, b'-NAK {"delay": 5}')
    heard.hear("$JS.ACK._.account.HR_TASKS_ns.q_normal.1.8.10.1000.0.token", "", None, b"")
    heard.hear("$JS.ACK.HR_TASKS_other.q_normal.1.7.9.1000.0", "", None, b"+ACK")
    (nak,) = heard.signs(7)
    assert (nak.sign, nak.delivery, nak.stored_ns) == (Sign.NAK, 2, 1000)
    assert [one.sign for one in heard.signs(8)] == [Sign.ACK]
    assert heard.signs(8, Sign.NAK) == []


def test_an_outcome_heard_twice_is_one_answer() -> None:
    heard = recording()
    for _ in range(2):
        heard.hear(SUBJECT, "reply", None, codec.encode(OutcomeBatch((OUTCOME,))))
    (answer,) = heard.answers["r/n/0/2"]
    assert (answer.outcome, answer.subject, answer.wants_reply) == (OUTCOME, SUBJECT, True)


def test_what_cannot_be_read_is_kept_as_why() -> None:
    heard = recording()
    heard.hear(SUBJECT, "", None, codec.encode({"outcomes": [{"node": "n"}]}))
    assert "run_id" in heard.malformed[0]


def test_who_was_asked() -> None:
    heard = recording()
    heard.hear("$JS.API.CONSUMER.MSG.NEXT.HR_TASKS_ns.q_high", "inbox", None, b"1")
    assert list(heard.asked) == ["q_high"]
