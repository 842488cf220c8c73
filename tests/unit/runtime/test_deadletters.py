"""A dead letter is named after its message's place in the stream, so that a redelivery makes no second one."""

import pytest

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime.deadletters import dead_letter, rejected_letter, understood
from headrace_protocol.codec import encode
from headrace_protocol.deliveries import Rejected
from headrace_protocol.errors import ErrorCode, ErrorInfo, NotFound, ProtocolError

ERROR = ProtocolError("broken")


def incoming(reply: str, body: bytes = b"same") -> Incoming:
    return Incoming("hr.n.in.0.outcome.q", {"A": "b"}, body, reply)


def letter_id(reply: str, body: bytes = b"same", also: str = "") -> str:
    return dead_letter(incoming(reply, body), ERROR, 5, also=also).letter_id


OLD = "$JS.ACK.STREAM.durable.{deliveries}.{sequence}.{consumer_sequence}.1700000000.{pending}"
NEW = (
    "$JS.ACK.domain.account.STREAM.durable.{deliveries}.{sequence}.{consumer_sequence}.1700000000.{pending}.x"
)


@pytest.mark.parametrize("form", [OLD, NEW])
def test_a_redelivery_is_the_same_letter(form: str) -> None:
    first = form.format(deliveries=1, sequence=10, consumer_sequence=10, pending=3)
    again = form.format(deliveries=2, sequence=10, consumer_sequence=19, pending=0)
    other = form.format(deliveries=1, sequence=11, consumer_sequence=10, pending=3)
    assert letter_id(first) == letter_id(again, body=b"whatever")
    assert letter_id(first) != letter_id(other)


def test_one_message_may_leave_several_letters() -> None:
    reply = OLD.format(deliveries=1, sequence=1, consumer_sequence=1, pending=0)
    assert len({letter_id(reply), letter_id(reply, also="w/a"), letter_id(reply, also="w/b")}) == 3


def test_without_a_stream_the_body_is_the_identity() -> None:
    assert letter_id("", b"one") == letter_id("_INBOX.x", b"one")
    assert letter_id("", b"one") != letter_id("", b"two")


def test_headers_of_any_bytes_can_be_stored() -> None:
    message = Incoming("hr.n.in.0.outcome.q", {"Shop": "\udcff\udcfe"}, b"", "")
    encode(dead_letter(message, ERROR, 5))


def test_a_rejected_message_keeps_where_it_came_from() -> None:
    error = ErrorInfo(code=ErrorCode.PROTOCOL_MALFORMED, message="no task")
    rejected = Rejected(subject="hr.n.task.q.normal", headers={"X": "y"}, body=b"task", error=error)
    letter = rejected_letter(incoming("", encode(rejected)), rejected, 5)
    assert (letter.subject, letter.headers, letter.body) == ("hr.n.task.q.normal", {"X": "y"}, b"task")
    assert letter.error is error


def test_unexpected_errors_get_a_code() -> None:
    known = NotFound("no")
    assert understood(known) is known
    assert understood(ZeroDivisionError("by zero")).code is ErrorCode.INTERNAL
    assert understood(ZeroDivisionError("by zero")).message == "ZeroDivisionError: by zero"
