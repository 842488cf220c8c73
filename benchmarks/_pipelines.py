"""The workflows that are measured: tasks that do nothing, so that what is left is ours."""

from __future__ import annotations

import asyncio
import os
import time

from headrace import Retries, Retry, event, task, workflow


@task
async def step(number: int = 0) -> int:
    return number


@task
async def numbers(count: int) -> list[int]:
    return list(range(count))


@task
async def last(values: list[int]) -> int:
    return len(values)


@workflow
def chain(number: int = 0) -> int:
    """Forty tasks, one after the other."""
    for _ in range(40):
        number = step(number)
    return number


@workflow(triggers=[event("bench.three")])
def three(number: int) -> int:
    return step(step(step(number)))


@workflow
def fan_nodes() -> int:
    """1 → 1,000 → 1, each task a node of its own."""
    first = step(0)
    return last([step(first) for _ in range(1_000)])


@workflow
def fan_map(count: int) -> int:
    """1 → n → 1, as a map."""
    return last(step.map(numbers(count)))


@workflow
def wide_map(count: int) -> list[int]:
    """A map whose results nothing reads."""
    return step.map(numbers(count))


@task
async def slow_step(number: int, each_s: float) -> int:
    await asyncio.sleep(each_s)
    return number


@workflow
def slow_map(count: int, each_s: float) -> list[int]:
    """Tasks that take a while, so that others have to wait."""
    return slow_step.map(numbers(count), each_s=each_s)


@task
async def arrive(sent_ns: int, journal: str) -> None:
    arrived_ns = time.time_ns()
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{arrived_ns - sent_ns}\n".encode())
    finally:
        os.close(descriptor)


@workflow(triggers=[event("bench.arrived")])
def arrival(sent_ns: int, journal: str) -> None:
    arrive(sent_ns, journal)


def fib(number: int) -> int:
    return number if number < 2 else fib(number - 1) + fib(number - 2)


@task(isolation="process")
def fibonacci(number: int) -> int:
    return fib(number)


@workflow
def fibonaccis(values: list[int]) -> list[int]:
    return fibonacci.map(values)


@task(queue="nobody")
async def unserved() -> int:
    return 0


@task(queue="nobody")
async def unserved_item(value: int) -> int:
    return value


@workflow(triggers=[event("bench.parked")])
def parked() -> int:
    """Its task waits in a queue that no worker serves."""
    return unserved()


@workflow
def parked_map(values: list[int]) -> list[int]:
    return unserved_item.options(window=100_000).map(values)


@task(retries=Retries(max_attempts=2))
async def tomorrow() -> int:
    raise Retry("not yet", after="1d")


@workflow(triggers=[event("bench.retried")])
def retried() -> int:
    return tomorrow()
