"""Each reason why a message could not be stored is told with what its sender can do."""

from __future__ import annotations

import pytest

from headrace.bus.port import BusError, Disconnected
from headrace.bus.refusals import check_payload, not_stored
from headrace_protocol.errors import ConfigError, ErrorCode, HeadraceError, ProtocolError, Unavailable

SUBJECT = "hr.default.event.orders.placed"
VIOLATION = 'nats: permissions violation for publish to "hr.default.event.orders.placed"'


@pytest.mark.parametrize(
    ("error", "complaint", "kind", "message", "fix"),
    [
        (
            TimeoutError(),
            Exception(VIOLATION),
            ConfigError,
            "does not let this user",
            "permissions.publish.allow",
        ),
        (TimeoutError(), None, Unavailable, "not confirmed", "JetStream has its leader"),
        (
            TimeoutError(),
            Exception("stale connection"),
            Unavailable,
            "not confirmed",
            "JetStream has its leader",
        ),
        (
            TimeoutError(),
            Exception(VIOLATION.replace("orders", "bills")),
            Unavailable,
            "not confirmed",
            "JetStream has its leader",
        ),
        (
            BusError("no stream takes this subject (503)"),
            None,
            Unavailable,
            "do not exist",
            "Start a coordinator",
        ),
        (
            BusError("maximum bytes exceeded (503)"),
            None,
            Unavailable,
            "maximum bytes",
            "raise the stream's bound",
        ),
        (Disconnected("the connection went away"), None, Unavailable, "was lost", "NATS server runs"),
    ],
)
def test_each_cause_has_its_remedy(
    error: Exception, complaint: Exception | None, kind: type[HeadraceError], message: str, fix: str
) -> None:
    told = not_stored(error, SUBJECT, "nats://a:4222", complaint)
    assert type(told) is kind
    assert message in told.message
    assert fix in told.fix
    assert told.where == SUBJECT


class Server:
    max_payload_bytes = 1_000


@pytest.mark.parametrize(("body", "headers", "fits"), [(900, 0, True), (1_001, 0, False), (900, 100, False)])
def test_what_is_too_large_is_told_before_the_server_hangs_up(body: int, headers: int, fits: bool) -> None:
    sent = {"a": "b" * headers}
    if fits:
        check_payload(Server(), SUBJECT, b"x" * body, sent)  # type: ignore[arg-type]
        return
    with pytest.raises(ProtocolError) as raised:
        check_payload(Server(), SUBJECT, b"x" * body, sent)  # type: ignore[arg-type]
    assert raised.value.code is ErrorCode.PROTOCOL_TOO_LARGE
    assert "1,000" in raised.value.expected
