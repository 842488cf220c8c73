"""What an unfinished run and its nodes do at the moment, as lists say it."""

from __future__ import annotations

import pytest

from headrace_coordinator.engine.effects import TimerKey
from headrace_coordinator.engine.inputs import RetryRun, TimerFired
from headrace_coordinator.engine.state import Node, RunHead, Wait, WaitKind
from headrace_coordinator.queries.activity import (
    Activity,
    ActivityKind,
    Fleet,
    Moment,
    node_activity,
    run_activity,
)
from headrace_coordinator.queries.live import LiveWorker
from headrace_coordinator.queries.views import Progress, detail_of, summary_of
from headrace_protocol.definition import NodeDefinition
from headrace_protocol.messages import CancelRun, HeldAttempt, ReturnReason
from tests.unit.queries.samples import DEFINITION, Story

NO_TASK = "no live worker has task load (1 worker serves the queue with older or other code)"
NODES = {node.id: node for node in DEFINITION.nodes}


def held(
    node: str = "load", item: int | None = None, attempt: int = 1, at_us: int = 5, run: str = "r1"
) -> HeldAttempt:
    return HeldAttempt(run_id=run, node=node, item=item, attempt=attempt, started_at_us=at_us)


def worker(
    name: str = "w1",
    *holds: HeldAttempt,
    draining: bool = False,
    silent: bool = False,
    queues: tuple[str, ...] = ("data",),
    tasks: tuple[str, ...] = (),
    slots: int = 2,
) -> LiveWorker:
    return LiveWorker(
        worker=name,
        queues=queues,
        slots=slots,
        tasks=tasks,
        busy=len(holds),
        draining=draining,
        silent=silent,
        seen_at_us=9,
        held=holds,
    )


def planned(head: RunHead, node: str) -> NodeDefinition | None:
    return NODES.get(node)


def moment(*views: LiveWorker, now_us: int = 0) -> Moment:
    return Moment(now_us, Fleet(views), planned)


def of_run(story: Story, *views: LiveWorker) -> Activity:
    found = run_activity(story.run.head, moment(*views))
    assert found is not None
    return found


def of_node(story: Story, node: str, *views: LiveWorker) -> Activity | None:
    return node_activity("r1", NODES[node], story.run.nodes[node], moment(*views))


@pytest.mark.parametrize(
    ("views", "kind", "text"),
    [
        ((), "no_worker", "load waits for a worker: no live worker serves data"),
        ((worker(queues=("other",)),), "no_worker", "load waits for a worker: no live worker serves data"),
        ((worker(draining=True),), "no_worker", "load waits for a worker: no live worker serves data"),
        (
            (worker(tasks=("x",)),),
            "no_task",
            f"load waits for a worker: {NO_TASK}",
        ),
        (
            (worker("w1", held(run="r2"), slots=1),),
            "no_slot",
            "load waits for a worker: all 1 slots of 1 workers are busy",
        ),
        ((worker(),), "queued", "load waits for a worker: 1 workers with 2 free slots"),
        ((worker("w1", held()),), "running", "load runs on w1"),
        ((worker("w1", held(), draining=True),), "running", "load runs on w1"),
        ((worker("w1", held(), silent=True),), "lost", "load was on w1, which has fallen silent"),
        ((worker("w1", held(), silent=True), worker("w2", held())), "running", "load runs on w2"),
    ],
)
def test_a_dispatched_task(views: tuple[LiveWorker, ...], kind: str, text: str) -> None:
    story = Story()
    found = of_run(story, *views)
    assert (found.kind, found.text) == (kind, text)
    node = of_node(story, "load", *views)
    assert node is not None
    assert (node.kind, node.text) == (kind, text)


@pytest.mark.parametrize(
    ("views", "kind", "why"),
    [
        ((), "no_worker", "no live worker serves data"),
        # It names no tasks, and may be the one that returned it.
        ((worker(),), "no_task", "no live worker has task load (1 worker serves the queue"),
        (
            (worker(), worker("w2", tasks=("x",))),
            "no_task",
            "no live worker has task load (2 workers serve the queue with older or other code)",
        ),
        ((worker(), worker("w2", tasks=("load",))), "queued", "1 workers with 2 free slots"),
    ],
)
def test_a_task_that_was_returned_waits_for_a_worker_that_names_it(
    views: tuple[LiveWorker, ...], kind: str, why: str
) -> None:
    story = Story()
    story.give_back("load", ReturnReason.UNKNOWN_TASK)
    assert story.run.head.wait == Wait(WaitKind.WORKER_WITH_TASK, "load", story.run.head.deadline_us)
    for found in (of_run(story, *views), of_node(story, "load", *views)):
        assert found is not None
        assert found.kind == kind
        assert found.text.startswith(f"load waits for a worker: {why}")


