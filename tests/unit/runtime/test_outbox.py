"""The outbox publishes until the bus confirms, and hands out each confirmed sequence once."""

import pytest

from headrace_coordinator.bus.port import BusError
from headrace_coordinator.runtime import outbox as module
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.store.records import OutboxBatch, OutboxMessage
from headrace_protocol.headers import MESSAGE_ID
from tests.unit.runtime.fakes import FakeBus, ticks


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def outbox(bus: FakeBus, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    return Outbox(bus)


def message(
    subject: str = "hr.n.task.q.normal", *, stream: bool = True, message_id: str = ""
) -> OutboxMessage:
    return OutboxMessage(subject, {MESSAGE_ID: message_id} if message_id else {}, b"body", stream)


def batch(sequence: int, *messages: OutboxMessage) -> OutboxBatch:
    return OutboxBatch(0, sequence, messages or (message(),))


async def test_a_confirmed_batch_is_handed_out_once(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7, message(), message()))
    assert (outbox.depth, outbox.active, outbox.waiting) == (2, True, False)
    bus.published[0][2].set_result(41)
    await ticks()
    assert outbox.take_confirmed() == []
    bus.published[1][2].set_result(42)
    await ticks()
    assert (outbox.depth, outbox.waiting) == (0, True)
    assert outbox.take_confirmed() == [7]
    assert outbox.take_confirmed() == []
    assert not outbox.active


async def test_messages_with_ids_are_confirmed_together_those_of_each_stream(
    bus: FakeBus, outbox: Outbox
) -> None:
    tasks = [message(message_id=f"t{number}") for number in range(3)]
    outbox.publish(batch(7, tasks[0], message("hr.n.life.w.progress", message_id="l"), *tasks[1:]))
    assert bus.together == [["t0", "t1", "t2"], ["l"]]
    futures = list(dict.fromkeys(future for _, _, future in bus.published))
    futures[0].set_result(12)
    await ticks()
    assert outbox.take_confirmed() == []
    futures[1].set_result(4)
    await ticks()
    assert outbox.take_confirmed() == [7]
    assert outbox.highest == {"task": 12, "life": 4}


async def test_messages_that_fail_together_are_published_each_by_itself(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7, message(message_id="a"), message(message_id="b")))
    bus.published[0][2].set_exception(BusError("wrong last msg ID"))
    await ticks()
    assert bus.together == [["a", "b"]]
    singly = [future for _, _, future in bus.published[2:]]
    assert len(singly) == 2
    singly[0].set_result(1)
    singly[1].set_exception(BusError("full"))
    await ticks(10)
    assert bus.together == [["a", "b"]], "what failed by itself is not tried together again"
    for _, _, future in bus.published[4:]:
        future.set_result(2)
    await ticks()
    assert len(bus.published) == 6
    assert outbox.take_confirmed() == [7]


async def test_what_a_predecessor_may_have_published_goes_singly(bus: FakeBus, outbox: Outbox) -> None:
    """The stream confirms a message that it has, whatever became of those before it."""
    outbox.publish(batch(7, message(message_id="a"), message(message_id="b")), again=True)
    assert bus.together == []
    for _, _, future in bus.published:
        future.set_result(1)
    await ticks()
    assert (len(bus.published), outbox.take_confirmed()) == (2, [7])


async def test_what_a_transaction_could_not_delete_is_handed_out_again(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7))
    bus.published[0][2].set_result(1)
    await ticks()
    outbox.give_back(outbox.take_confirmed())
    assert outbox.take_confirmed() == [7]


async def test_a_failed_message_is_published_again(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7, message("hr.n.task.a.normal"), message("hr.n.task.b.normal")))
    bus.published[0][2].set_exception(BusError("full"))
    await ticks()
    assert len(bus.published) == 2, "the other message is still on its way"
    bus.published[1][2].set_result(5)
    await ticks(10)
    assert [subject for subject, _, _ in bus.published[2:]] == ["hr.n.task.a.normal", "hr.n.task.b.normal"]
    assert outbox.take_confirmed() == []
    for _, _, future in bus.published[2:]:
        future.set_result(6)
    await ticks()
    assert outbox.take_confirmed() == [7]


async def test_nothing_is_repeated_while_the_bus_is_away(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7))
    bus.connected = False
    bus.published[0][2].set_exception(BusError("not connected"))
    await ticks(20)
    assert len(bus.published) == 1
    bus.connected = True
    outbox.publish_again()
    bus.published[1][2].set_result(1)
    await ticks(10)
    assert outbox.take_confirmed() == [7]
    assert len(bus.published) == 2
    outbox.close()


async def test_a_reconnect_leaves_alone_what_is_on_its_way(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7))
    outbox.publish_again()
    assert len(bus.published) == 1


async def test_core_messages_need_no_confirmation(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7, message("hr.n.live.cancel", stream=False)))
    assert bus.sent == [("hr.n.live.cancel", b"body")]
    assert outbox.take_confirmed() == [7]


async def test_the_highest_sequence_of_each_kind(bus: FakeBus, outbox: Outbox) -> None:
    outbox.publish(batch(7, message(), message("hr.n.life.w.progress"), message()))
    for (_, _, future), sequence in zip(bus.published, (9, 30, 4), strict=True):
        future.set_result(sequence)
    await ticks()
    assert outbox.highest == {"task": 9, "life": 30}


def test_numbers_go_on_where_the_store_is(outbox: Outbox) -> None:
    outbox.resume(40)
    assert [outbox.next_sequence(), outbox.next_sequence()] == [41, 42]
