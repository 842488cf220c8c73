"""The loop in virtual time, by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from headrace.testing.loop import Process, Spinning, VirtualLoop, discard


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    for task in asyncio.all_tasks(made):
        task.cancel()
    made.run_to(made.time())
    made.close()


async def steps(told: list[tuple[str, float]], name: str, every_s: float, count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await asyncio.sleep(every_s)
        told.append((name, loop.time()))


def test_time_jumps_from_timer_to_timer(loop: VirtualLoop) -> None:
    told: list[tuple[str, float]] = []
    loop.create_task(steps(told, "a", 1_000.0, 2))
    loop.create_task(steps(told, "b", 1_500.0, 1))
    loop.run_to(1_200.0)
    assert (told, loop.time()) == ([("a", 1_000.0)], 1_200.0)
    loop.run_to(1_500.0)
    assert told == [("a", 1_000.0), ("b", 1_500.0)], "what is due at the end is done"
    loop.run_to(2_000.0)
    assert told[-1] == ("a", 2_000.0)


def test_finish_ends_it_after_the_present_instant(loop: VirtualLoop) -> None:
    told: list[tuple[str, float]] = []
    loop.create_task(steps(told, "a", 10.0, 5))
    loop.call_later(20.0, loop.finish)
    loop.create_task(steps(told, "b", 20.0, 1))
    loop.run_to(1_000.0)
    assert (sorted(told), loop.time()) == ([("a", 10.0), ("a", 20.0), ("b", 20.0)], 20.0)


def test_timers_of_many_years_fire(loop: VirtualLoop) -> None:
    told: list[tuple[str, float]] = []
    loop.run_to(3e8)
    loop.create_task(steps(told, "a", 0.000_001, 3))
    loop.run_to(3e8 + 1)
    assert len(told) == 3


def test_a_killed_process_never_runs_again(loop: VirtualLoop) -> None:
    told: list[str] = []

    async def main() -> None:
        try:
            await asyncio.sleep(10)
            told.append("slept")
        finally:
            told.append("cleaned up")

    process = Process("worker")
    loop.start(process, main)
    loop.run_to(5)
    process.alive = False
    loop.run_to(100)
    assert told == []
    discard(process)


def test_a_paused_process_goes_on_where_it_was(loop: VirtualLoop) -> None:
    told: list[tuple[str, float]] = []
    process = Process("worker")
    loop.start(process, lambda: steps(told, "a", 10.0, 2))
    loop.create_task(steps(told, "outside", 12.0, 1))
    process.paused = True
    loop.call_later(100.0, process.resume, loop)
    loop.run_to(200.0)
    assert told == [("outside", 12.0), ("a", 110.0), ("a", 120.0)]


def test_tasks_of_a_process_belong_to_it(loop: VirtualLoop) -> None:
    told: list[tuple[str, float]] = []

    async def main() -> None:
        loop.create_task(steps(told, "child", 10.0, 1))
        loop.call_later(10.0, told.append, ("timer", 10.0))

    process = Process("worker")
    loop.start(process, main)
    loop.run_to(1)
    process.alive = False
    loop.run_to(20)
    assert told == []
    discard(process)


def test_what_spins_is_stopped(loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.testing.loop.SPINS", 1_000)

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    task = loop.create_task(spin())
    with pytest.raises(Spinning):
        loop.run_to(1)
    task.cancel()


def test_quiet_time_is_skipped_up_to_a_second_before_its_end(loop: VirtualLoop) -> None:
    beats: list[tuple[str, float]] = []
    loop.create_task(steps(beats, "beat", 5.0, 10_000))
    loop.skip = lambda: 36_000.0
    loop.run_to(36_000.0)
    late = [at for _, at in beats if at > 100]
    assert late == [35_999.0], "once, late, and before the end"
    assert loop.time() == 36_000.0


def test_executors_are_waited_for(loop: VirtualLoop) -> None:
    async def ask() -> float:
        await asyncio.to_thread(sum, range(100_000))
        return loop.time()

    loop.call_later(3.0, lambda: None)
    task = loop.create_task(ask())
    loop.run_to(10)
    assert task.result() == 0.0
