"""The supervisor of `headrace dev`: NATS, the coordinator and workers as children, and reload on save."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from headrace_coordinator.local import calls, ports, state_file
from headrace_coordinator.local.keeping import keep
from headrace_coordinator.local.loading import Failures, FileReport, LoadResult, Look, no_report, read_report
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_coordinator.local.process import Child
from headrace_coordinator.runtime.orders import LoadFailure
from headrace_protocol.errors import Unavailable

DEFAULT_PORT = 8400
DEFAULT_NATS_PORT = 4222
DEPLOY_WAIT_S = 30
RELOAD_GRACE_S = 60.0
"""How long workers with old code may finish what they have while the new ones work."""
END_GRACE_S = 5.0
"""How long anybody who ends `headrace dev` waits for tasks."""
WORKER_READY_S = 30.0
ACK_WAIT_S = 10.0
"""Shorter than in production: on one machine a silent worker is a dead one, and somebody is watching."""
USUAL_NATS_START_S = 0.5
"""Far less than a coordinator needs to ask for it."""
POLL_S = 0.05
HEADRACE = (sys.executable, "-m", "headrace.cli")
NO_CREDENTIALS = tuple(
    part
    for flag in ("nats-creds", "nats-user", "nats-password", "nats-token", "tls-ca", "tls-cert", "tls-key")
    for part in (f"--{flag}", "")
)
"""Our own NATS needs none: those of headrace.toml are for another one."""


class SiteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where."""

    data: Path
    state_file: Path
    port: int | None = None
    """None: the usual one, or any free one; 0: any free one."""
    nats_port: int | None = None
    workers: int = 1
    namespace: str = "default"
    echo: bool = True
    """Show what tasks log and print."""
    take_over: bool = False
    """Replace workflows that belong to another deploy set."""


class Reporter(Protocol):
    """Tells the user."""

    def tell(self, text: str) -> None: ...
    def line(self, part: str, text: str) -> None:
        """A line that a part printed."""


