"""A drain says what it does, and is over within the grace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from headrace.bus import BusOptions
from headrace.runtime.attempt import Attempt
from headrace.runtime.drain import SEND_S, Drain, serving
from headrace.runtime.settings import WorkerSettings
from headrace.testing.loop import VirtualLoop
from headrace_protocol.messages import TaskMessage


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def attempt(node: str, item: int | None = None) -> Attempt:
    message = TaskMessage(
        run_id="0123456789abcdef",
        workflow="w",
        node=node,
        item=item,
        attempt=1,
        task=node,
        shard=0,
        queue="q",
        queued_at_us=1,
    )
    return Attempt(message, None, "", 1)


class Story:
    """A drain of a worker whose attempts end when they are told to."""

    def __init__(
        self, held: list[Attempt], *, grace_s: float = 30.0, ends_after_s: float | None = None
    ) -> None:
        self.settings = WorkerSettings(targets=("x",), grace_s=grace_s, cancel_grace_s=5.0)
        self.held = held
        self.ends_after_s = ends_after_s
        self.hurry_after_s: float | None = None
        self.sent = True

    async def run(self) -> list[float]:
        """When finishing, cancelling and sending were over."""
        loop = asyncio.get_running_loop()
        hurried, empty = asyncio.Event(), asyncio.Event()
        drain = Drain(self.settings, lambda: self.held, hurried)
        began = loop.time()
        if self.ends_after_s is not None:
            loop.call_later(self.ends_after_s, lambda: (self.held.clear(), empty.set()))
        if self.hurry_after_s is not None:
            loop.call_later(self.hurry_after_s, hurried.set)
        times = []
        await drain.finish(_until(empty))
        times.append(loop.time() - began)
        await drain.give_back(_until(empty))
        times.append(loop.time() - began)
        await drain.send(asyncio.sleep(0 if self.sent else 1_000))
        times.append(loop.time() - began)
        return times


def times_of(loop: VirtualLoop, story: Story) -> list[float]:
    task = loop.create_task(story.run())
    loop.run_to(2_000.0)
    return task.result()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "headrace.worker"]


def test_what_ends_in_time(loop: VirtualLoop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    both = "2 attempts still run (load of run 0123456789, part item 7 of run 0123456789)"
    assert times_of(loop, Story([attempt("load"), attempt("part", 7)], ends_after_s=12.0)) == [12.0] * 3
    assert said(caplog) == [
        f"draining: takes no new tasks; {both}, for at most 24 s; a second signal does not wait",
        f"draining: {both}, 14 s left",
        "stopped",
    ]


@pytest.mark.parametrize("grace_s", [0.0, 0.5, 5.0, 30.0, 600.0])
def test_all_of_it_is_within_the_grace(loop: VirtualLoop, grace_s: float) -> None:
    story = Story([attempt("load")], grace_s=grace_s)
    story.sent = False
    finishing, cancelling, sending = times_of(loop, story)
    assert finishing <= cancelling <= sending <= max(grace_s, cancelling + SEND_S)
    assert sending - cancelling >= SEND_S - 1e-6
    if grace_s >= 12.0:
        assert (finishing, sending) == (grace_s - 6.0, grace_s)


def test_what_does_not_end_is_named_and_given_back(
    loop: VirtualLoop, caplog: pytest.LogCaptureFixture
) -> None:
    story = Story([attempt("load")])
    story.sent = False
    times_of(loop, story)
    shown = said(caplog)
    assert shown[0].startswith("the time to finish is over: 1 attempt still runs (load of run 0123456789)")
    assert shown[1].startswith("stopped before all outcomes could be sent to NATS")


def test_nothing_runs(loop: VirtualLoop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    story = Story([], ends_after_s=0.0)
    assert times_of(loop, story)[-1] == 0.0
    assert said(caplog) == ["draining: takes no new tasks, and nothing runs", "stopped"]


def test_a_second_signal_does_not_wait(loop: VirtualLoop) -> None:
    story = Story([attempt("load")])
    story.hurry_after_s = 3.0
    assert times_of(loop, story)[:2] == [3.0, 3.0]


def test_what_a_worker_serves() -> None:
    settings = WorkerSettings(
        targets=("x",), slots=4, namespace="team", bus=BusOptions(urls=("nats://one:4222",), name="w")
    )
    assert serving("vm-1", settings, ["d", "c", "b", "a"], ["cpu"]) == (
        f"worker vm-1 is connected to {settings.bus.shown}, namespace team, and serves queue cpu with 4 slots: "
        "4 tasks (a, b, c and 1 more). It asks for tasks; SIGTERM or ctrl-C drains it."
    )
    assert "2 queues (cpu, gpu)" in serving("vm-1", settings, ["a"], ["cpu", "gpu"])
    assert "slots: task a." in serving("vm-1", settings, ["a"], ["cpu", "gpu"])
