"""The explanation names what a run waits for and what to do."""

from __future__ import annotations

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.inputs import TimerFired
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.queries.explain import Explanation, explain
from headrace_coordinator.queries.live import LiveFacts, LiveWorker
from headrace_protocol.messages import CancelRun, HeldAttempt, ReturnReason
from tests.unit.queries.samples import DEFINITION, Story

NOBODY = LiveFacts()


def worker(slots: int = 2, busy: int = 0, queue: str = "data", tasks: tuple[str, ...] = ()) -> LiveWorker:
    return LiveWorker(worker="w1", queues=(queue,), slots=slots, tasks=tasks, busy=busy)


def told(story: Story, facts: LiveFacts = NOBODY) -> Explanation:
    return explain(story.stored, DEFINITION, facts, story.now_us)


def kinds(explanation: Explanation) -> list[str]:
    return [reason.kind for reason in explanation.reasons]


def test_no_worker() -> None:
    explanation = told(Story())
    assert kinds(explanation) == ["no_worker", "upstream", "upstream", "deadline"]
    assert explanation.reasons[0].text == (
        "node load attempt 1 waits for a worker on queue data: no live worker serves data"
    )
    assert explanation.reasons[2].text == "node report waits for carriers"
    assert explanation.advice == ("Start a worker for queue data: headrace worker MODULE --queues data",)
    assert explanation.summary == "The run is not finished: 0 of 3 nodes have succeeded, 1 is in progress."


def test_a_draining_worker_serves_nothing() -> None:
    draining = LiveWorker(worker="w1", queues=("data",), slots=2, tasks=(), busy=0, draining=True)
    assert kinds(told(Story(), LiveFacts(workers=(draining,))))[0] == "no_worker"


def test_no_worker_with_the_task() -> None:
    explanation = told(Story(), LiveFacts(workers=(worker(tasks=("other",)),) * 2))
    assert explanation.reasons[0].kind == "no_task"
    assert explanation.reasons[0].text == (
        "node load attempt 1 waits for a worker on queue data: no live worker has task load "
        "(2 workers serve the queue with older or other code)"
    )
    assert "the module that defines the task load" in explanation.advice[0]


def test_a_task_that_was_returned_waits_for_a_worker_that_names_it() -> None:
    story = Story()
    story.give_back("load", ReturnReason.UNKNOWN_TASK)
    assert kinds(told(story, LiveFacts(workers=(worker(),))))[0] == "no_task"
    assert kinds(told(story, LiveFacts(workers=(worker(), worker(tasks=("load",))))))[0] == "queued"


def test_no_free_slot() -> None:
    explanation = told(Story(), LiveFacts(workers=(worker(busy=2),), pending={"data": 7}))
    assert explanation.reasons[0].kind == "no_slot"
    assert "all 2 slots of 1 workers are busy, 7 tasks are queued" in explanation.reasons[0].text


def test_nats_gives_out_nothing() -> None:
    facts = LiveFacts(
        workers=(worker(),), troubles={"data": "consumer data_normal of S is paused on NATS until X"}
    )
    explanation = told(Story(), facts)
    assert explanation.reasons[0].kind == "no_delivery"
    assert "consumer data_normal of S is paused on NATS until X" in explanation.reasons[0].text


def test_about_to_be_taken() -> None:
    assert kinds(told(Story(), LiveFacts(workers=(worker(),))))[0] == "queued"


def test_running() -> None:
    story = Story()
    held = HeldAttempt(run_id="r1", node="load", attempt=1, started_at_us=story.now_us - 3_000_000)
    explanation = told(story, LiveFacts(held=(("w7", held),)))
    assert explanation.reasons[0].text == "node load attempt 1 runs on worker w7 since 3 s"


def test_retrying() -> None:
    story = Story()
    story.fail("load", "row 7 is broken")
    reason = told(story).reasons[0]
    assert (reason.kind, reason.attempt) == ("retry", 1)
    assert reason.text.endswith("in 9 s, after error: row 7 is broken")


def test_a_map_tells_its_progress_and_its_stuck_items() -> None:
    story = Story()
    story.succeed("load", list(range(9)), counts=(9,))
    story.succeed("carriers", 1, 0)
    held = HeldAttempt(run_id="r1", node="carriers", item=1, attempt=1, started_at_us=story.now_us)
    facts = LiveFacts(held=(("w1", held),), workers=(worker(queue="default", slots=1, busy=1),))
    reasons = told(story, facts).reasons
    assert reasons[0].text == "node carriers: 1 of 9 items are done, 2 in motion, 1 of them on workers"
    assert (reasons[0].done, reasons[0].total) == (1, 9)
    assert [(reason.kind, reason.item) for reason in reasons[1:3]] == [("no_slot", 2), ("running", 1)]


def test_collecting() -> None:
    story = Story()
    story.succeed("load", [1], counts=(1,))
    story.succeed("carriers", 1, 0)
    assert kinds(told(story))[0] == "collect"


def test_failed() -> None:
    story = Story()
    story.fail("load", "first")
    due_us = story.run.nodes["load"].retry_at_us
    assert due_us is not None
    story.retry(TimerFired(TimerKey("r1", "retry", "load"), due_us))
    story.fail("load", "row 7 is broken")
    explanation = told(story)
    assert explanation.finished
    assert explanation.summary == "The run failed. First error: node load: row 7 is broken"
    assert kinds(explanation) == ["failed", "upstream_failed", "upstream_failed"]
    assert explanation.advice[-1] == "Read its logs: headrace runs logs r1 --node load"


def test_cancelled_and_succeeded() -> None:
    story = Story()
    story.tell(CancelRun(run_id="r1", reason="wrong month"))
    assert "wrong month" in told(story).summary
    story = Story()
    story.to_the_end()
    assert told(story).summary == "The run succeeded: 3 nodes in 5 s."
    assert not told(story).reasons


def test_a_task_in_the_line_says_how_many_go_first() -> None:
    reason = told(Story(line=ReadyLine({"data": 0})), LiveFacts(ahead={"data.normal": 3_412})).reasons[0]
    assert (reason.kind, reason.attempt, reason.queue) == ("line", 1, "data")
    assert reason.text == (
        "node load attempt 1 waits in the line of queue data, 3,412 tasks of other runs before it: "
        "its workers have enough to do"
    )


def test_items_in_the_line_are_told_as_a_number() -> None:
    story = Story(line=ReadyLine({"default": 1}))
    story.succeed("load", list(range(9)), counts=(9,))
    reason = told(story, LiveFacts(ahead={"default.normal": 0})).reasons[0]
    assert reason.text == (
        "node carriers: 0 of 9 items are done, 1 in motion, 0 of them on workers; "
        "8 wait in the line of queue default, next to go out"
    )
