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

from headrace_coordinator.local import ports, state_file
from headrace_coordinator.local.keeping import keep
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_coordinator.local.process import Child
from headrace_protocol.errors import Unavailable

DEFAULT_PORT = 8400
DEFAULT_NATS_PORT = 4222
DEPLOY_WAIT_S = 30
WORKER_GRACE_S = 5.0
ACK_WAIT_S = 10.0
"""Shorter than in production: on one machine a silent worker is a dead one, and somebody is watching."""
USUAL_NATS_START_S = 0.5
"""Far less than a coordinator needs to ask for it."""
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
        self._keep("coordinator", self.coordinator, self.coordinator.how_it_ended)
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

    async def deploy(self, targets: Sequence[str]) -> bool:
        """Load and deploy definitions in a process of its own; False when that failed: it printed why."""
        child = Child("deploy", self._deploy_command(targets), self._reporter.line)
        await child.start()
        await child.ended()
        return child.exit_code == 0

    async def replace_workers(self, targets: Sequence[str]) -> None:
        """Start workers with the code as it is now, then let the old ones finish what they have."""
        old, self.workers = self.workers, []
        for _ in range(self.settings.workers if targets else 0):
            self._numbers += 1
            worker = Child(f"worker {self._numbers}", self._worker_command(targets), self._reporter.line)
            await worker.start()
            self.workers.append(worker)
            self._keep(worker.name, worker, worker.how_it_ended)
        self.announce()
        await self._stop_workers(old)

    async def stop(self) -> None:
        """Stop everything in order: workers, coordinator, NATS."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        self._keepers.clear()
        await self._stop_workers(self.workers)
        self.workers = []
        await self.coordinator.stop()
        await self.nats.stop()
        state_file.remove(self.settings.state_file)

    def kill(self) -> None:
        """End everything now: the user does not want to wait."""
        for child in (*self.workers, self.coordinator):
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

    def _keep(self, name: str, part: EmbeddedNats | Child, how: Callable[[], str]) -> None:
        keeping = keep(name, part, self._reporter.tell, how=how, on_start=self.announce)
        self._keepers[name] = asyncio.create_task(keeping, name=f"keeper of {name}")

    async def _stop_workers(self, workers: Sequence[Child]) -> None:
        for worker in workers:
            if keeper := self._keepers.pop(worker.name, None):
                keeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeper
        await asyncio.gather(*(worker.stop() for worker in workers))

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
            ),
            *self._bus(),
        ]

    def _worker_command(self, targets: Sequence[str]) -> list[str]:
        echo = ["--echo"] if self.settings.echo else []
        grace = ["--grace", str(WORKER_GRACE_S), "--results", ""]
        return [*HEADRACE, "worker", *targets, *echo, *grace, *self._bus()]

    def _deploy_command(self, targets: Sequence[str]) -> list[str]:
        return [*HEADRACE, "deploy", *targets, "--api", self.api, "--wait-s", str(DEPLOY_WAIT_S)]

    def _bus(self) -> tuple[str, ...]:
        where = ("--nats", self.nats.url, "--namespace", self.settings.namespace)
        return (*where, "--ack-wait", str(ACK_WAIT_S), *NO_CREDENTIALS)


async def _together(*starts: Awaitable[None]) -> None:
    """Wait for all; the first error cancels the others and is raised as it is."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
