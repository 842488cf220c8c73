"""The parts at the same time, and the report."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from headrace_coordinator.bus import BusError
from headrace_coordinator.conformance.parts import answers, drain, restart
from headrace_coordinator.conformance.rules import Finding, Verdict
from headrace_coordinator.conformance.stage import Stage, Trial, on_stage
from headrace_coordinator.local.nats_server import EmbeddedNats
from headrace_protocol.errors import Unavailable

Play = Callable[[Stage], Awaitable[list[Finding]]]

PARTS: dict[str, Play] = {
    "answers": answers.answers,
    "drain": drain.drain,
    "restart": restart.restart,
}
"""By name, which is also the namespace's."""


class KitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the kit."""

    command: tuple[str, ...]
    ack_wait_s: float = 4.0
    patience_s: float = 10.0
    grace_s: float = 10.0
    parts: tuple[str, ...] = tuple(PARTS)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    command: tuple[str, ...]
    findings: tuple[Finding, ...]
    printed: dict[str, tuple[str, ...]]
    """The last lines that the worker printed, by part."""

    def having(self, verdict: Verdict) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict is verdict]

    @property
    def keeps_contract(self) -> bool:
        return not self.having(Verdict.BROKEN)


async def examine(settings: KitSettings) -> Report:
    """Try the worker. Raises HeadraceError when its command, or the kit itself, cannot be run."""
    trial = Trial(
        command=settings.command,
        ack_wait_s=settings.ack_wait_s,
        patience_s=settings.patience_s,
        grace_s=settings.grace_s,
    )
    with tempfile.TemporaryDirectory(prefix="headrace-conformance-") as folder:
        plays = [asyncio.create_task(_play(trial, name, Path(folder, name))) for name in settings.parts]
        try:
            played = await asyncio.gather(*plays)
        except (BusError, TimeoutError) as error:
            raise Unavailable(
                f"a NATS server of the kit does not answer: {str(error) or 'timeout'}",
                where="headrace conformance",
                expected="a nats-server that starts and answers within seconds",
                fix="Try again when the machine has less to do.",
            ) from error
        finally:
            for play in plays:
                play.cancel()
            await asyncio.gather(*plays, return_exceptions=True)
    return Report(
        command=settings.command,
        findings=tuple(finding for _, findings, _ in played for finding in findings),
        printed={name: printed for name, _, printed in played},
    )


async def _play(trial: Trial, part: str, folder: Path) -> tuple[str, list[Finding], tuple[str, ...]]:
    # A part may restart its server, which must be nobody else's.
    async with EmbeddedNats(folder, server_name=f"conformance-{part}") as server:
        async with on_stage(server, trial, part) as stage:
            findings = await PARTS[part](stage)
        return part, findings, tuple(stage.worker.printed)
