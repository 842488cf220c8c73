"""Task messages in, outcomes out."""

import asyncio
import os
from pathlib import Path

import msgspec
import nats
import pytest

from headrace.runtime.worker import Worker
from headrace_protocol import codec, headers
from headrace_protocol.codec import raw
from headrace_protocol.definition import Isolation, Item, ListOf, Literal, ObjectOf, Output, Param, Priority
from headrace_protocol.deliveries import Rejected
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import (
    Heartbeat,
    ItemInput,
    Outcome,
    OutcomeState,
    Result,
    RetryAdvice,
    ReturnReason,
    Started,
)
from tests.integration.worker.conftest import Fleet, running, task_message, until

pytestmark = pytest.mark.usefixtures("worker")


def error_code(outcome: Outcome) -> str:
    assert outcome.state is OutcomeState.FAILED
    assert outcome.error is not None
    return outcome.error.code


async def settled(fleet: Fleet) -> None:
    async def empty() -> bool:
        return await fleet.unsettled() == 0

    await until(empty)


async def test_async_task(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("add", {"a": 1, "b": 2}))
    assert outcome.state is OutcomeState.SUCCEEDED
    assert outcome.result == Result(raw(3))
    assert outcome.delivery == 1
    assert outcome.started_at_us <= outcome.finished_at_us
    await settled(fleet)


async def test_thread_task(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("add_in_thread", {"a": 1, "b": 2}, isolation=Isolation.THREAD))
    assert outcome.result == Result(raw(3))


async def test_process_task(fleet: Fleet) -> None:
    first = await fleet.run(task_message("process_id", {"a": 1}, isolation=Isolation.PROCESS))
    second = await fleet.run(task_message("process_id", {"a": 1}, isolation=Isolation.PROCESS))
    assert first.result is not None
    assert first.result == second.result, "the process stays warm"
    assert msgspec.msgpack.decode(first.result.value) != os.getpid()


async def test_json_is_accepted(fleet: Fleet) -> None:
    message = task_message("add", {"a": 1})
    await fleet.jetstream.publish(
        fleet.subjects.task("default", Priority.NORMAL),
        msgspec.json.encode(message),
        headers=headers.make(encoding=headers.Encoding.JSON),
    )
    assert (await fleet.outcome()).result == Result(raw(11))


async def test_many_outcomes_travel_in_few_messages(fleet: Fleet) -> None:
    await asyncio.gather(*(fleet.publish(task_message("add", {"a": n})) for n in range(200)))
    results = [await fleet.outcome() for _ in range(200)]
    assert len({outcome.run_id for outcome in results}) == 200
    assert len(fleet.batches) < 200
    await settled(fleet)


async def test_all_priorities_and_a_default(fleet: Fleet) -> None:
    for priority in Priority:
        await fleet.publish(task_message("add", {"a": 1}), priority)
    assert [(await fleet.outcome()).result for _ in Priority] == [Result(raw(11))] * 3


async def test_bindings(fleet: Fleet) -> None:
    message = task_message(
        "total",
        bindings={
            "values": ListOf(
                (
                    Literal(1),
                    Param("numbers", ("x", 1)),
                    Output("up", ("found", 0, "n")),
                    Item(),
                )
            )
        },
        isolation=Isolation.THREAD,
        params=raw({"numbers": {"x": [5, 10]}}),
        inputs={"up": Result(raw({"found": [{"n": 100}]}))},
        item=3,
        item_input=ItemInput(raw(1000)),
    )
    assert (await fleet.run(message)).result == Result(raw(1111))


async def test_a_param_that_the_run_lacks_leaves_the_default(fleet: Fleet) -> None:
    message = task_message("add", {"a": 1}, bindings={"b": Param("b")}, params=raw({"other": 1}))
    assert (await fleet.run(message)).result == Result(raw(11))


async def test_objects_are_built(fleet: Fleet) -> None:
    message = task_message("total", bindings={"values": ObjectOf({"a": Literal(1)})})
    outcome = await fleet.run(message)
    assert error_code(outcome) == ErrorCode.TASK_INPUT_INVALID
    assert outcome.error is not None
    assert "values" in outcome.error.where
    assert outcome.error.found == "dict {'a': 1}"


async def test_a_place_that_is_not_there(fleet: Fleet) -> None:
    message = task_message(
        "add", bindings={"a": Output("up", ("n", 7))}, inputs={"up": Result(raw({"n": [1]}))}
    )
    outcome = await fleet.run(message)
    assert error_code(outcome) == ErrorCode.TASK_INPUT_INVALID


