"""Message headers. The cases of `traceparent` are those of the W3C's own test suite for Trace Context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol import headers
from headrace_protocol.headers import Encoding, TraceContext, make, parse_traceparent

TRACE, SPAN = "12345678901234567890123456789012", "1234567890123456"


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f" \t00-{TRACE}-{SPAN}-01 ", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_valid_contexts(value: str, sampled: bool) -> None:
    assert parse_traceparent(value) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}-01.",
        f"00-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
        f"ff-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"0.-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-.{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE[:-1]}.-{SPAN}-01",
        f"00-{TRACE}3-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-.{SPAN[1:]}-01",
        f"00-{TRACE}-{SPAN}7-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}-.0",
        f"00-{TRACE}-{SPAN}-0.",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-1",
        # What int(…, 16) takes and hexadecimal digits are not.
        f"00-1_{TRACE[2:]}-{SPAN}-01",
        f"00-0x{TRACE[2:]}-{SPAN}-01",
        f"00-+{TRACE[1:]}-{SPAN}-01",
        f"00-{'A' * 32}-{SPAN}-01",
    ],
)
def test_invalid_contexts_are_ignored(value: str | None) -> None:
    assert parse_traceparent(value, "a=1") is None


@pytest.mark.parametrize(
    ("state", "kept"), [("a=1,b=2", "a=1,b=2"), ("ü=1", ""), ("a=1\r\nX: y", ""), (None, "")]
)
def test_a_state_that_is_not_printable_ascii_is_dropped(state: str | None, kept: str) -> None:
    context = parse_traceparent(f"00-{TRACE}-{SPAN}-01", state)
    assert context is not None
    assert context.state == kept


hexadecimal = "0123456789abcdef"
contexts = st.builds(
    TraceContext,
    st.text(hexadecimal, min_size=32, max_size=32).filter(lambda text: text.strip("0") != ""),
    st.text(hexadecimal, min_size=16, max_size=16).filter(lambda text: text.strip("0") != ""),
    st.booleans(),
)


@given(contexts)
def test_contexts_round_trip_through_headers(context: TraceContext) -> None:
    made = make(trace=context)
    assert parse_traceparent(made[headers.TRACEPARENT], made.get(headers.TRACESTATE)) == context


def test_the_headers_of_a_message() -> None:
    assert make(
        encoding=Encoding.JSON, message_id="r1/clean/1", trace=TraceContext(TRACE, SPAN, True, "a=1")
    ) == {
        "Content-Type": "application/json",
        "Nats-Msg-Id": "r1/clean/1",
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "tracestate": "a=1",
    }


def test_without_headers_a_message_is_msgpack() -> None:
    assert make() == {}
    assert headers.encoding_of(None) is Encoding.MSGPACK
    assert headers.encoding_of({"traceparent": "x"}) is Encoding.MSGPACK
