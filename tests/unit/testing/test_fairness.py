"""Who waits behind whom: a small run does not wait for a wide map that was there before it."""

from __future__ import annotations

import asyncio

from headrace import task, workflow
from headrace.testing import Environment, Run

SLOTS = 4
BOUND = 2 * SLOTS + 64
"""Tasks that are on the bus at most."""
QUANTUM = 8
"""Tasks that a run is ahead of another at most."""


@task
async def load(number: int) -> int:
    await asyncio.sleep(1)
    return number


@task
async def urgent(number: int) -> int:
    await asyncio.sleep(1)
    return number


@workflow
def wide(numbers: list[int]) -> list[int]:
    return load.map(numbers)


@workflow
def small(numbers: list[int]) -> list[int]:
    return urgent.map(numbers)


@workflow
def single(number: int) -> int:
    return urgent(number)


@workflow
def branches(numbers: list[int]) -> list[int]:
    loaded = load.map(numbers)
    first = urgent(1)
    second = urgent(first)
    urgent(second)
    return loaded


def begun_before(other: Run, run: Run) -> int:
    """Attempts of another run that began while a run waited for the beginning of its last one."""
    [last] = sorted(attempt.started_at for attempt in run.attempts())[-1:]
    return sum(run.created_at <= attempt.started_at < last for attempt in other.attempts())


def test_a_task_behind_a_wide_map_waits_for_what_is_on_the_bus() -> None:
    with Environment(wide, single, slots=SLOTS) as env:
        first = env.start(wide, list(range(4_000)))
        env.advance("10s")
        second = env.run(single, 1)
        env.advance("3s")  # what began before it has ended
        assert begun_before(first, second) <= BOUND + QUANTUM
        assert first.state == "running"


def test_ten_items_behind_a_wide_map_take_turns_with_it() -> None:
    with Environment(wide, small, slots=SLOTS) as env:
        first = env.start(wide, list(range(4_000)))
        env.advance("10s")
        second = env.run(small, list(range(10)))
        env.advance("3s")
        assert second.output == list(range(10))
        assert begun_before(first, second) <= BOUND + 2 * QUANTUM


def test_a_branch_of_single_tasks_does_not_wait_for_the_map_beside_it() -> None:
    with Environment(branches, slots=SLOTS) as env:
        run = env.start(branches, list(range(400)))
        env.advance(f"{3 * BOUND // SLOTS + 10}s")
        assert [run.node(name).state for name in ("urgent", "urgent-2", "urgent-3")] == ["succeeded"] * 3
        assert len(run.attempts("load")) < 400


def test_a_cancelled_map_is_out_of_the_way_at_once() -> None:
    with Environment(wide, single, slots=SLOTS) as env:
        first = env.start(wide, list(range(4_000)))
        env.advance("10s")
        first.cancel()
        second = env.run(single, 1)
        begun = 10 * SLOTS
        assert len(first.attempts("load")) <= begun + BOUND
        assert second.state == "succeeded"


def test_all_items_are_done_once_however_little_the_bus_takes() -> None:
    with Environment(wide, small, slots=1) as env:
        runs = [env.start(wide, list(range(150))), env.start(small, list(range(150)))]
        env.advance("10m")
        assert [run.output for run in runs] == [list(range(150))] * 2
        assert [len(run.attempts()) for run in runs] == [150, 150]
