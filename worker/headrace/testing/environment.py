"""The environment: workflows in this process, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from types import ModuleType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

import msgspec

from headrace.authoring.durations import Duration, seconds
from headrace.authoring.signatures import match_arguments, signature_of
from headrace.authoring.tasks import AsyncTask, Task
from headrace.authoring.workflows import Workflow
from headrace.runtime.attempt import RunnableTask
from headrace.testing.clock import aware, moment
from headrace.testing.definitions import Definitions, Deployable
from headrace.testing.errors import RunStuck
from headrace.testing.faults import Faults
from headrace.testing.runs import Run
from headrace.testing.site import Site, SiteSettings
from headrace_protocol import codec
from headrace_protocol.cloudevent import CloudEvent, check
from headrace_protocol.errors import ConfigError, Conflict
from headrace_protocol.messages import CancelRun, StartRun

P = ParamSpec("P")
R = TypeVar("R")

START = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday, the first day of a leap year."""
SOURCE = "/headrace/testing"


class Environment:
    """Workflows on the real coordinator and real workers, in this process and in virtual time.

    The store and the bus are in memory; the engine, its loop, triggers, schedules, timers and the workers are those of
    production. Time stands still between calls, and takes no time in them: `run` returns when the run is finished,
    whatever its tasks sleep and however long its backoffs are.

        with Environment(fulfil) as env:
            run = env.run(fulfil, number=7, skus=["tea"])
            assert run.output == "order 7: 4.50"
    """

    def __init__(
        self,
        *workflows: Deployable | ModuleType | str,
        start: datetime = START,
        workers: int = 1,
        slots: int = 10,
        queues: tuple[str, ...] = (),
        ack_wait: Duration = "30s",
        patience: Duration = "1d",
    ) -> None:
        """`workflows` are deployed when the environment opens: workflows, modules, or names as `headrace dev` takes
        them. Further ones are deployed when they are used.

        `start` is the time at the beginning. `queues` are those that the workers serve, all unless it is said.
        `ack_wait` is how long a worker may be silent before its tasks are given to others. `patience` is the virtual
        time after which what is waited for counts as stuck.
        """
        self._settings = SiteSettings(
            start=aware(start),
            workers=workers,
            slots=slots,
            queues=queues,
            ack_wait_s=seconds(ack_wait, "ack_wait"),
            patience_s=seconds(patience, "patience"),
        )
        self._definitions = Definitions(workflows)
        self._site: Site | None = None
        self._faults: Faults | None = None
        self._numbers: dict[str, int] = {}

    # -- beginning and end -------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Raises DefinitionError for a workflow that cannot be deployed."""
        if self._site is not None:
            raise Conflict("the environment is open already", where="Environment", fix="Make another one.")
        self._numbers.clear()
        self._site = Site(self._settings)
        self._faults = Faults(self._site)
        try:
            self._definitions.renew()
            self._definitions.give(self._site)
            self._site.open()
            self._deploy()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises FaultUnused when a planned fault never happened."""
        __tracebackhide__ = True
        faults = self.faults
        self._close()
        if error is None:
            faults.check_used()

    def _close(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            site.close()

    @property
    def site(self) -> Site:
        """What it is made of inside. Raises Conflict when the environment is not open."""
        if self._site is None:
            raise Conflict(
                "the environment is not open",
                where="Environment",
                fix="Use it inside `with Environment(...) as env:`.",
            )
        return self._site

    @property
    def faults(self) -> Faults:
        """What can be made to go wrong."""
        if self._faults is None:
            raise Conflict(
                "the environment is not open",
                where="Environment",
                fix="Plan faults inside `with Environment(...) as env:`.",
            )
        return self._faults

    # -- definitions -------------------------------------------------------------------------------

    def deploy(self, *workflows: Deployable | ModuleType | str) -> None:
        """Make these the current versions of their workflows; raises DefinitionError."""
        self._definitions.add(workflows)
        if self._definitions.give(self.site):
            self.site.replace_workers()
        self._deploy()

    def _deploy(self) -> None:
        site = self.site
        for definition in self._definitions.take_new():
            site.call(partial(site.in_process.deploy, definition), f"the deploy of {definition.name}")

    @overload
    def replace(
        self, task: AsyncTask[P, R], fake: Callable[P, Coroutine[Any, Any, R]] | Callable[P, R] | None
    ) -> None: ...
    @overload
    def replace(self, task: Task[P, R], fake: Callable[P, R] | None) -> None: ...
    def replace(self, task: RunnableTask, fake: Callable[..., object] | None) -> None:
        """From now on attempts of the task call `fake`, with the same values by name; None ends that.

        Types, queue, retries and timeout stay the task's. Raises ConfigError for a fake with other parameters.
        """
        known = self.site.tasks.get(task.name)
        if known is None:
            known = self._definitions.add_task(task)
            self._definitions.give(self.site)
            self.site.replace_workers()
        known.replace(fake)

    # -- time --------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The virtual time, in UTC."""
        return moment(self.site.clock.now_us())

    def advance(self, by: Duration) -> None:
        """Let time go by: whatever is due up to and including then has happened."""
        self.site.drive_all(self.site.loop.time() + seconds(by, "advance"))

    def advance_to(self, time: datetime) -> None:
        """Let time go by up to a moment; raises ConfigError for one that is over."""
        if time.tzinfo is None or time < self.now:
            raise ConfigError(
                "time goes forward only",
                where="advance_to",
                found=repr(time),
                expected=f"an aware datetime from {self.now.isoformat()} on",
            )
        self.site.drive_all(self.site.clock.loop_time_s(time))

    # -- runs --------------------------------------------------------------------------------------

    def run(self, workflow: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """Start a run and let time go by until it is finished.

        Raises ParamsError for params that do not fit, RunStuck when it does not finish within the patience.
        """
        __tracebackhide__ = True
        return self.start(workflow, *args, **kwargs).wait()

    def start(self, workflow: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """Start a run now and return: what takes no time has been done. Raises ParamsError."""
        if not self._definitions.has(workflow):
            self.deploy(workflow)
        signature = signature_of(workflow.function, f"workflow {workflow.name}")
        params = match_arguments(signature, args, kwargs, workflow.name, "the test")
        number = self._numbers[workflow.name] = self._numbers.get(workflow.name, 0) + 1
        run_id = f"{workflow.name}-{number}"
        command = StartRun(
            run_id=run_id,
            workflow=workflow.name,
            params=codec.raw(msgspec.to_builtins(params, builtin_types=(bytes,))),
            trigger="manual",
        )
        self.site.call(partial(self.site.in_process.start, command), f"the start of {run_id}")
        return Run(self, run_id, signature.returns)

    def wait(self, *runs: Run[object]) -> None:
        """Let time go by until these runs are finished; raises RunStuck."""
        __tracebackhide__ = True
        site = self.site
        for run in runs:
            if not site.until(partial(site.in_process.finished, run.id)):
                raise RunStuck(
                    f"the run is not finished after {site.settings.patience_s:g} s of virtual time\n{run.story}",
                    where=f"run {run.id}",
                    expected="every task to end, within the environment's `patience`",
                    fix="Give the task a timeout, or the environment more `patience`.",
                )

    def cancel(self, run: Run[object], reason: str = "") -> None:
        """Cancel a run, and return when that is committed and its tasks have been told."""
        command = CancelRun(run_id=run.id, by="the test", reason=reason)
        self.site.call(partial(self.site.in_process.cancel, command), f"the cancel of {run.id}")

    def retry(self, run: Run[object], reason: str = "") -> None:
        """Begin a run that failed or was cancelled again, as an operator does: what has succeeded stays.

        Raises Conflict for any other run.
        """
        retry = partial(self.site.in_process.retry, run.id, "the test", reason)
        self.site.call(retry, f"the retry of {run.id}")

    def publish(
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
        """Publish a CloudEvent; returns the runs that it started, finished unless `wait` is False.

        An event that was published before (the same `id` and `source`) starts nothing, and gives the runs that it
        started then. Raises ExpressionError when a trigger's expression fails on it, ParamsError when what a trigger
        makes of it does not fit the workflow.
        """
        number = self._numbers[""] = self._numbers.get("", 0) + 1
        event = CloudEvent(
            id=id or f"event-{number}",
            source=source,
            type=type,
            subject=subject,
            time=self.now.isoformat(),
            data=msgspec.to_builtins(data, builtin_types=(bytes,)),
            extensions=dict(extensions or {}),
        )
        check(event)
        started = self.site.call(partial(self.site.in_process.event, event), f"event {event.id}")
        runs = [self._known(run_id) for run_id in started]
        if wait:
            self.wait(*runs)
        return runs

    def runs(self, workflow: Workflow[P, R], /) -> list[Run[R]]:
        """Every run of the workflow so far, the oldest first."""
        signature = signature_of(workflow.function, f"workflow {workflow.name}")
        return [
            Run(self, run.id, signature.returns) for run in self.all_runs() if run.workflow == workflow.name
        ]

    def all_runs(self) -> list[Run[object]]:
        """Every run so far, the oldest first."""
        return [self._known(head.run_id) for head in self.site.in_process.heads()]

    def _known(self, run_id: str) -> Run[object]:
        workflow = self.site.in_process.head(run_id).workflow
        return Run(self, run_id, self._definitions.returns(workflow))
