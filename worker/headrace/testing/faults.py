"""What a test makes go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import TYPE_CHECKING, Literal, Protocol, cast, get_args

from headrace.authoring.durations import Duration, seconds
from headrace.testing.errors import FaultUnused
from headrace.testing.loop import PROCESS
from headrace.testing.points import Point, When
from headrace_protocol.errors import ConfigError

if TYPE_CHECKING:
    from headrace.testing.site import Site, WorkerProgram
    from headrace_coordinator.local import Rule

Messages = Literal["outcomes", "tasks", "events"]


class NamedTask(Protocol):
    """A task, as far as faults need it."""

    @property
    def name(self) -> str: ...


Where = str | NamedTask
"""A task, its name, or a node's id."""


class Faults:
    """Faults of an environment. Each either happens now, or at the attempt that it names.

    With `task`, a fault happens once, when that task's `attempt` (of `item`, or of the first item that comes) has
    `"started"`, or has `"finished"` and nobody has heard of it yet. One that is planned and never happens is an error
    at the end of the environment: a test that shows nothing should say so.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._rules: list[tuple[str, Rule]] = []

    def kill_worker(
        self,
        task: Where | None = None,
        *,
        attempt: int = 1,
        item: int | None = None,
        when: When = "started",
        back_after: Duration = "1s",
    ) -> None:
        """Kill the worker that holds the attempt (without `task`: all workers, now), as `kill -9` does.

        It is started again after `back_after`. What it held is delivered again when the ack wait is over, as another
        delivery of the same attempt.
        """
        back_after_s = seconds(back_after, "back_after")
        if task is None:
            for worker in self._site.workers:
                worker.program.kill(back_after_s)
            return
        self._plan("kill_worker", task, attempt, item, when, self._killing(back_after_s))

    def pause_worker(
        self,
        for_: Duration,
        task: Where | None = None,
        *,
        attempt: int = 1,
        item: int | None = None,
        when: When = "started",
    ) -> None:
        """Stop the worker that holds the attempt (without `task`: all workers, now) as SIGSTOP does, then let it go on.

        A worker that was away for longer than the ack wait comes back to attempts that others have made meanwhile.
        """
        for_s = seconds(for_, "for_")
        if task is None:
            for worker in self._site.workers:
                worker.program.pause(for_s)
            return

        async def pause() -> None:
            self._holder().program.pause(for_s)
            await asyncio.sleep(0)  # nothing after this runs before it goes on

        self._plan("pause_worker", task, attempt, item, when, pause)

    def kill_coordinator(
        self,
        task: Where | None = None,
        *,
        attempt: int = 1,
        item: int | None = None,
        when: When = "started",
        back_after: Duration = "1s",
    ) -> None:
        """Kill the coordinator, now or when the attempt is there; it is started again after `back_after`."""
        back_after_s = seconds(back_after, "back_after")
        self._now_or_at(
            "kill_coordinator",
            task,
            attempt,
            item,
            when,
            lambda: self._site.coordinator.kill(back_after_s),
        )

    def lose_bus(
        self,
        task: Where | None = None,
        *,
        attempt: int = 1,
        item: int | None = None,
        when: When = "started",
        back_after: Duration = "1s",
    ) -> None:
        """NATS loses everything that it holds, its disk included, and is away for `back_after`."""
        back_after_s = seconds(back_after, "back_after")
        self._now_or_at(
            "lose_bus", task, attempt, item, when, lambda: self._away(back_after_s, and_lose=True)
        )

    def cut_bus(
        self,
        task: Where | None = None,
        *,
        attempt: int = 1,
        item: int | None = None,
        when: When = "started",
        back_after: Duration = "10s",
    ) -> None:
        """Nobody reaches NATS for `back_after`; it loses nothing."""
        back_after_s = seconds(back_after, "back_after")
        self._now_or_at("cut_bus", task, attempt, item, when, lambda: self._away(back_after_s))

    def fail(
        self,
        task: Where,
        error: BaseException,
        *,
        attempt: int = 1,
        item: int | None = None,
        when: When = "started",
    ) -> None:
        """The attempt raises `error`, before its function is called or after it has returned."""

        async def fail() -> None:
            raise error

        self._plan("fail", task, attempt, item, when, fail)

    def hang(self, task: Where, *, attempt: int = 1, item: int | None = None) -> None:
        """The attempt never ends by itself: only its timeout, a deadline or a cancel ends it."""
        self._plan("hang", task, attempt, item, "started", _never)

    def duplicate(self, what: Messages, *, times: int | None = None) -> None:
        """NATS delivers each of these messages twice, from now on; or the next `times` of them."""
        self._rule("duplicate", what, times, copies=1)

    def duplicate_outcomes(self, *, times: int | None = None) -> None:
        """The coordinator hears of each attempt's end twice."""
        self._rule("duplicate", "outcomes", times, copies=1)

    def duplicate_events(self, *, times: int | None = None) -> None:
        """The coordinator is given each event twice."""
        self._rule("duplicate", "events", times, copies=1)

    def delay(self, what: Messages, by: Duration, *, times: int | None = None) -> None:
        """These messages arrive so much later, from now on; or the next `times` of them."""
        self._rule("delay", what, times, delay_s=seconds(by, "by"))

    def drop(self, what: Messages, *, times: int = 1) -> None:
        """The next `times` of these messages get lost on their way to NATS."""
        self._rule("drop", what, times, dropped=True)

    def stop(self) -> None:
        """Messages arrive as they are sent again. What was planned at attempts stays planned."""
        self._site.in_process.network.rules.clear()

    def check_used(self) -> None:
        """Raises FaultUnused for what was planned and never happened."""
        __tracebackhide__ = True
        unused = [point.told for point in self._site.points.planned if not point.used]
        unused += [told for told, rule in self._rules if not rule.used]
        if unused:
            raise FaultUnused(
                "a fault was planned and never happened",
                where="faults",
                found=", ".join(unused),
                expected="an attempt or message that it applies to",
                fix="Correct the task's name or the attempt's number, or drop the fault.",
            )

    # -- how ---------------------------------------------------------------------------------------

    def _killing(self, back_after_s: float) -> Callable[[], Awaitable[None]]:
        async def kill() -> None:
            self._holder().program.kill(back_after_s)
            await _never()

        return kill

    def _holder(self) -> WorkerProgram:
        """The worker in whose process this is called."""
        process = PROCESS.get()
        return next(worker for worker in self._site.everyone if worker.program.process is process)

    def _away(self, for_s: float, *, and_lose: bool = False) -> None:
        network = self._site.in_process.network
        network.cut()
        if and_lose:
            network.server.wipe()
        self._site.loop.call_later(for_s, network.restore, context=Context())

    def _now_or_at(
        self,
        name: str,
        task: Where | None,
        attempt: int,
        item: int | None,
        when: When,
        act: Callable[[], None],
    ) -> None:
        if task is None:
            act()
            return

        async def at_point() -> None:
            act()

        self._plan(name, task, attempt, item, when, at_point)

    def _plan(
        self,
        name: str,
        task: Where,
        attempt: int,
        item: int | None,
        when: When,
        act: Callable[[], Awaitable[None]],
    ) -> None:
        named = task if isinstance(task, str) else task.name
        if when not in get_args(When):
            raise ConfigError(
                "no such point of an attempt",
                where=f"faults.{name}",
                found=repr(when),
                expected=" or ".join(get_args(When)),
            )
        told = f"{name}({named!r}, attempt={attempt}{'' if item is None else f', item={item}'})"
        self._site.points.planned.append(
            Point(told=told, task=named, attempt=attempt, item=item, when=when, act=act)
        )

    def _rule(
        self,
        name: str,
        what: Messages,
        times: int | None,
        *,
        copies: int = 0,
        delay_s: float = 0.0,
        dropped: bool = False,
    ) -> None:
        from headrace_coordinator.local import Rule

        if what not in get_args(Messages):
            raise ConfigError(
                "no such messages",
                where=f"faults.{name}",
                found=repr(what),
                expected=", ".join(get_args(Messages)),
            )
        rule = Rule(
            kind=what.removesuffix("s"),
            delay_s=delay_s,
            copies=copies,
            dropped=dropped,
            times=-1 if times is None else times,
        )
        self._site.in_process.network.rules.append(rule)
        self._rules.append((f"{name}({what!r})", rule))


async def _never() -> None:
    await cast("asyncio.Future[None]", asyncio.get_running_loop().create_future())
