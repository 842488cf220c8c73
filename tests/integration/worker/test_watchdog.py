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
from headrace.runtime.process_tree import descendants
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
    told = "".join(
        line.message for batch in _all(lines) for line in batch.lines if line.run_id == message.run_id
    )
    assert "blocked for" in told, told
    assert "blocking_tasks.py" in told, told


def _all(queue: asyncio.Queue[T]) -> list[T]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_a_block_past_its_timeout_ends_the_worker_and_returns_what_was_beside_it(
    fleet: Fleet, spawn: Spawn, tmp_path: Path
) -> None:
    worker = spawn()
    marks = {name: tmp_path / name for name in ("waits", "process_waits", "blocks_later")}
    beats = await fleet.collect(fleet.subjects.heartbeat, Heartbeat)
    # Its timeout is over too: it could not be ended, and is not what blocks.
    waits = task_message("waits", {"mark": str(marks["waits"])}, timeout_s=1.0)
    in_process = task_message(
        "process_waits", {"mark": str(marks["process_waits"])}, isolation=Isolation.PROCESS
    )
    await fleet.publish(in_process)
    (process,) = await begun(marks["process_waits"])
    values: dict[str, object] = {"seconds": 60, "mark": str(marks["blocks_later"])}
    blocks = task_message("blocks_later", values, timeout_s=1.0)
    await fleet.publish(waits)
    await fleet.publish(blocks)
    outcomes = {outcome.run_id: outcome for outcome in [await fleet.outcome() for _ in range(3)]}
    assert await asyncio.to_thread(worker.process.wait, 30) == -signal.SIGKILL

    failed = outcomes[blocks.run_id]
    assert failed.state is OutcomeState.FAILED
    assert failed.error is not None
    assert failed.error.code == ErrorCode.TASK_TIMEOUT
    assert "took longer than 1 s, and blocked the worker's event loop" in failed.error.message
    assert "in blocks" in failed.error.traceback
    assert "builtins.TimeoutError" in failed.error_kinds
    assert outcomes[waits.run_id].state is OutcomeState.RETURNED
    assert outcomes[in_process.run_id].state is OutcomeState.RETURNED

    async def settled() -> bool:
        return await fleet.unsettled() == 0

    await until(settled)
    assert not alive(process)
    assert [beat.stopped for beat in _all(beats)][-1]


async def test_a_frozen_worker_loses_its_lease(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn()
    await fleet.publish(task_message("waits", {"mark": str(mark)}))
    await begun(mark)
    os.kill(worker.process.pid, signal.SIGSTOP)
    spawn()
    told = await asyncio.wait_for(fleet.redelivered.get(), 30)
    assert told.attempt == 1
    assert told.delivery >= 2  # the bus may have offered it to the frozen one again
    await fleet.take_for_lost(told)

    async def twice() -> bool:
        return len(await begun(mark)) == 2

    await until(twice)


async def test_the_watchdog_ends_with_its_worker(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    for end in ("kill", "terminate"):
        worker = spawn(ack_wait_s=30.0)
        await fleet.publish(task_message("blocks", {"seconds": 0, "mark": str(mark)}))
        await fleet.outcome()
        (watchdog,) = (pid for pid in descendants(worker.process.pid) if b"idle.py" in command_of(pid))
        getattr(worker, end)()

        async def gone(pid: int = watchdog) -> bool:
            return not alive(pid)

        await until(gone)


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_the_watchdog_is_small(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn(ack_wait_s=30.0)
    await fleet.publish(task_message("blocks", {"seconds": 0, "mark": str(mark)}))
    await fleet.outcome()
    (watchdog,) = (pid for pid in descendants(worker.process.pid) if b"idle.py" in command_of(pid))
    status = Path(f"/proc/{watchdog}/status").read_text()
    rss_kb = int(status.partition("VmRSS:")[2].split()[0])
    assert rss_kb < 16_000
