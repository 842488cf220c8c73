from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_protocol.nats.frames import Frame, Malformed, Reader, parsed_headers, published

_tokens = st.text("abcdefghijklmnopqrstuvwxyzABC019_$-", min_size=1, max_size=12)
_subjects = st.lists(_tokens, min_size=1, max_size=4).map(".".join)
_values = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), max_size=20)
_headers = st.dictionaries(
    st.text("abcdefghijklmnopqrstuvwxyz-ABC", min_size=1, max_size=12), _values, max_size=4
)
_bodies = st.one_of(
    st.binary(max_size=200), st.sampled_from([b"", b"\r\n", b"MSG a 1 3\r\nabc\r\n", b"PING\r\n"])
)
_messages = st.tuples(st.integers(1, 999), _subjects, st.one_of(st.just(""), _subjects), _headers, _bodies)
_lines = st.sampled_from(
    [b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'Stale Connection'\r\n", b"INFO {}\r\n"]
)


def delivered(sid: int, subject: str, reply: str, headers: dict[str, str], body: bytes) -> bytes:
    """A message as the server delivers it, made of how it was published."""
    frame = published(subject, body, reply, headers)
    kind, _, rest = frame.partition(b" ")
    to, line_end, tail = rest.partition(b"\r\n")
    places = to.split(b" ")
    places.insert(1, str(sid).encode())
    return {b"PUB": b"MSG ", b"HPUB": b"HMSG "}[kind] + b" ".join(places) + line_end + tail


@given(st.lists(st.one_of(_messages, _lines), max_size=8), st.data())
def test_frames_come_out_whole_however_the_stream_is_cut(
    sent: list[tuple[int, str, str, dict[str, str], bytes] | bytes], data: st.DataObject
) -> None:
    stream = b"".join(each if isinstance(each, bytes) else delivered(*each) for each in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader, found = Reader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += list(reader.frames(stream[start:end]))
    assert len(found) == len(sent)
    for frame, each in zip(found, sent, strict=True):
        if isinstance(each, bytes):
            assert (frame.sid, frame.raw) == (0, each)
        else:
            sid, subject, reply, headers, body = each
            told = (frame.sid, frame.subject, frame.reply, frame.body)
            assert told == (sid, subject, reply, body)
            assert (parsed_headers(frame.headers) or {}) == headers


def test_a_new_connection_forgets_half_a_frame() -> None:
    reader = Reader()
    assert list(reader.frames(b"MSG a 1 10\r\nabc")) == []
    reader.reset()
    assert list(reader.frames(b"MSG b 2 1\r\nx\r\n")) == [Frame(2, "b", "", b"", b"x")]


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        (b"NATS/1.0 404 No Messages\r\n\r\n", {"Status": "404", "Description": "No Messages"}),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503"}),
        (
            b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes:0\r\n\r\n",
            {
                "Status": "408",
                "Description": "Request Timeout",
                "Nats-Pending-Messages": "3",
                "Nats-Pending-Bytes": "0",
            },
        ),
        (b"NATS/1.0\r\na: 1:2\r\n\r\n", {"a": "1:2"}),
    ],
)
def test_a_status_is_among_the_headers(block: bytes, headers: dict[str, str]) -> None:
    assert parsed_headers(block) == headers


@pytest.mark.parametrize("line", [b"MSG a 1\r\n", b"MSG a x 3\r\nabc\r\n", b"HMSG a 1 3\r\nabc\r\n"])
def test_what_is_no_frame_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        list(Reader().frames(line))


@pytest.mark.parametrize(
    ("subject", "reply", "headers"),
    [
        ("", "", {}),
        ("a b", "", {}),
        ("a\r\nPUB c 0", "", {}),
        ("a", "b c", {}),
        ("a", "", {"x": "1\r\nNats-Msg-Id: other"}),
        ("a", "", {"x\n": "1"}),
    ],
)
def test_nothing_can_be_smuggled_into_a_frame(subject: str, reply: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"not a subject|line break"):
        published(subject, b"", reply, headers)