def test_a_task_that_was_returned_waits_so_also_where_its_queue_is_not_known() -> None:
    story = Story()
    story.give_back("load", ReturnReason.UNKNOWN_TASK)
    found = run_activity(story.run.head, Moment(0))
    assert found is not None
    assert found.text == "load waits for a worker that has its task"


def test_it_says_on_whom_and_since_when() -> None:
    found = of_run(Story(), worker("w2", held(at_us=8)))
    assert (found.worker, found.since_us, found.node, found.running) == ("w2", 8, "load", 1)
    lost = of_run(Story(), worker("w2", held(at_us=8), silent=True))
    assert (lost.worker, lost.since_us) == ("w2", 9)


def test_items_of_a_map_are_counted_and_the_longest_is_named() -> None:
    story = Story()
    story.succeed("load", ["AA", "UA"], counts=(2,))
    views = worker("w1", held("carriers", 1, at_us=8)), worker("w2", held("carriers", 0, at_us=6))
    found = of_run(story, *views)
    assert (found.kind, found.running, found.worker, found.since_us) == ("running", 2, "w2", 6)
    assert found.text == "2 attempts run on 2 workers"
    detail = detail_of(story.stored, DEFINITION, [], moment(*views))
    carriers = detail.nodes[1]
    assert carriers.map is not None
    assert carriers.map.running == 2
    assert [node.activity is None for node in detail.nodes] == [True, False, True]


def test_a_fenced_attempt_that_still_runs_is_not_what_the_node_does() -> None:
    story = Story()
    story.fail("load", "no")
    assert of_node(story, "load", worker("w1", held())) == Activity(
        kind=ActivityKind.RETRY,
        text="load failed and is tried again",
        node="load",
        wake_at_us=story.run.nodes["load"].retry_at_us,
    )
    due_us = story.run.nodes["load"].retry_at_us
    assert due_us is not None
    story.retry(TimerFired(TimerKey("r1", "retry", "load"), due_us))
    found = of_node(story, "load", worker("w1", held()))
    assert found is not None
    assert found.kind == "queued"


def test_a_retry_names_its_time() -> None:
    story = Story()
    story.fail("load", "no")
    found = of_run(story)
    assert (found.kind, found.wake_at_us) == ("retry", story.run.nodes["load"].retry_at_us)


def test_a_queue_that_is_not_known_is_not_guessed() -> None:
    found = run_activity(Story().run.head, Moment(0))
    assert found is not None
    assert (found.kind, found.queue, found.text) == ("queued", "", "load waits for a worker")


def test_what_is_over_does_nothing() -> None:
    story = Story()
    story.to_the_end()
    assert run_activity(story.run.head, moment(worker("w1", held()))) is None
    assert node_activity("r1", NODES["load"], Node(), moment()) is None


def test_progress_counts_what_succeeded_and_adds_up() -> None:
    story = Story()
    assert summary_of(story.run.head, moment()).progress == Progress(
        total=3, succeeded=0, failed=0, not_run=0, open=3
    )
    story.succeed("load", ["AA", "UA"], counts=(2,))
    assert summary_of(story.run.head, moment()).progress == Progress(
        total=3, succeeded=1, failed=0, not_run=0, open=2
    )
    for item in (0, 1):
        story.succeed("carriers", 1, item)
    story.collect([1, 2])
    story.fail("report", "no")
    assert summary_of(story.run.head, moment()).progress == Progress(
        total=3, succeeded=2, failed=1, not_run=0, open=0
    )
    cancelled = Story()
    cancelled.tell(CancelRun(run_id="r1"))
    assert summary_of(cancelled.run.head, moment()).progress == Progress(
        total=3, succeeded=0, failed=0, not_run=3, open=0
    )


def test_time_between_two_goes_is_not_time_that_it_took() -> None:
    story = Story()
    began_us = story.run.head.created_at_us
    story.succeed("load", ["AA", "UA"], counts=(2,))
    for item in (0, 1):
        story.succeed("carriers", 1, item)
    story.collect([1, 2])
    story.fail("report", "no")
    ended_us = story.run.head.finished_at_us
    assert ended_us is not None
    story.wait(ended_us + 3_600_000_000)
    story.tell(RetryRun("r1", "me", "again"))
    summary = summary_of(story.run.head, moment(now_us=ended_us + 3_610_000_000))
    assert (summary.idle_s, summary.retries) == (3_600.0, 1)
    assert summary.duration_s == (ended_us - began_us) / 1e6 + 10.0
    assert summary.progress == Progress(total=3, succeeded=2, failed=0, not_run=0, open=1)
