"""Tasks that people bring: some kill their worker, some take long."""

from __future__ import annotations

import os
import time
from pathlib import Path

from headrace import Retries, context, task, workflow


@task(timeout="60s", retries=Retries(max_attempts=2, backoff="6s", jitter=False))
def poison_at(number: int, bad: int) -> int:
    if number == bad:
        os._exit(7)
    time.sleep(0.005)
    return number


@task
def numbers(count: int) -> list[int]:
    return list(range(count))


@task
def add_up(found: list[int]) -> int:
    return sum(found)


@workflow
def poisoned_map(count: int, bad: int) -> int:
    return add_up(poison_at.map(numbers(count), bad=bad))


@task
async def slow(seconds: float, log: str) -> int:
    """Its first attempt is slow; what is made again is quick. The log says when an attempt began and ended."""
    import asyncio

    here = context()

    def note(what: str) -> None:
        with Path(log).open("a") as file:
            file.write(f"{what} {here.item} {here.attempt} {time.time_ns() // 1_000}\n")

    note("began")
    await asyncio.sleep(seconds if here.attempt == 1 else 0)
    note("ended")
    return 1


@task
def times(count: int, seconds: float) -> list[float]:
    return [seconds] * count


@workflow
def slow_map(count: int, seconds: float, log: str) -> int:
    return add_up(slow.options(window=1_000).map(times(count, seconds), log=log))
