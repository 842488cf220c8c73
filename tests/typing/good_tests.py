"""A user's tests: accepted by mypy strict, with the types of what their workflows return."""

from dataclasses import dataclass
from datetime import timedelta

from headrace import task, workflow
from headrace.testing import AsyncEnvironment, Environment, Run, attempt


@dataclass(frozen=True)
class Landed:
    month: int


@task
def validate(month: int, path: str = "x") -> Landed:
    return Landed(month)


@task
async def weather(month: int) -> float:
    return 20.0


@task
def report(landed: Landed, temperature: float) -> str:
    return f"{landed.month}: {temperature}"


@workflow
def flights(month: int) -> str:
    landed = validate(month)
    return report(landed, weather(landed.month))


def test_flights() -> None:
    with Environment(flights, workers=2) as env:
        run: Run[str] = env.run(flights, month=1)
        text: str = run.output
        assert text.startswith("1:")
        assert run.state == "succeeded"
        later: list[Run[str]] = env.runs(flights)
        started: list[Run[object]] = env.publish("flights.landed", {"month": 1})
        env.wait(run, *later, *started)
        env.advance("1d")
        env.advance(timedelta(days=1))
        env.faults.kill_worker(task=validate, attempt=1)
        env.faults.fail("weather", TimeoutError())


def test_with_fakes() -> None:
    async def cold(month: int) -> float:
        return -5.0

    with Environment(flights) as env:
        env.replace(validate, lambda month, path="x": Landed(month + 1))
        env.replace(weather, lambda month: -5.0)
        env.replace(weather, cold)
        env.replace(weather, None)


async def test_in_a_coroutine() -> None:
    async with AsyncEnvironment(flights, patience="1h") as env:
        run: Run[str] = await env.run(flights, 1)
        assert run.output
        assert env.plain.now.year == 2024


def test_plainly() -> None:
    with attempt(2) as given:
        landed: Landed = validate(1)
        given.cancelled = landed.month > 1
