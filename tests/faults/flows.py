"""The load: workflows of every kind that a fault could break. A task's result is its execution's token, with padding
after `|` where it has to be large."""

from __future__ import annotations

import asyncio
import time

from headrace import Retries, context, event, every, task, workflow
from tests.faults.journal import Stopped, execution

FLAKY = Retries(max_attempts=6, backoff="120ms", jitter=False)
LARGE_BYTES = 100_000


def _hold(seconds: float) -> None:
    """Work that looks whether it is still wanted."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if context().cancelled:
            raise Stopped
        time.sleep(0.01)


@task
def first(number: int) -> str:
    with execution() as token:
        _hold(0.01 * (number % 4))
        return token


@task
async def then(before: str) -> str:
    with execution(before) as token:
        await asyncio.sleep(0.01)
        return token


@task
def join(one: str, two: str) -> str:
    with execution(one, two) as token:
        return token


@workflow(triggers=[event("chaos.chain"), event("chaos.both")])
def chain(number: int) -> str:
    one = then.options(id="one")(first(number))
    left, right = then.options(id="left")(one), then.options(id="right")(one)
    return join(left, right)


@task
def cut(number: int) -> list[int]:
    with execution():
        return list(range(3 + number % 10))


@task(retries=FLAKY)
def item(part: int, number: int) -> str:
    with execution() as token:
        _hold(0.02)
        if (part + number) % 7 == 0 and context().attempt == 1:
            raise ValueError("the first time always fails")
        return token


@task
def collect(parts: list[str]) -> str:
    with execution(*parts) as token:
        return token


@workflow(triggers=[event("chaos.fan"), event("chaos.both")])
def fan(number: int) -> str:
    return collect(item.options(window=4).map(cut(number), number=number))


@task(retries=FLAKY)
def stumble(before: str) -> str:
    with execution(before) as token:
        if context().attempt <= 2:
            raise ConnectionResetError("not yet")
        return token


@workflow(triggers=[event("chaos.flaky")])
def flaky(number: int) -> str:
    return then(stumble(first(number)))


@task(timeout="600ms", retries=FLAKY)
def slow_at_first(number: int) -> str:
    with execution() as token:
        _hold(20 if context().attempt == 1 else 0.01)
        return token


@workflow(triggers=[event("chaos.overtime")])
def overtime(number: int) -> str:
    return then(slow_at_first(number))


@task
async def wait_long(number: int) -> str:
    with execution() as token:
        await asyncio.sleep(20)
        return token


@workflow(deadline="1200ms", triggers=[event("chaos.late")])
def late(number: int) -> str:
    return then(wait_long(number))


@task
def wait_some(before: str) -> str:
    with execution(before) as token:
        _hold(1.0)
        return token


@workflow(triggers=[event("chaos.cancelled")])
def cancelled(number: int) -> str:
    return then.options(id="last")(wait_some(then(first(number))))


@task(isolation="process")
def crunch(before: str) -> str:
    with execution(before) as token:
        sum(range(200_000))
        return token


@workflow(triggers=[event("chaos.processes")])
def processes(number: int) -> str:
    return join(crunch(first(number)), crunch.options(id="other")(first.options(id="second")(number)))


@task
def produce(number: int) -> str:
    with execution() as token:
        return f"{token}|{'x' * LARGE_BYTES}"


@task
def pass_on(before: str) -> str:
    with execution(before) as token:
        _hold(0.1)
        return f"{token}|{'y' * LARGE_BYTES}"


@workflow(triggers=[event("chaos.large")])
def large(number: int) -> str:
    produced = produce(number)
    return join(produced, pass_on(produced))


@task(retries=Retries(max_attempts=2, backoff="50ms", jitter=False))
def never(before: str) -> str:
    with execution(before):
        raise ValueError("never works")


@workflow(triggers=[event("chaos.failing")])
def failing(number: int) -> str:
    return then.options(id="behind")(never(first(number)))


@task
def measure(number: int, pad: str) -> str:
    with execution() as token:
        return f"{token} {number + len(pad)}"


@workflow
def padded(number: int, pad: str) -> str:
    """A task message as large as they come."""
    return measure(number, pad)


@workflow(triggers=[every("1s")])
def tick() -> str:
    return first(1)
