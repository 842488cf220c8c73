"""What becomes of a publication's future."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from headrace_protocol.nats import Confirmations
from headrace_protocol.nats.connection import Listener


class Refused(Exception):
    pass


class Disconnected(Exception):
    pass


class Line:
    """A connection whose server is the test."""

    is_connected = True
    listener: Listener

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def listen(self, subject: str, listener: Listener) -> None:
        assert subject == "_INBOX.x.*"
        self.listener = listener

    def answer(self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.listener(subject, "", headers, body)


@pytest.fixture
async def line() -> Line:
    return Line()


@pytest.fixture
async def confirmations(line: Line) -> Confirmations:
    made = Confirmations(line, refused=Refused, disconnected=Disconnected)  # type: ignore[arg-type]
    await made.open()
    return made


async def test_each_answer_goes_to_its_own_future(line: Line, confirmations: Confirmations) -> None:
    first, one = confirmations.expect()
    second, two = confirmations.expect()
    line.answer(second, b'{"stream":"S","seq":8}')
    line.answer(first, b'{"stream":"S","seq":9}')
    assert (await one, await two) == (9, 8)


async def test_what_the_stream_refuses(line: Line, confirmations: Confirmations) -> None:
    reply, confirmed = confirmations.expect()
    line.answer(reply, b'{"error":{"code":503,"description":"maximum bytes exceeded"}}')
    with pytest.raises(Refused, match=r"maximum bytes exceeded \(503\)"):
        await confirmed


async def test_a_subject_that_no_stream_has(line: Line, confirmations: Confirmations) -> None:
    reply, confirmed = confirmations.expect()
    line.answer(reply, headers={"Status": "503"})
    with pytest.raises(Refused, match="no stream takes this subject"):
        await confirmed


async def test_without_a_connection_nothing_is_to_be_sent(line: Line, confirmations: Confirmations) -> None:
    line.is_connected = False
    reply, confirmed = confirmations.expect()
    assert reply == ""
    with pytest.raises(Disconnected):
        await confirmed


async def test_what_was_on_its_way_when_the_connection_went(
    line: Line, confirmations: Confirmations, caplog: pytest.LogCaptureFixture
) -> None:
    reply, confirmed = confirmations.expect()
    _, unheard = confirmations.expect()
    confirmations.lose()
    with pytest.raises(Disconnected, match="went away"):
        await confirmed
    line.answer(reply, b'{"seq":1}')  # comes too late, and is nobody's
    del unheard
    assert "never retrieved" not in caplog.text


async def test_what_could_not_be_sent(confirmations: Confirmations) -> None:
    reply, confirmed = confirmations.expect()
    confirmations.not_sent("a.subject", reply, ValueError("too large"))
    with pytest.raises(Disconnected, match="too large"):
        await confirmed
    confirmations.not_sent("a.subject", "", ValueError("of no publication"))


async def test_who_has_given_up_is_not_told(line: Line, confirmations: Confirmations) -> None:
    reply, confirmed = confirmations.expect()
    confirmed.cancel()
    line.answer(reply, b'{"seq":1}')
    again, other = confirmations.expect()
    other.cancel()
    confirmations.not_sent("a.subject", again, ValueError())
    await asyncio.sleep(0)
    assert confirmed.cancelled()
