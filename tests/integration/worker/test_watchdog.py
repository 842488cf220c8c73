"""A worker whose event loop is blocked, by a task on it or by one that keeps Python's lock."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from headrace.runtime import WorkerSettings
from headrace_protocol.codec import raw
from headrace_protocol.definition import Isolation
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import Heartbeat, LogBatch, OutcomeState, Result
from tests.integration.worker.conftest import Fleet, WorkerProcess, task_message, until

TASKS = Path(__file__).parent / "blocking_tasks.py"
T = TypeVar("T")
Spawn = Callable[..., WorkerProcess]
ACK_WAIT_S = 2.0


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    return msgspec.structs.replace(settings, targets=(str(TASKS),), cancel_grace_s=0.5, heartbeat_s=0.5)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


async def begun(mark: Path) -> list[int]:
    """The processes in which the task has begun, once it has."""

    async def there() -> bool:
        return mark.exists() and mark.read_text().endswith("\n")

    await until(there)
    return [int(line) for line in mark.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("task", "isolation"),
    [
        ("blocks", Isolation.ASYNC),
        ("blocks_later", Isolation.ASYNC),
        ("holds_the_lock", Isolation.THREAD),
    ],
)
async def test_what_blocks_without_a_timeout_keeps_its_lease(
    fleet: Fleet, spawn: Spawn, mark: Path, task: str, isolation: Isolation
) -> None:
    """Three times the ack wait: it would have come again twice, and begun in the second worker."""
    for _ in range(2):
        spawn()
    beats = await fleet.collect(fleet.subjects.heartbeat, Heartbeat)
    lines = await fleet.collect(f"{fleet.subjects.root}.log.>", LogBatch)
    message = task_message(task, {"seconds": int(3 * ACK_WAIT_S), "mark": str(mark)}, isolation=isolation)
    outcome = await fleet.run(message)
    assert outcome.result == Result(raw("done"))
    assert outcome.delivery == 1
    assert len(await begun(mark)) == 1
    held = [beat for beat in _all(beats) if any(one.run_id == message.run_id for one in beat.held)]
    assert len(held) >= 3  # although the worker itself was silent
    told = [line for batch in _all(lines) for line in batch.lines if line.run_id == message.run_id]
    assert "blocked for" in told[0].message
    assert "blocking_tasks.py" in told[0].message


def _all(queue: asyncio.Queue[T]) -> list[T]:
    return [queue.get_nowait() for _ in range(queue.qsize())]
