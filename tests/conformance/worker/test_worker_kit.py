"""What the kit says of workers: those that keep the contract, and those that were broken on purpose.

All are tried in one test, at the same time: most of what the kit does is waiting.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace_coordinator.conformance import KitSettings, Report, Verdict, examine
from tests.conformance.worker.page_worker import BREAKS, write

HERE = Path(__file__).parent
OURS = (sys.executable, "-m", "headrace.cli", "worker", str(HERE / "conformance_tasks.py"))
AT_ONCE = 5
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

GOOD = KitSettings(command=(), ack_wait_s=2.0, patience_s=10.0, grace_s=6.0)
BAD = KitSettings(command=(), ack_wait_s=2.0, patience_s=4.0, grace_s=3.0)

Page = Callable[[str], tuple[str, ...]]


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The command of the worker in a page, broken in some way."""

    def command(breaks: str) -> tuple[str, ...]:
        return (sys.executable, str(write(tmp_path_factory.mktemp("worker"), breaks)))

    return command


async def reports(workers: dict[str, KitSettings]) -> dict[str, Report]:
    room = asyncio.Semaphore(AT_ONCE)

    async def tried(settings: KitSettings) -> Report:
        async with room:
            return await examine(settings)

    found = await asyncio.gather(*(tried(settings) for settings in workers.values()))
    return dict(zip(workers, found, strict=True))


def of(settings: KitSettings, command: tuple[str, ...], *parts: str) -> KitSettings:
    return KitSettings(
        command=command,
        ack_wait_s=settings.ack_wait_s,
        patience_s=settings.patience_s,
        grace_s=settings.grace_s,
        parts=parts or settings.parts,
    )


def test_every_broken_worker_is_tried() -> None:
    assert set(BREAKS) == set(BROKEN)


async def test_good_workers_pass_and_broken_ones_are_caught(page: Page, subtests: pytest.Subtests) -> None:
    broken = {name: of(BAD, page(name), part) for name, (part, _) in BROKEN.items()}
    found = await reports({"ours": of(GOOD, OURS), "page": of(GOOD, page("")), **broken})
    with subtests.test("our worker does everything"):
        assert [one for one in found["ours"].findings if one.verdict is not Verdict.KEPT] == [], found["ours"]
    with subtests.test("the worker in a page keeps the contract"):
        assert found["page"].having(Verdict.BROKEN) == [], found["page"]
    for name, (_, rule) in BROKEN.items():
        with subtests.test(name):
            assert rule in [one.rule for one in found[name].having(Verdict.BROKEN)], found[name]
