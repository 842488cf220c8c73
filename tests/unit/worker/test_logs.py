"""Lines on their way: bounds that are said, batches that arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from headrace.bus import Bus, Disconnected
from headrace.runtime import log_limit, logs
from headrace.runtime.attempt import Attempt
from headrace.runtime.lines import line_about, line_of
from headrace.runtime.log_limit import LogBounds, LogLimit
from headrace.runtime.logs import LogShipper
from headrace_protocol import codec
from headrace_protocol.messages import LogBatch
from headrace_protocol.subjects import Subjects
from tests.unit.worker.capturing import attempt


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Stream:
    """A bus that is a stream and nothing else: it confirms, refuses, or is away."""

    max_payload_bytes = 1024 * 1024

    def __init__(self) -> None:
        self.connected = True
        self.refuses = 0
        self.batches: list[LogBatch] = []
        self.ids: list[str] = []
        self.sizes: list[int] = []

    def publish(self, _: str, body: bytes, headers: Mapping[str, str]) -> asyncio.Future[int]:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.ids.append(headers["Nats-Msg-Id"])
        if self.refuses:
            self.refuses -= 1
            done.set_exception(Disconnected("away"))
        else:
            self.batches.append(codec.decode(body, LogBatch, headers))
            self.sizes.append(len(body))
            done.set_result(len(self.batches))
        return done

    def messages(self) -> list[str]:
        return [line.message for batch in self.batches for line in batch.lines]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(log_limit, "time", clock)
    monkeypatch.setattr(logs, "time", clock)
    return clock


@pytest.fixture
def stream() -> Stream:
    return Stream()


def shipper(stream: Stream, bounds: LogBounds | None = None) -> LogShipper:
    return LogShipper(cast("Bus", stream), Subjects("default"), "worker-1", bounds)


def write(to: LogShipper, of: Attempt, *texts: str) -> None:
    for text in texts:
        to.add(of, line_of(of, text, level="info", stream="stdout"))


async def test_fifty_thousand_lines_at_once_are_let_through(stream: Stream) -> None:
    ship, a = shipper(stream), attempt("a")
    write(ship, a, *map(str, range(50_000)))
    ship.flush()
    await asyncio.sleep(0)
    assert stream.messages() == [str(number) for number in range(50_000)]


async def test_a_flood_is_dropped_and_said_when_it_is_over(stream: Stream, clock: Clock) -> None:
    ship, a, b = shipper(stream, LogBounds(lines_per_s=10)), attempt("a"), attempt("b")
    write(ship, a, *(f"line {number}" for number in range(1_500)))
    write(ship, b, "of another attempt")
    clock.now_s += 5
    write(ship, a, "later")
    ship.flush()
    of_a = [line.message for batch in stream.batches for line in batch.lines if line.node == "a"]
    assert of_a[:1_000] == [f"line {number}" for number in range(1_000)]
    assert of_a[1_000:] == [
        "500 lines were dropped: more than 10 lines/s for long (log_lines_per_s)",
        "later",
    ]
    assert "of another attempt" in stream.messages()
    assert sum(batch.dropped for batch in stream.batches) == 500


async def test_what_was_dropped_is_said_before_the_outcome(stream: Stream, clock: Clock) -> None:
    ship, a = shipper(stream, LogBounds(lines_per_s=1)), attempt("a")
    write(ship, a, *(f"line {number}" for number in range(103)))
    ship.flush()
    assert len(stream.messages()) == 100  # it runs, and may go on dropping: once a second is enough
    a.finished = True
    ship.flush()
    assert stream.messages()[-1].startswith("3 lines were dropped: more than 1 lines/s")


async def test_a_flood_that_goes_on_is_said_every_second(stream: Stream, clock: Clock) -> None:
    ship, a = shipper(stream, LogBounds(lines_per_s=1)), attempt("a")
    for _ in range(3):
        write(ship, a, *("x" for _ in range(200)))
        clock.now_s += 1.0
        ship.flush()
    told = [text for text in stream.messages() if "dropped" in text]
    assert len(told) == 3
    assert "of this attempt so far" in told[-1]


async def test_bytes_are_bounded_for_good(stream: Stream, clock: Clock) -> None:
    ship, a = shipper(stream, LogBounds(max_bytes=100)), attempt("a")
    write(ship, a, "x" * 90, "y" * 20, "z")
    clock.now_s += 1_000
    write(ship, a, "z")
    ship.add(a, line_about(a, "ValueError: why it failed", "error"))
    ship.flush()
    assert stream.messages() == [
        "x" * 90,
        "3 lines were dropped: the attempt has logged 100 bytes (log_bytes)",
        "ValueError: why it failed",
    ]


async def test_lines_wait_while_there_is_no_connection(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "WAITING_LINES", 1_000)
    ship, a = shipper(stream), attempt("a")
    stream.connected = False
    write(ship, a, *map(str, range(1_200)))
    ship.flush()
    assert stream.batches == []
    stream.connected = True
    a.finished = True
    ship.flush()
    assert stream.messages()[:1_000] == [str(number) for number in range(1_000)]
    assert stream.messages()[1_000:] == [f"200 lines were dropped: {log_limit.OVERFLOW}"]


async def test_a_batch_that_is_not_confirmed_is_sent_again_under_its_id(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "RETRY_S", 0)
    ship, a = shipper(stream), attempt("a")
    stream.refuses = 2
    write(ship, a, "once")
    ship.flush()
    async with asyncio.timeout(30):
        while not stream.batches:
            await asyncio.sleep(0)
    assert stream.messages() == ["once"]
    assert len(stream.ids) == 3
    assert len(set(stream.ids)) == 1


async def test_lines_leave_by_themselves(stream: Stream) -> None:
    ship, a = shipper(stream), attempt("a")
    await asyncio.to_thread(write, ship, a, "from a thread")
    async with asyncio.timeout(30):
        while not stream.batches:
            await asyncio.sleep(0.01)
    assert stream.messages() == ["from a thread"]


async def test_batches_fit_a_small_payload(stream: Stream) -> None:
    stream.max_payload_bytes = 64 * 1024
    ship, a = shipper(stream), attempt("a")
    write(ship, a, *("x" * 1_000 for _ in range(500)))
    ship.flush()
    assert len(stream.messages()) == 500
    assert max(stream.sizes) < 64 * 1024


def test_a_limit_that_is_not_reached_costs_nothing_but_a_subtraction(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = LogLimit(LogBounds())
    monkeypatch.setattr(log_limit, "time", None)  # not even the time is asked for
    assert all(limit.admits(10) for _ in range(1_000))
