"""What a turn collects: one head per run, the last word on each timer, messages named after attempts."""

from headrace_coordinator.engine.effects import CancelAttempt, Decision, DropTimer, StartTimer, TimerKey
from headrace_coordinator.runtime.changes import Changes
from headrace_coordinator.runtime.outbox import Outbox
from headrace_coordinator.runtime.turn import MAX_MESSAGE_BYTES, Turn
from headrace_coordinator.store.records import ShardFence, Timer
from headrace_protocol.codec import decode
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.headers import MESSAGE_ID
from headrace_protocol.messages import CancelAttempts, LifecycleEvent, LifecycleMessage, TaskMessage
from headrace_protocol.subjects import Subjects
from tests.engine.building import T0, Driver, node, plan_of
from tests.unit.runtime.fakes import FakeBus


def new_turn() -> Turn:
    return Turn(Subjects("n"), ShardFence(3, 1), T0)


def timers(**keys: int) -> list[StartTimer]:
    return [StartTimer(TimerKey("r", "retry", name), due_us) for name, due_us in keys.items()]


def test_a_run_that_was_touched_often_is_written_once() -> None:
    driver = Driver(plan_of(node("a"), node("b", "a"), node("c", "b")))
    turn = new_turn()
    turn.add(driver.run, driver.plan, driver.last)
    turn.add(driver.run, driver.plan, driver.done("a"))
    turn.add(driver.run, driver.plan, driver.done("b"))
    batch = turn.seal(Changes(), Outbox(FakeBus()))
    transaction = turn.transaction
    assert [head.run_id for head in transaction.runs] == ["r"]
    assert [row.name for row in transaction.nodes] == ["a", "b", "c"]
    assert [(record.node, record.state) for record in transaction.attempts] == [
        ("a", "succeeded"),
        ("b", "succeeded"),
    ]
    (history,) = transaction.history
    kinds = [event.kind for event in history.events]
    assert kinds[0] == "run.created"
    assert kinds.count("node.dispatched") == 3
    assert batch is not None
    assert [message.subject for message in batch.messages] == [
        *["hr.n.task.default.normal"] * 3,
        "hr.n.life.flow.created",
    ]
    assert list(turn.touched) == ["r"]
    counted = {(tally.kind, tally.name, tally.state): tally.count for tally in transaction.tallies}
    assert counted["task", "flow", "succeeded"] == 2
    assert {tally.at_s % 60 for tally in transaction.tallies} == {0}


def test_messages_are_named_after_attempt_and_dispatch() -> None:
    """A redispatch of the same attempt must pass the stream's duplicate window, a repeat must not."""
    driver = Driver(plan_of(node("a")))
    turn = new_turn()
    turn.add(driver.run, driver.plan, driver.last)
    batch = turn.seal(Changes(), Outbox(FakeBus()))
    assert batch is not None
    task, life = batch.messages
    sent = decode(task.body, TaskMessage, task.headers)
    assert task.headers[MESSAGE_ID] == f"r/a/1@{sent.queued_at_us}"
    assert life.headers[MESSAGE_ID] == "life-1"


def test_the_last_word_on_a_timer_counts() -> None:
    driver = Driver(plan_of(node("a")))
    turn = new_turn()
    one, two, three = (TimerKey("r", "retry", name) for name in "abc")
    turn.add(driver.run, driver.plan, Decision(effects=[*timers(a=10, b=20, c=30)]))
    turn.add(driver.run, driver.plan, Decision(effects=[*timers(a=15), DropTimer(two)]))
    turn.timer_fired(three)
    turn.add(driver.run, driver.plan, Decision(effects=[*timers(c=5)]))
    turn.seal(Changes(), Outbox(FakeBus()))
    assert turn.transaction.timers == [Timer(3, one, 15), Timer(3, three, 5)]
    assert turn.transaction.timers_dropped == [two]
    assert turn.earliest_timer_us == 5


def test_a_timer_that_fired_is_used_up() -> None:
    turn = new_turn()
    turn.timer_fired(TimerKey("r", "deadline"))
    turn.seal(Changes(), Outbox(FakeBus()))
    assert turn.transaction.timers_dropped == [TimerKey("r", "deadline")]


def test_a_cancel_goes_over_core_nats() -> None:
    driver = Driver(plan_of(node("a")))
    turn = new_turn()
    turn.add(driver.run, driver.plan, Decision(effects=[CancelAttempt(CancelAttempts(run_id="r"))]))
    batch = turn.seal(Changes(), Outbox(FakeBus()))
    assert batch is not None
    assert [(message.subject, message.stream) for message in batch.messages] == [("hr.n.live.cancel", False)]


def test_an_empty_turn_takes_no_numbers() -> None:
    changes, outbox = Changes(), Outbox(FakeBus())
    assert new_turn().seal(changes, outbox) is None
    assert (changes.next_position(), outbox.next_sequence()) == (1, 1)


def test_history_larger_than_a_message_is_told_in_parts() -> None:
    driver = Driver(plan_of(node("a")))
    error = ErrorInfo(code="task.failed", message="broken", traceback="t" * 50_000)
    events = [LifecycleEvent(kind="item.retrying", at_us=n, error=error) for n in range(64)]
    changes = Changes()
    turn = new_turn()
    turn.add(driver.run, driver.plan, Decision(events=events))
    batch = turn.seal(changes, Outbox(FakeBus()))
    assert batch is not None
    told = [decode(message.body, LifecycleMessage, message.headers) for message in batch.messages]
    parts = [part for message in told for part in message.batches]
    assert len(parts) == 4
    assert [part.position for part in parts] == [1, 2, 3, 4]
    assert [event for part in parts for event in part.events] == events
    assert all(len(message.body) <= MAX_MESSAGE_BYTES for message in batch.messages)
    assert turn.transaction.history == parts
    assert len({message.headers[MESSAGE_ID] for message in batch.messages}) == 4


def test_finished_runs_are_forgotten_after_the_commit() -> None:
    driver = Driver(plan_of(node("a")))
    turn = new_turn()
    turn.add(driver.run, driver.plan, driver.done("a"))
    assert turn.finished == ["r"]
