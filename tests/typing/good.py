"""A README-sized file: accepted by mypy strict, and by the definition check when it is imported."""

from dataclasses import dataclass
from typing import NamedTuple

from headrace import (
    AsyncTask,
    Fail,
    Retries,
    Retry,
    Task,
    Workflow,
    context,
    cron,
    event,
    every,
    task,
    workflow,
)


@dataclass(frozen=True)
class Landed:
    month: int
    carriers: list[str]


@dataclass(frozen=True)
class Statistics:
    carrier: str
    mean_delay_min: float


@task
def validate(month: int, path: str = "flights.csv") -> Landed:
    if month > 12:
        raise Fail("there are twelve months", month=month)
    context().log.info("validating %s", path)
    return Landed(month, ["AA", "UA"])


@task(
    retries=Retries(max_attempts=3, backoff="1s", cap="5m", retry_on=(TimeoutError,)),
    timeout="60s",
    queue="big",
)
def carrier_statistics(carrier: str, month: Landed) -> Statistics:
    if not month.carriers:
        raise Retry(after="30s")
    return Statistics(carrier, 1.5)


@task(isolation="async", priority="high", retries=2)
async def weather(month: int) -> float:
    return 20.0 + month


@task(name="report.write")
def write_report(landed: Landed, statistics: list[Statistics], temperature: float) -> str:
    return f"{landed.month}: {len(statistics)} carriers at {temperature}"


@task
async def tidy() -> None:
    pass


@workflow(
    triggers=[
        event("flights.month.landed", where="event.data.month > 0", params={"month": "event.data.month"}),
        cron("0 6 * * *", tz="Europe/Berlin", params={"month": 1}),
        every("10m", params={"month": 2}),
    ],
    deadline="5m",
)
def flights_month(month: int, path: str = "flights.csv") -> str:
    landed = validate(month, path)
    statistics = carrier_statistics.map(landed.carriers, month=landed)
    temperature = weather(landed.month)
    report = write_report(landed, statistics, temperature)
    tidy.options(after=[report])()
    return report


@workflow
def two_months() -> dict[str, Landed]:
    return {"first": validate(1), "second": validate.options(priority="low", id="february")(2)}


@task
def extremes(landed: Landed) -> tuple[str, int]:
    return landed.carriers[0], landed.month


class Range(NamedTuple):
    first: int
    last: int


@task
def months(until: int) -> Range:
    return Range(1, until)


@task(name="images.resize", external=True, queue="node")
def resize(path: str, width: int) -> str:
    raise NotImplementedError


@workflow
def resized() -> Landed:
    return validate(1, path=resize("a.png", 100))


@workflow
def unpacked() -> Landed:
    carrier, month = extremes(validate(1))
    first, last = months(month)
    validate(first, path=carrier)
    return validate(last)


def plain_calls() -> str:
    """Outside of a workflow a task is the function it decorates."""
    landed: Landed = validate(1)
    listed: list[Statistics] = carrier_statistics.map(["AA"], landed)
    return write_report(landed, listed, 20.0)


task_with_its_types: Task[[Landed, list[Statistics], float], str] = write_report
task_without_a_body: Task[[str, int], str] = resize
task_of_a_coroutine: AsyncTask[[int], float] = weather
workflow_with_its_types: Workflow[..., str] = flights_month


async def plain_call_of_an_async_task() -> float:
    return await weather.coroutine(1)
