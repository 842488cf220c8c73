"""What the kit says of workers: those that keep the contract, and those that were broken on purpose."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from headrace_coordinator.conformance import KitSettings, Report, Verdict, examine
from tests.conformance.worker.page_worker import BREAKS, write

pytestmark = pytest.mark.xdist_group("worker kit")

HERE = Path(__file__).parent
OURS = (sys.executable, "-m", "headrace.cli", "worker", str(HERE / "conformance_tasks.py"))
AT_ONCE = 5
ACK_WAIT_S = 2.0
BROKEN = {
    "no signs of life": ("answers", "signs-of-life"),
    "acknowledges before the outcome": ("answers", "outcome-before-ack"),
    "does not wait for the outcome to be stored": ("answers", "outcome-confirmed"),
    "outcomes go to shard 0": ("answers", "outcome-shard"),
    "naks what failed": ("answers", "no-nak"),
    "item 0 is no item": ("answers", "outcome-names"),
    "ignores SIGTERM": ("drain", "drain-exit"),
    "leaves what it has on SIGTERM": ("drain", "drain-settled"),
    "settles what a lost NATS delivered": ("restart", "new-bus"),
    "ends when NATS does": ("restart", "restart"),
}
"""The part that shows it, and the rule that is broken."""


@pytest.fixture(scope="session")
async def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Report]:
    """Of all workers, tried at the same time: most of it is waiting."""
    room = asyncio.Semaphore(AT_ONCE)

    async def tried(name: str, command: tuple[str, ...], *parts: str) -> tuple[str, Report]:
        settings = KitSettings(command=command, ack_wait_s=ACK_WAIT_S, patience_s=8.0, grace_s=5.0)
        if parts:
            settings = KitSettings(
                command=command, ack_wait_s=ACK_WAIT_S, patience_s=4.0, grace_s=3.0, parts=parts
            )
        async with room:
            return name, await examine(settings)

    def page(breaks: str = "") -> tuple[str, ...]:
        return (sys.executable, str(write(tmp_path_factory.mktemp("worker"), breaks)))

    found = await asyncio.gather(
        tried("ours", OURS),
        tried("page", page()),
        *(tried(name, page(name), part) for name, (part, _) in BROKEN.items()),
    )
    return dict(found)


def test_every_broken_worker_is_tried() -> None:
    assert set(BREAKS) == set(BROKEN)


async def test_our_worker_does_everything(reports: Mapping[str, Report]) -> None:
    report = reports["ours"]
    assert [one for one in report.findings if one.verdict is not Verdict.KEPT] == [], report.printed


async def test_the_worker_in_a_page_keeps_the_contract(reports: Mapping[str, Report]) -> None:
    report = reports["page"]
    assert report.having(Verdict.BROKEN) == [], report.printed


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_worker_is_caught(reports: Mapping[str, Report], name: str) -> None:
    report = reports[name]
    _, rule = BROKEN[name]
    assert not report.keeps_contract
    assert rule in [one.rule for one in report.having(Verdict.BROKEN)], report.findings
