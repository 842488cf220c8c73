"""Cancel, timeout, drain, and what dies without a word."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from headrace.runtime import WorkerSettings
from headrace.runtime.worker import Worker
from headrace_protocol import codec
from headrace_protocol.codec import raw
from headrace_protocol.definition import Isolation, Priority
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import (
    CancelAttempts,
    HeldAttempt,
    Outcome,
    OutcomeState,
    Result,
    ReturnReason,
    TaskMessage,
)
from tests.integration.worker.conftest import (
    Fleet,
    Server,
    WorkerProcess,
    heard,
    running,
    task_message,
    until,
)

Spawn = Callable[..., WorkerProcess]


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


async def has(mark: Path, text: str = "") -> None:
    async def written() -> bool:
        return mark.exists() and mark.read_text().startswith(text) and bool(mark.read_text())

    await until(written)


def code_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error.code


async def cancel(fleet: Fleet, message: TaskMessage, *attempts: HeldAttempt, retries: int = 0) -> None:
    request = CancelAttempts(run_id=message.run_id, attempts=attempts, reason="by hand", retries=retries)
    await fleet.client.publish(fleet.subjects.cancel, codec.encode(request))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_cancel_async(fleet: Fleet, worker: Worker, mark: Path) -> None:
    message = task_message("sleeps", {"mark": str(mark)})
    await fleet.publish(message)
    await has(mark, "started")
    other = HeldAttempt(run_id=message.run_id, node="another", attempt=1, started_at_us=0)
    await cancel(fleet, message, other)
    await cancel(fleet, message)
    outcome = await fleet.outcome()
    assert code_of(outcome) == ErrorCode.TASK_CANCELLED
    assert outcome.error is not None
    assert "by hand" in outcome.error.message
    assert mark.read_text() == "cancelled"


async def test_a_queued_task_of_a_cancelled_run_is_not_begun(
    fleet: Fleet, worker: Worker, mark: Path
) -> None:
    message = task_message("sleeps", {"mark": str(mark)})
    await cancel(fleet, message)
    await fleet.publish(message)
    assert code_of(await fleet.outcome()) == ErrorCode.TASK_CANCELLED
    assert not mark.exists()


async def test_a_task_that_was_queued_after_its_run_ended_belongs_to_a_retry(
    fleet: Fleet, worker: Worker, mark: Path
) -> None:
    message = msgspec.structs.replace(task_message("sleeps", {"mark": str(mark)}), retries=2)
    await cancel(fleet, message, retries=1)
    await fleet.publish(message)
    await has(mark, "started")
    await cancel(fleet, message, retries=1)  # comes late, and stops nothing
    await cancel(fleet, message, retries=2)
    assert code_of(await fleet.outcome()) == ErrorCode.TASK_CANCELLED


async def test_cancel_thread(fleet: Fleet, worker: Worker, mark: Path) -> None:
    message = task_message("spins", {"mark": str(mark)}, isolation=Isolation.THREAD)
    await fleet.publish(message)
    await has(mark, "started")
    await cancel(fleet, message)
    assert code_of(await fleet.outcome()) == ErrorCode.TASK_CANCELLED
    await has(mark, "saw the cancel")


async def test_cancel_process(fleet: Fleet, worker: Worker, mark: Path) -> None:
    message = task_message("process_sleeps", {"mark": str(mark)}, isolation=Isolation.PROCESS)
    await fleet.publish(message)
    await has(mark)
    pid = int(mark.read_text())
    assert alive(pid)
    await cancel(fleet, message)
    assert code_of(await fleet.outcome()) == ErrorCode.TASK_CANCELLED

    async def gone() -> bool:
        return not alive(pid)

    await until(gone)
    again = await fleet.run(task_message("process_id", {"a": 1}, isolation=Isolation.PROCESS))
    assert again.state is OutcomeState.SUCCEEDED


@pytest.mark.parametrize(
    ("task", "isolation"),
    [("sleeps", Isolation.ASYNC), ("spins", Isolation.THREAD), ("process_sleeps", Isolation.PROCESS)],
)
async def test_timeout(fleet: Fleet, worker: Worker, mark: Path, task: str, isolation: Isolation) -> None:
    message = task_message(task, {"mark": str(mark)}, isolation=isolation, timeout_s=0.4)
    outcome = await fleet.run(message)
    assert code_of(outcome) == ErrorCode.TASK_TIMEOUT
    assert 0.3e6 < outcome.finished_at_us - outcome.started_at_us < 25e6


async def test_an_async_task_that_will_not_stop_is_abandoned(
    fleet: Fleet, worker: Worker, mark: Path
) -> None:
    message = task_message("stubborn", {"mark": str(mark)}, timeout_s=0.1)
    outcome = await fleet.run(message)
    assert code_of(outcome) == ErrorCode.TASK_TIMEOUT
    mark.write_text("stop")


async def test_an_async_task_that_loses_a_cancellation_is_cancelled_again(
    fleet: Fleet, worker: Worker, mark: Path
) -> None:
    message = task_message("inattentive", {"mark": str(mark)}, timeout_s=0.1)
    outcome = await fleet.run(message)
    assert code_of(outcome) == ErrorCode.TASK_TIMEOUT
    await has(mark, "ended")


async def test_a_waiting_attempt_is_cancelled(fleet: Fleet, settings: WorkerSettings, mark: Path) -> None:
    one_slot = WorkerSettings(
        targets=settings.targets,
        bus=settings.bus,
        namespace=settings.namespace,
        slots=1,
        prefetch=1,
        ack_wait_s=1.0,
    )
    async with running(Worker(one_slot)):
        first = task_message("sleeps", {"mark": str(mark)})
        second = task_message("add", {"a": 1})
        await fleet.publish(first)
        await has(mark, "started")
        await fleet.publish(second)
        await cancel(fleet, second)
        waiting = asyncio.create_task(fleet.outcome())

        async def cancelled() -> bool:
            await cancel(fleet, second)
            return waiting.done()

        await until(cancelled)
        assert (await waiting).run_id == second.run_id
        await cancel(fleet, first)
        assert (await fleet.outcome()).run_id == first.run_id


async def test_a_worker_that_is_killed_leaves_its_tasks_to_others(
    fleet: Fleet, spawn: Spawn, mark: Path
) -> None:
    doomed = spawn()
    await fleet.publish(task_message("slow", {"seconds": 1.5, "mark": str(mark)}))
    await has(mark, "started")
    doomed.kill()
    mark.unlink()
    spawn()
    told = await asyncio.wait_for(fleet.redelivered.get(), 30)
    assert (told.attempt, told.delivery) == (1, 2)
    assert not mark.exists()  # the message of an attempt that may be lost is held, and not begun
    await fleet.take_for_lost(told)
    outcome = await fleet.outcome()
    assert (outcome.attempt, outcome.result, outcome.delivery) == (2, Result(raw("done")), 1)

    async def settled() -> bool:
        return await fleet.unsettled() == 0

    await until(settled)


async def test_in_progress_acks_keep_a_long_task(fleet: Fleet, worker: Worker, mark: Path) -> None:
    """Three times the ack wait: it would have come again twice."""
    outcome = await fleet.run(
        task_message("slow", {"seconds": 3 * fleet.topology.ack_wait_s, "mark": str(mark)})
    )
    assert outcome.delivery == 1
    assert outcome.state is OutcomeState.SUCCEEDED
    assert fleet.outcomes.empty()


async def test_drain_finishes_what_runs(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn()
    await fleet.publish(task_message("slow", {"seconds": 0.7, "mark": str(mark)}))
    await has(mark, "started")
    worker.terminate()
    assert (await fleet.outcome()).result == Result(raw("done"))
    assert await asyncio.to_thread(worker.process.wait, 30) == 0


async def test_drain_gives_back_what_takes_too_long(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn(grace_s=0.2, ack_wait_s=30.0)
    message = task_message("sleeps", {"mark": str(mark)})
    await fleet.publish(message)
    await has(mark, "started")
    worker.terminate()
    assert await asyncio.to_thread(worker.process.wait, 30) == 0
    assert mark.read_text() == "cancelled"
    outcome = await fleet.outcome()
    assert (outcome.state, outcome.reason) == (OutcomeState.RETURNED, ReturnReason.DRAIN)
    assert await fleet.unsettled() == 0
    await fleet.dispatch_again(outcome)
    spawn()
    await has(mark, "started")


async def test_the_second_signal_does_not_wait(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn(grace_s=60.0, cancel_grace_s=60.0)
    await fleet.publish(task_message("process_sleeps", {"mark": str(mark)}, isolation=Isolation.PROCESS))
    await has(mark)
    worker.terminate()
    worker.process.send_signal(signal.SIGINT)

    async def ended() -> bool:
        return worker.process.poll() is not None

    await until(ended)

    async def gone() -> bool:
        return not alive(int(mark.read_text()))

    await until(gone)


async def test_a_worker_stops_also_without_a_bus(
    fleet: Fleet, server: Server, spawn: Spawn, mark: Path
) -> None:
    worker = spawn()
    await fleet.publish(task_message("slow", {"seconds": 0.0, "mark": str(mark)}))
    await has(mark, "started")
    await fleet.outcome()
    server.kill()
    worker.terminate()
    assert await asyncio.to_thread(worker.process.wait, 30) == 0


async def test_a_killed_worker_takes_its_processes_along(fleet: Fleet, spawn: Spawn, mark: Path) -> None:
    worker = spawn()
    await fleet.publish(task_message("process_sleeps", {"mark": str(mark)}, isolation=Isolation.PROCESS))
    await has(mark)
    worker.kill()

    async def gone() -> bool:
        return not alive(int(mark.read_text()))

    await until(gone)


async def test_an_outcome_survives_the_loss_of_the_bus(
    fleet: Fleet, server: Server, worker: Worker, mark: Path
) -> None:
    await fleet.publish(task_message("waits_for", {"mark": str(mark)}))
    await has(mark, "started")
    server.kill()
    mark.write_text("go on")
    await has(mark, "ended")
    server.start()
    outcome = await fleet.outcome()
    assert outcome.state is OutcomeState.SUCCEEDED
    assert (await fleet.run(task_message("add", {"a": 1}))).result == Result(raw(11))

    async def settled() -> bool:
        return await fleet.unsettled() == 0

    await until(settled)


async def wiped(fleet: Fleet, server: Server) -> None:
    """The server comes back with nothing, and the coordinator makes its streams."""
    server.kill()

    async def gone() -> bool:
        return not fleet.client.is_connected

    async def back() -> bool:
        return fleet.client.is_connected

    await until(gone)
    server.wipe()
    await asyncio.to_thread(server.start)
    await until(back)
    await fleet.open()


async def test_a_server_that_lost_its_data(fleet: Fleet, server: Server, worker: Worker) -> None:
    await fleet.run(task_message("add", {"a": 1}))
    await wiped(fleet, server)
    await fleet.publish(task_message("add", {"a": 1}))
    assert (await fleet.outcome()).result == Result(raw(11))


async def test_what_was_held_before_a_loss_settles_nothing_after_it(
    fleet: Fleet, server: Server, worker: Worker, tmp_path: Path
) -> None:
    """The first message of the new stream has the number that the first one of the old stream had."""
    old, new = tmp_path / "old", tmp_path / "new"
    await fleet.publish(task_message("waits_for", {"mark": str(old)}))
    await has(old, "started")
    await wiped(fleet, server)
    await fleet.publish(task_message("waits_for", {"mark": str(new)}))
    await has(new, "started")
    old.write_text("go on")
    await fleet.outcome()
    await fleet.run(task_message("add", {"a": 1}))
    await fleet.jetstream.get_msg(fleet.topology.stream("TASKS"), 1)  # raises when it is gone
    new.write_text("go on")
    await fleet.outcome()

    async def settled() -> bool:
        return await fleet.unsettled() == 0

    await until(settled)


async def test_high_priority_goes_first(fleet: Fleet, settings: WorkerSettings, mark: Path) -> None:
    one_slot = WorkerSettings(
        targets=settings.targets, bus=settings.bus, namespace=settings.namespace, slots=1, ack_wait_s=1.0
    )
    async with running(Worker(one_slot)) as worker:
        await fleet.publish(task_message("waits_for", {"mark": str(mark)}))
        await has(mark, "started")
        for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
            for _ in range(5):
                await fleet.publish(task_message("add", {"a": 1}, node=priority.value), priority)

        returned = ""
        while returned != "high":  # the worker has been told of the high ones, and has no room for them yet
            outcome = await fleet.outcome()
            returned = outcome.node
            await fleet.dispatch_again(outcome)
        await heard(worker)
        mark.write_text("go on")
        order: list[str] = []
        while len(order) < 16:
            outcome = await fleet.outcome()
            if outcome.state is OutcomeState.RETURNED:
                await fleet.dispatch_again(outcome)
            else:
                order.append(outcome.node)
    assert order.pop(0) == "waits_for"
    assert order[:5] == ["high"] * 5
    # Nothing is known of a rank before its first delivery: tasks of a lower one may slip in there.
    places = {name: [place for place, one in enumerate(order) if one == name] for name in ("normal", "low")}
    assert sum(places["normal"]) < sum(places["low"])
