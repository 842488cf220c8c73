"""Wrong tests: mypy rejects each line marked, with the error code named there, and nothing else."""

from headrace import task, workflow
from headrace.testing import AsyncEnvironment, Environment, Run


@task
def double(number: int) -> int:
    return 2 * number


@task
async def fetch(url: str) -> bytes:
    return b""


@workflow
def doubling(number: int) -> int:
    return double(number)


def test_doubling() -> None:
    with Environment(doubling) as env:
        env.run(doubling, "3")  # error: arg-type
        env.run(doubling)  # error: call-arg
        env.run(doubling, numbr=3)  # error: call-arg
        env.start(doubling, number=None)  # error: arg-type
        text: str = env.run(doubling, 3).output  # error: assignment
        other: Run[str] = env.run(doubling, 3)  # error: arg-type
        env.replace(double, lambda number: "x")  # error: arg-type, return-value
        env.replace(fetch, lambda url: 3)  # error: arg-type
        env.faults.kill_worker(tsk="double")  # error: call-arg
        env.faults.kill_worker(task="double", when="later")  # error: arg-type
        env.faults.drop("outcome")  # error: arg-type
        print(text, other)


def test_what_is_no_workflow() -> None:
    Environment(double)  # error: arg-type
    Environment(doubling, worker=2)  # error: call-arg
    AsyncEnvironment(doubling, worker=2)  # error: call-arg
