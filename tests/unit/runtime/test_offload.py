"""Messages that are too large for the bus, made smaller before they are sealed."""

import msgspec
import pytest

from headrace_coordinator.engine.effects import Decision, Dispatch
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.offload import INPUTS, ITEM, PARAMS, Offloader, OffloadStopped
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.runtime.turn import MAX_MESSAGE_BYTES, Turn
from headrace_coordinator.store.records import HolderKind, ResultReference, ShardFence
from headrace_protocol.codec import decode, raw
from headrace_protocol.definition import Binding, Item, ListOf, Literal, ObjectOf, Output, Param, Priority
from headrace_protocol.messages import ItemInput, Outcome, Result, TaskMessage
from headrace_protocol.subjects import Subjects
from tests.engine.building import T0, Driver, node, plan_of
from tests.unit.runtime.fakes import FakeBus, FakeClock, FakeResults

BINDINGS: dict[str, Binding] = {
    "a": Output("big"),
    "b": ListOf((Param("p", ("deep", 0)), Literal(1), Param("missing"))),
    "c": ObjectOf({"item": Item(), "small": Output("small")}),
}


def message(
    *, result: int = 0, params: int = 0, item: int = 0, literal: int = 0, index: int = 0
) -> TaskMessage:
    return TaskMessage(
        run_id="r",
        workflow="w",
        node="n",
        attempt=1,
        task="t",
        shard=0,
        queue="q",
        queued_at_us=T0,
        item=index,
        bindings={**BINDINGS, "d": Literal("l" * literal)},
        inputs={"big": Result(raw("r" * result)), "small": Result(raw(1))},
        params=raw({"p": {"deep": ["p" * params]}}),
        item_input=ItemInput(raw("i" * item)),
    )


def turn_of(*messages: TaskMessage, room: int = MAX_MESSAGE_BYTES) -> Turn:
    turn = Turn(Subjects("n"), ShardFence(0, 1), T0, room)
    driver = Driver(plan_of(node("a")))
    turn.add(driver.run, driver.plan, Decision(effects=[Dispatch(one, Priority.NORMAL) for one in messages]))
    return turn


async def shrunk(
    *messages: TaskMessage, results: FakeResults | None = None
) -> tuple[list[TaskMessage], list[Outcome], FakeResults]:
    kept = results or FakeResults()
    turn = turn_of(*messages)
    failed = await Offloader(kept, FakeClock()).shrink(turn, lambda: False)
    batch = turn.seal(Changes(), Outbox(FakeBus()))
    published = () if batch is None else batch.messages
    assert all(len(one.body) <= MAX_MESSAGE_BYTES for one in published)
    return [decode(one.body, TaskMessage, one.headers) for one in published], failed, kept


async def test_what_fits_stays_as_it_is() -> None:
    sent, failed, kept = await shrunk(message(result=800_000))
    assert sent == [message(result=800_000)]
    assert (failed, kept.kept) == ([], {})


async def test_results_go_first_as_one_object() -> None:
    (sent,), failed, kept = await shrunk(message(result=900_000, params=100_000))
    assert failed == []
    assert sent.inputs.keys() == {INPUTS}
    stored = sent.inputs[INPUTS].stored
    assert stored is not None
    assert msgspec.msgpack.decode(kept.kept[stored.uri]) == {"big": "r" * 900_000, "small": 1}
    assert sent.params == raw({"p": {"deep": ["p" * 100_000]}})
    assert sent.bindings["a"] == Output(INPUTS, ("big",))
    assert sent.bindings["b"] == message().bindings["b"]
    assert sent.bindings["c"] == ObjectOf({"item": Item(), "small": Output(INPUTS, ("small",))})


async def test_a_thousand_small_results() -> None:
    edges = [f"n{number}" for number in range(1_000)]
    wide = msgspec.structs.replace(
        message(),
        inputs={name: Result(raw("x" * 1_000)) for name in edges},
        bindings={"all": ListOf(tuple(Output(name) for name in edges))},
    )
    (sent,), failed, kept = await shrunk(wide)
    assert (failed, len(kept.kept)) == ([], 1)
    assert sent.bindings["all"] == ListOf(tuple(Output(INPUTS, (name,)) for name in edges))


async def test_what_is_stored_is_referred_to_by_the_run() -> None:
    turn = turn_of(message(result=950_000), message(result=950_000, index=1))
    await Offloader(kept := FakeResults(), FakeClock()).shrink(turn, lambda: False)
    (uri,) = kept.kept
    assert turn.transaction.references == [ResultReference(uri, HolderKind.RUN, "r")]


async def test_a_server_that_takes_less() -> None:
    turn = turn_of(message(result=20_000, params=20_000), room=30_000)
    kept = FakeResults()
    assert await Offloader(kept, FakeClock()).shrink(turn, lambda: False) == []
    assert len(kept.kept) == 1


async def test_params_and_items_follow_when_that_is_not_enough() -> None:
    (sent,), failed, kept = await shrunk(message(result=500_000, params=600_000, item=500_000))
    assert failed == []
    assert sent.item_input is None
    assert not bytes(sent.params)
    for name, value in ((PARAMS, {"p": {"deep": ["p" * 600_000]}}), (ITEM, "i" * 500_000)):
        stored = sent.inputs[name].stored
        assert stored is not None
        assert msgspec.msgpack.decode(kept.kept[stored.uri]) == value
    assert sent.bindings["b"] == ListOf((Output(PARAMS, ("p", "deep", 0)), Literal(1), Param("missing")))
    assert sent.bindings["c"] == ObjectOf({"item": Output(ITEM), "small": Output(INPUTS, ("small",))})


async def test_what_items_share_is_stored_once() -> None:
    sent, _, kept = await shrunk(*(message(result=950_000, index=index) for index in range(3)))
    assert len(sent) == 3
    assert len(kept.kept) == 1


async def test_order_is_kept() -> None:
    sent, _, _ = await shrunk(message(index=0), message(result=950_000, index=1), message(index=2))
    assert [one.item for one in sent] == [0, 1, 2]


async def test_what_stays_too_large_fails_and_is_not_published() -> None:
    sent, (failed,), _ = await shrunk(message(literal=950_000), message(index=1))
    assert [one.item for one in sent] == [1]
    assert (failed.run_id, failed.node, failed.item, failed.attempt) == ("r", "n", 0, 1)
    assert failed.error is not None
    assert failed.error.code == "protocol.too_large"


async def test_the_bus_is_waited_for() -> None:
    (sent,), _, kept = await shrunk(message(result=950_000), results=FakeResults(failures=3))
    assert sent.inputs[INPUTS].stored is not None
    assert len(kept.kept) == 1


async def test_not_when_the_coordinator_stops() -> None:
    turn = turn_of(message(result=950_000))
    with pytest.raises(OffloadStopped):
        await Offloader(FakeResults(failures=1), FakeClock()).shrink(turn, lambda: True)
