"""Who is held to block the loop, and when that ends the worker."""

from __future__ import annotations

from headrace.runtime.attempt import Stop
from headrace.runtime.watchdog.board import NOBODY, Entry, Held
from headrace.runtime.watchdog.verdict import suspects, verdict
from headrace_protocol.definition import Isolation


def held(
    slot: int, *, limit_s: float = 0.0, started_s: float = 1.0, isolation: Isolation = Isolation.ASYNC
) -> Held:
    entry = Entry(f"reply{slot}", "r", f"n{slot}", None, 1, 0, "default", 1, 1, None, isolation)
    return Held(slot, entry, started_s, limit_s, Stop.TIMEOUT)


def test_the_one_that_the_loop_is_in_blocks() -> None:
    both = [held(0), held(1)]
    assert suspects(both, 1) == [both[1]]


def test_where_that_is_not_known_everything_in_the_worker_may() -> None:
    everything = [
        held(0),
        held(1, isolation=Isolation.THREAD),
        held(2, isolation=Isolation.PROCESS),
        held(3, isolation=Isolation.FRESH),
        held(4, started_s=0.0),
    ]
    assert suspects(everything, NOBODY) == everything[:2]


def test_the_grace_is_waited_for() -> None:
    one = held(0, limit_s=10.0)
    assert verdict([one], 0, 15.0, 5.0) is None
    found = verdict([one], 0, 15.1, 5.0)
    assert found is not None
    assert found.late == (one,)


def test_what_is_beside_the_one_that_blocks_is_returned_though_its_time_is_over() -> None:
    blocks, beside = held(0, limit_s=20.0), held(1, limit_s=10.0)
    assert verdict([blocks, beside], 0, 20.0, 5.0) is None
    found = verdict([blocks, beside], 0, 26.0, 5.0)
    assert found is not None
    assert (found.late, found.returned) == ((blocks,), (beside,))


def test_a_block_without_a_timeout_ends_nothing() -> None:
    assert verdict([held(0), held(1, limit_s=10.0)], 0, 1e9, 5.0) is None


def test_of_several_that_may_block_those_that_are_late_are_charged() -> None:
    late, other = held(0, limit_s=10.0, isolation=Isolation.THREAD), held(1, isolation=Isolation.THREAD)
    found = verdict([late, other], NOBODY, 16.0, 5.0)
    assert found is not None
    assert (found.late, found.returned) == ((late,), (other,))
