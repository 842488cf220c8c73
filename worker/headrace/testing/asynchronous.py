"""The environment for tests that are coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import ModuleType, TracebackType
from typing import ParamSpec, Self, TypedDict, TypeVar, Unpack

from headrace.authoring.durations import Duration
from headrace.authoring.workflows import Workflow
from headrace.testing.definitions import Deployable
from headrace.testing.environment import SOURCE, Environment
from headrace.testing.runs import Run

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Options(TypedDict, total=False):
    """Keywords of `Environment`."""

    start: datetime
    workers: int
    slots: int
    queues: tuple[str, ...]
    ack_wait: Duration
    patience: Duration


class AsyncEnvironment:
    """An `Environment` whose calls are awaited, so that the test's own loop goes on meanwhile.

    That matters where tasks speak to something that lives on the test's loop, such as a server in the test. Everything
    else, `env.faults` and reading runs too, is as in `Environment`, which works in a coroutine as well and holds its
    loop up for a moment.
    """

    def __init__(self, *workflows: Deployable | ModuleType | str, **options: Unpack[Options]) -> None:
        """Takes what `Environment` takes."""
        self.plain = Environment(*workflows, **options)
        """The same environment, for all that needs no waiting: `faults`, `replace`, `now`, `runs`."""

    async def __aenter__(self) -> Self:
        await self._aside(self.plain.__enter__)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._aside(self.plain.__exit__, kind, error, trace)

    async def run(self, workflow: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        return await self._aside(partial(self.plain.run, workflow, *args, **kwargs))

    async def start(self, workflow: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        return await self._aside(partial(self.plain.start, workflow, *args, **kwargs))

    async def wait(self, *runs: Run[object]) -> None:
        await self._aside(self.plain.wait, *runs)

    async def cancel(self, run: Run[object], reason: str = "") -> None:
        await self._aside(self.plain.cancel, run, reason)

    async def retry(self, run: Run[object], reason: str = "") -> None:
        await self._aside(self.plain.retry, run, reason)

    async def publish(
        self,
        type: str,
        data: object = None,
        *,
        id: str | None = None,
        source: str = SOURCE,
        subject: str = "",
        extensions: Mapping[str, str | int | bool] | None = None,
        wait: bool = True,
    ) -> list[Run[object]]:
        publish = partial(self.plain.publish, type, data, id=id, source=source, subject=subject)
        return await self._aside(partial(publish, extensions=extensions, wait=wait))

    async def advance(self, by: Duration) -> None:
        await self._aside(self.plain.advance, by)

    async def advance_to(self, time: datetime) -> None:
        await self._aside(self.plain.advance_to, time)

    async def deploy(self, *workflows: Deployable | ModuleType | str) -> None:
        await self._aside(self.plain.deploy, *workflows)

    async def _aside(self, act: Callable[..., T], *arguments: object) -> T:
        return await asyncio.to_thread(act, *arguments)
