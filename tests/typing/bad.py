"""Wrong edges: mypy rejects each line marked, with the error code named there, and nothing else."""

from collections.abc import Sequence

from headrace import Workflow, task, workflow


class Landed:
    month: int
    carriers: list[str]


@task
def validate(month: int, path: str = "x") -> Landed:
    return Landed()


@task
async def fetch(url: str) -> bytes:
    return b""


@task
def statistics(carrier: str, month: Landed) -> float:
    return 0.0


@task
def report(values: Sequence[float], title: str) -> str:
    return title


@task
def pair() -> tuple[str, list[float]]:
    return "", []


@workflow
def flights(month: int) -> str:
    landed = validate("march")  # error: arg-type
    validate()  # error: call-arg
    validate(1, paht="x")  # error: call-arg
    report([1.0], landed)  # error: arg-type
    report([1.0], fetch("x"))  # error: arg-type
    statistics.map(landed.month, landed)  # error: arg-type
    statistics.map([1, 2], month=landed)  # error: list-item
    statistics.map(landed.carriers, month="x")  # error: arg-type
    statistics.map(landed.carriers)  # error: call-arg
    validate(landed.moth)  # error: attr-defined
    report(statistics.map(landed.carriers, landed), title=fetch)  # error: arg-type
    title, values = pair()
    report(title, "x")  # error: arg-type
    report(values, title)
    _one, _two, _three = pair()  # error: misc
    return landed  # error: return-value


@task(retries="3")  # error: call-overload, untyped-decorator
def wrong_retries() -> None: ...


@task(isolation="proces")  # error: call-overload, untyped-decorator
def wrong_isolation() -> None: ...


@task(retrys=3)  # error: call-overload, untyped-decorator
def wrong_option() -> None: ...


validate.options(timeout=[1])  # error: arg-type
wrong_result: Workflow[..., int] = flights  # error: assignment