class Site:
    """Everything that `headrace dev` runs."""

    def __init__(self, settings: SiteSettings, reporter: Reporter) -> None:
        self.settings = settings
        self.port = ports.choose(settings.port, DEFAULT_PORT, "--port")
        nats_port = ports.choose(settings.nats_port, DEFAULT_NATS_PORT, "--nats-port")
        self.nats = EmbeddedNats(settings.data / "nats", port=nats_port)
        self.coordinator = Child("coordinator", self._coordinator_command(), reporter.line, says_ready=True)
        self.workers: list[Child] = []
        self._retiring: dict[asyncio.Task[None], Child] = {}
        """Workers with old code, which finish what they have."""
        self._failures = Failures()
        self._reported: tuple[LoadFailure, ...] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._reporter = reporter
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._numbers = 0

    @property
    def api(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    async def start(self) -> None:
        """Start NATS and the coordinator at the same time; when one fails, the other is stopped."""
        try:
            await self._start_both()
        except BaseException:
            await self.stop()
            raise
        self._keep("nats-server", self.nats, lambda: f"see {self.nats.log_file}")
        self._keep("coordinator", self.coordinator, self.coordinator.how_it_ended, self._back)
        self.announce()

    async def _start_both(self) -> None:
        nats = asyncio.create_task(self.nats.start(), name="start of NATS")
        try:
            await _together(nats, self._start_coordinator(nats))
        finally:
            nats.cancel()

    async def _start_coordinator(self, nats: asyncio.Task[None]) -> None:
        try:
            await self.coordinator.start()
        except Unavailable:
            # A NATS with much to recover is not there yet when the coordinator wants it.
            if nats.done() and self.nats.ready_after_s < USUAL_NATS_START_S:
                raise
            await nats
            await self.coordinator.start()

    async def deploy(self, look: Look) -> LoadResult:
        """Load and deploy definitions in a process of its own, each file for itself; retire what is gone. What cannot
        be loaded was told by that process, and is reported to the coordinator."""
        reports = await self._deploy(look.targets, look)
        failures = self._failures.of(reports)
        self._reported = failures
        await self._report()
        loaded = tuple(target for report in reports if report.loaded for target in report.targets)
        return LoadResult(loaded, failures)

    async def _deploy(self, targets: Sequence[str], look: Look) -> list[FileReport]:
        if not targets and not look.gone:
            return []
        path = self.settings.data / "load-report.json"
        path.unlink(missing_ok=True)
        child = Child("deploy", self._deploy_command(targets, look, path), self._reporter.line)
        await child.start()
        await child.ended()
        reports = read_report(path)
        if reports is not None:
            return reports
        if len(targets) > 1:  # one of them ended the process: each alone, then
            return [report for target in targets for report in await self._deploy([target], look)]
        return [no_report(targets, child.how_it_ended())]

    async def _report(self) -> None:
        """Tell the coordinator what cannot be loaded; from the first time on it accepts events."""
        if self._reported is not None:
            try:
                await asyncio.to_thread(calls.report_failures, self.port, self._reported)
            except OSError as error:
                self._reporter.tell(f"the coordinator does not know yet what was loaded: {error}")
        flag = "--await-definitions"
        if flag in self.coordinator.command:
            self.coordinator.command.remove(flag)  # after a restart it has them in its store

    async def replace_workers(self, targets: Sequence[str]) -> None:
        """Start workers with the code as it is now, and let the old ones finish what they have meanwhile."""
        old, self.workers = self.workers, []
        for _ in range(self.settings.workers if targets else 0):
            self._numbers += 1
            worker = Child(f"worker {self._numbers}", self._worker_command(targets), self._reporter.line)
            await worker.start()
            self.workers.append(worker)
            self._keep(worker.name, worker, worker.how_it_ended)
        self.announce()
        for worker in old:
            await self._let_go(worker)
            task = asyncio.create_task(self._retire(worker), name=f"end of {worker.name}")
            self._retiring[task] = worker
            task.add_done_callback(lambda done: self._retiring.pop(done, None))

    async def workers_ready(self) -> bool:
        """Wait until every worker was heard of; False when one died, or it takes too long."""
        give_up_at = asyncio.get_running_loop().time() + WORKER_READY_S
        while wanted := {worker.pid for worker in self.workers}:
            if None in wanted or asyncio.get_running_loop().time() > give_up_at:
                return False
            with contextlib.suppress(OSError):
                if wanted <= await asyncio.to_thread(calls.live_workers, self.port):
                    break
            await asyncio.sleep(POLL_S)
        return True

    async def _retire(self, worker: Child) -> None:
        """Let a worker finish what it holds while those with the new code take what is new."""
        self._reporter.tell(
            f"{worker.name} finishes what it has with the old code ({RELOAD_GRACE_S:.0f} s at most); "
            "new tasks go to the new worker"
            if self.workers
            else f"{worker.name} finishes what it has ({RELOAD_GRACE_S:.0f} s at most)"
        )
        await worker.step_down(RELOAD_GRACE_S + END_GRACE_S)
        self._reporter.tell(f"{worker.name} has ended ({worker.how_it_ended()})")

    async def stop(self) -> None:
        """Stop everything in order: workers, coordinator, NATS."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        self._keepers.clear()
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for worker in self.workers:
            await self._let_go(worker)
        await asyncio.gather(*(_end(worker) for worker in (*self.workers, *retiring.values())))
        self.workers = []
        await self.coordinator.stop()
        await self.nats.stop()
        state_file.remove(self.settings.state_file)

    def kill(self) -> None:
        """End everything now: the user does not want to wait."""
        for child in (*self.workers, *self._retiring.values(), self.coordinator):
            child.kill()

    def announce(self) -> None:
        """Tell other commands where everything is."""
        state_file.write(
            self.settings.state_file,
            state_file.DevState(
                pid=os.getpid(),
                api=self.api,
                nats=self.nats.url,
                data=str(self.settings.data),
                namespace=self.settings.namespace,
                coordinator_pid=self.coordinator.pid,
                nats_pid=self.nats.pid,
                worker_pids=tuple(worker.pid for worker in self.workers if worker.pid is not None),
            ),
        )

    def _keep(
        self,
        name: str,
        part: EmbeddedNats | Child,
        how: Callable[[], str],
        on_start: Callable[[], None] | None = None,
    ) -> None:
        keeping = keep(name, part, self._reporter.tell, how=how, on_start=on_start or self.announce)
        self._keepers[name] = asyncio.create_task(keeping, name=f"keeper of {name}")

    def _back(self) -> None:
        """The coordinator was started again: it has forgotten what cannot be loaded."""
        self.announce()
        task = asyncio.create_task(self._report(), name="report of what was loaded")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _let_go(self, worker: Child) -> None:
        """Do not start a worker again when it ends."""
        if keeper := self._keepers.pop(worker.name, None):
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper

    def _coordinator_command(self) -> list[str]:
        store = self.settings.data / "headrace.db"
        return [
            *(sys.executable, "-m", "headrace_coordinator.cli", "coordinator"),
            *(
                "--store",
                f"sqlite:///{store}",
                "--host",
                ports.HOST,
                "--port",
                str(self.port),
                "--results",
                "",
                "--await-definitions",
            ),
            *self._bus(),
        ]

    def _worker_command(self, targets: Sequence[str]) -> list[str]:
        echo = ["--echo"] if self.settings.echo else []
        seconds = str(RELOAD_GRACE_S)
        grace = ["--grace", seconds, "--serve-old-code", seconds, "--results", ""]
        return [*HEADRACE, "worker", *targets, *echo, *grace, *self._bus()]

    def _deploy_command(self, targets: Sequence[str], look: Look, report: Path) -> list[str]:
        return [
            *(*HEADRACE, "deploy", *targets, "--api", self.api, "--wait-s", str(DEPLOY_WAIT_S)),
            *("--keep-going", "--prune", "--report", str(report)),
            *(part for file in look.gone for part in ("--gone", file)),
            *(part for file in look.missing for part in ("--missing", file)),
            *(["--take-over"] if self.settings.take_over else []),
        ]

    def _bus(self) -> tuple[str, ...]:
        where = ("--nats", self.nats.url, "--namespace", self.settings.namespace)
        return (*where, "--ack-wait", str(ACK_WAIT_S), *NO_CREDENTIALS)


async def _end(worker: Child) -> None:
    """Ask a worker to end; after a while, not to wait for its tasks: it gives them back then."""
    asked = asyncio.create_task(worker.stop(2 * END_GRACE_S))
    await asyncio.wait([asked], timeout=END_GRACE_S)
    if not asked.done():
        worker.ask_again()
    await asked


async def _together(*starts: Awaitable[None]) -> None:
    """Wait for all; the first error cancels the others and is raised as it is."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
