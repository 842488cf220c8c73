"""The tasks that `headrace conformance worker` calls, for our own worker."""

import asyncio
from typing import Any

from headrace import task


@task(name="conformance.echo")
def echo(value: Any) -> Any:
    return value


@task(name="conformance.fail")
def fail(message: str) -> None:
    raise ValueError(message)


@task(name="conformance.sleep")
async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)
