"""What worker and watchdog share."""

from __future__ import annotations

import mmap

import msgspec
import pytest

from headrace.runtime.attempt import Attempt, Stop
from headrace.runtime.watchdog.board import NOBODY, SLOT_BYTES, SPARE_SLOTS, Board, Reader, size_bytes
from headrace_protocol.messages import Heartbeat, HeldAttempt, TaskMessage


def attempt(number: int, *, timeout_s: float | None = None, node: str = "n") -> Attempt:
    message = TaskMessage(
        run_id=f"r{number}",
        workflow="w",
        node=node,
        attempt=2,
        task="t",
        shard=1,
        queue="q",
        queued_at_us=7,
        timeout_s=timeout_s,
    )
    return Attempt(message, None, f"reply{number}", 3)


@pytest.fixture
def both() -> tuple[Board, Reader]:
    memory = mmap.mmap(-1, size_bytes(2))
    return Board(memory, 30.0), Reader(memory)


def test_what_is_held_is_read_until_it_is_released(both: tuple[Board, Reader]) -> None:
    board, reader = both
    one, two = attempt(1, timeout_s=4.0), attempt(2)
    board.hold(one)
    board.hold(two)
    one.begin()
    board.started(one, 100.0)
    board.release("reply2")
    board.release("unknown")
    (held,) = reader.held()
    assert (held.entry.reply, held.entry.run_id, held.entry.delivery) == ("reply1", "r1", 3)
    assert (held.started_s, held.limit_s, held.limit) == (100.0, 104.0, Stop.TIMEOUT)


def test_a_slot_is_used_again_without_what_was_in_it(both: tuple[Board, Reader]) -> None:
    board, reader = both
    for number in range(500):
        one = attempt(number)
        board.hold(one)
        one.begin()
        board.started(one, 1.0)
        board.release(one.reply)
    board.hold(attempt(999))
    (held,) = reader.held()
    assert (held.entry.run_id, held.started_s) == ("r999", 0.0)


def test_more_than_fits_is_held_by_the_worker_alone(both: tuple[Board, Reader]) -> None:
    board, reader = both
    board.hold(attempt(0, node="n" * SLOT_BYTES))
    assert not list(reader.held())
    for number in range(2 + SPARE_SLOTS + 5):
        board.hold(attempt(number))
    assert len(list(reader.held())) == 2 + SPARE_SLOTS
    board.release(f"reply{2 + SPARE_SLOTS + 1}")


def test_whose_step_it_is(both: tuple[Board, Reader]) -> None:
    board, reader = both
    assert reader.running == NOBODY
    one = attempt(1)
    board.hold(one)
    board.running(one)
    (held,) = reader.held()
    assert reader.running == held.slot
    board.running(attempt(2))
    assert reader.running == NOBODY
    board.running(one)
    board.beat(30.0)
    assert reader.running == NOBODY


def test_the_beat_the_processes_and_the_heartbeat(both: tuple[Board, Reader]) -> None:
    board, reader = both
    assert (reader.beats, reader.ack_wait_s, reader.heartbeat(), reader.leaving) == (0, 30.0, None, False)
    board.beat(10.0)
    board.processes([11, 12])
    beat = Heartbeat(
        worker="w",
        host="h",
        pid=1,
        at_us=2,
        started_at_us=3,
        queues=("q",),
        slots=4,
        tasks=("t",),
        held=(HeldAttempt(run_id="r", node="n", attempt=1, started_at_us=1),),
    )
    board.heartbeat(beat)
    board.leave()
    assert (reader.beats, reader.ack_wait_s, reader.processes(), reader.leaving) == (1, 10.0, [11, 12], True)
    assert reader.heartbeat() == msgspec.structs.replace(beat, held=())
    board.heartbeat(msgspec.structs.replace(beat, tasks=("t" * 100_000,)))
    assert reader.heartbeat() == msgspec.structs.replace(beat, held=(), tasks=())