async def test_strict_decoding(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("add", {"a": "1"}))
    assert error_code(outcome) == ErrorCode.TASK_INPUT_INVALID
    missing = await fleet.run(task_message("add", {"b": 1}))
    assert error_code(missing) == ErrorCode.TASK_INPUT_INVALID


async def test_a_result_of_another_type(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("wrong_result"))
    assert error_code(outcome) == ErrorCode.TASK_RESULT_INVALID


async def test_an_exception(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("raises", {"message": "no such key"}, isolation=Isolation.THREAD))
    assert error_code(outcome) == ErrorCode.TASK_FAILED
    assert outcome.error is not None
    assert outcome.error.message == "LookupError: no such key"
    assert outcome.error.kind == "builtins.LookupError"
    assert outcome.error_kinds == ("builtins.LookupError", "builtins.Exception", "builtins.BaseException")
    assert "raise LookupError(message)" in outcome.error.traceback
    assert "headrace/runtime" not in outcome.error.traceback


async def test_system_exit_ends_the_attempt_only(fleet: Fleet) -> None:
    for isolation in (Isolation.THREAD, Isolation.PROCESS):
        outcome = await fleet.run(task_message("exits", isolation=isolation))
        assert error_code(outcome) == ErrorCode.TASK_FAILED
    assert (await fleet.run(task_message("add", {"a": 1}))).state is OutcomeState.SUCCEEDED


async def test_fail_and_retry(fleet: Fleet) -> None:
    gave_up = await fleet.run(task_message("gives_up", isolation=Isolation.THREAD))
    assert error_code(gave_up) == ErrorCode.TASK_GAVE_UP
    assert gave_up.advice is RetryAdvice.NEVER
    assert gave_up.error is not None
    assert gave_up.error.details == {"row": "7"}
    later = await fleet.run(task_message("wants_retry", isolation=Isolation.THREAD))
    assert (later.advice, later.retry_after_s) == (RetryAdvice.AFTER, 12)


async def test_exceptions_of_processes(fleet: Fleet) -> None:
    raised = await fleet.run(task_message("process_raises", isolation=Isolation.PROCESS))
    assert raised.error is not None
    assert raised.error.kind == "builtins.LookupError"
    crashed = await fleet.run(task_message("dies", isolation=Isolation.PROCESS))
    assert error_code(crashed) == ErrorCode.TASK_CRASHED
    assert crashed.error is not None
    assert "SIGKILL" in crashed.error.message
    again = await fleet.run(task_message("process_id", {"a": 1}, isolation=Isolation.PROCESS))
    assert again.state is OutcomeState.SUCCEEDED


async def test_an_unknown_task(fleet: Fleet) -> None:
    """It waits for a worker that has it, which the coordinator knows better."""
    outcome = await fleet.run(task_message("missing"))
    assert (outcome.state, outcome.reason) == (OutcomeState.RETURNED, ReturnReason.UNKNOWN_TASK)
    assert outcome.error is not None
    assert outcome.error.code == ErrorCode.TASK_UNKNOWN
    assert "sample_tasks.py" in outcome.error.found


async def test_a_deadline_that_has_passed(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("add", {"a": 1}, deadline_us=1))
    assert error_code(outcome) == ErrorCode.RUN_DEADLINE


async def test_counts(fleet: Fleet) -> None:
    outcome = await fleet.run(task_message("large", {"count": 20}, counts=((), (0,), ("x",))))
    assert outcome.counts == (20, -1, -1)


@pytest.mark.parametrize("body", [b"", b"\xff\xff", b"garbage", codec.encode({"run_id": "r"})])
async def test_a_malformed_message_is_rejected(fleet: Fleet, body: bytes) -> None:
    subject = fleet.subjects.task("default", Priority.HIGH)
    await fleet.jetstream.publish(subject, body)
    message = await asyncio.wait_for(fleet.rejected.get(), 30)
    assert fleet.subjects.parse_input(message.subject).kind == "rejected"
    rejected = codec.decode(message.data, Rejected, message.headers)
    assert (rejected.subject, rejected.body) == (subject, body)
    assert rejected.error.code == ErrorCode.PROTOCOL_MALFORMED
    await settled(fleet)


async def test_a_newer_protocol_is_rejected(fleet: Fleet) -> None:
    subject = fleet.subjects.task("default", Priority.NORMAL)
    await fleet.jetstream.publish(subject, b"x", headers={headers.VERSION: "99"})
    message = await asyncio.wait_for(fleet.rejected.get(), 30)
    rejected = codec.decode(message.data, Rejected, message.headers)
    assert rejected.error.code == ErrorCode.PROTOCOL_VERSION
    assert rejected.headers[headers.VERSION] == "99"


async def test_large_results_travel_by_reference(fleet: Fleet) -> None:
    produced = await fleet.run(task_message("large", {"count": 20_000}, counts=((),)))
    assert produced.result is not None
    stored = produced.result.stored
    assert stored is not None
    assert produced.counts == (20_000,)
    assert stored.uri.startswith(f"nats://{fleet.topology.bucket}/{produced.run_id}/large/1/")
    assert stored.size_bytes > 200_000
    whole = await fleet.run(
        task_message("measure", bindings={"values": Output("large")}, inputs={"large": produced.result})
    )
    assert whole.result == Result(raw(20_000))
    for index in (0, 19_999):
        item = await fleet.run(
            task_message("echo", bindings={"value": Item()}, item=index, item_input=ItemInput(stored=stored))
        )
        assert item.result == Result(raw(f"item {index:06d}"))


async def test_a_stored_input_that_is_gone(fleet: Fleet) -> None:
    produced = await fleet.run(task_message("large", {"count": 20_001}))
    assert produced.result is not None
    assert produced.result.stored is not None
    store = await fleet.jetstream.object_store(fleet.topology.bucket)
    await store.delete(produced.result.stored.uri.split("/", 3)[3])
    for message in (
        task_message("measure", bindings={"values": Output("up")}, inputs={"up": produced.result}),
        task_message(
            "echo",
            bindings={"value": Item()},
            item=0,
            run_id=produced.run_id,
            item_input=ItemInput(stored=produced.result.stored, node="up"),
        ),
    ):
        outcome = await fleet.run(message)
        assert error_code(outcome) == ErrorCode.TASK_INPUT_LOST
        assert outcome.lost_input == "up"


async def test_an_attempt_that_goes_on_is_told_to_have_started(
    fleet: Fleet, worker: Worker, tmp_path: Path
) -> None:
    """One that has ended soon is not, and of ten one at least ends soon on a busy machine too."""
    started = await fleet.collect(fleet.subjects.started, Started)
    for _ in range(10):
        await fleet.run(task_message("add", {"a": 1}))
    message = task_message("sleeps", {"mark": str(tmp_path / "mark")})
    await fleet.publish(message)
    told: list[str] = []
    while message.run_id not in told:
        notice = await asyncio.wait_for(started.get(), 30)
        assert notice.worker == worker.id
        told += [held.run_id for held in notice.held]
    assert len(told) <= 10


async def test_heartbeats_at_start_and_end(fleet: Fleet, worker: Worker) -> None:
    beats = await fleet.collect(fleet.subjects.heartbeat, Heartbeat)
    async with running(Worker(worker.settings)) as other:
        first = await asyncio.wait_for(beats.get(), 30)
        while first.worker != other.id:
            first = await asyncio.wait_for(beats.get(), 30)
        assert first.queues == ("default",)
        assert "add" in first.tasks
    last = first
    while not last.stopped:
        last = await asyncio.wait_for(beats.get(), 30)
    assert last.worker == other.id


async def test_a_consumer_that_was_deleted_is_made_again(fleet: Fleet) -> None:
    spec = fleet.topology.task_consumer("default", Priority.NORMAL)
    await fleet.run(task_message("add", {"a": 1}))
    await fleet.jetstream.delete_consumer(spec.stream, spec.durable)
    assert (await fleet.run(task_message("add", {"a": 1}))).state is OutcomeState.SUCCEEDED


async def test_a_stream_that_is_gone_is_waited_for(fleet: Fleet) -> None:
    await fleet.run(task_message("add", {"a": 1}))
    await fleet.jetstream.delete_stream(fleet.topology.stream("TASKS"))
    with pytest.raises(nats.js.errors.NotFoundError):
        await fleet.jetstream.stream_info(fleet.topology.stream("TASKS"))
    await fleet.add_streams()
    assert (await fleet.run(task_message("add", {"a": 1}))).state is OutcomeState.SUCCEEDED
