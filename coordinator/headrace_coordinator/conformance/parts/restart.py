"""NATS is restarted, and later comes back with nothing that it had."""

from __future__ import annotations

import asyncio

from headrace_coordinator.conformance.probes import echo, sleep
from headrace_coordinator.conformance.recording import Sign, now_us
from headrace_coordinator.conformance.rules import Finding, judged, missed
from headrace_coordinator.conformance.stage import Stage

BEGUN_S = 0.5
TASK_S = 1.5
HELD_S = 3.0
"""Longer than clients take to come back: they wait two seconds at most between attempts."""
RULES = ("restart", "new-bus")


async def restart(stage: Stage) -> list[Finding]:
    await stage.start_worker()
    first = echo("before-restart", "before", at_us=now_us())
    await stage.publish(first)
    await stage.answered([first], stage.trial.patience_s)
    found = await _restarted(stage)
    if found:
        return [judged("restart", found, "", _EXPECTED)]
    return [
        judged("restart", "", "the task that ran and the one that came later were answered", _EXPECTED),
        await _lost_everything(stage),
    ]


_EXPECTED = (
    "outcomes of the task that ran during the restart (perhaps delivered again), and of one that came later"
)


async def _restarted(stage: Stage) -> str:
    """What went wrong; nothing went if it is empty."""
    during = sleep("during-restart", TASK_S, at_us=now_us())
    await stage.publish(during)
    await asyncio.sleep(BEGUN_S)
    await stage.restart_server()
    later = echo("after-restart", "after", at_us=now_us())
    await stage.publish(later)
    await stage.catch_up()
    trial = stage.trial
    await stage.answered([during, later], TASK_S + trial.ack_wait_s + trial.patience_s)
    await stage.catch_up()
    if stage.worker.ended:
        return stage.worker.how_it_ended()
    missing = [one.message.node for one in (during, later) if stage.answer(one) is None]
    return f"no outcome of {' and '.join(missing)}" if missing else ""


async def _lost_everything(stage: Stage) -> Finding:
    """A task runs while NATS forgets its message. What is said of that message is then said of another's."""
    held = sleep("lost-by-nats", HELD_S, at_us=now_us())
    await stage.publish(held)
    await asyncio.sleep(BEGUN_S)
    wiped_ns = now_us() * 1_000
    stage.recording.settlements.clear()
    await stage.restart_server(wiped=True)
    await stage.make()
    patience_s = stage.trial.patience_s
    await stage.answered([held], HELD_S + patience_s)
    new = echo("on-a-new-bus", "new", at_us=now_us())
    await stage.publish(new)
    answered = await stage.answered([new], patience_s)
    expected = "no +ACK, -NAK or +TERM for messages that the lost consumer delivered, and work as before"
    if stage.worker.ended:
        return missed("new-bus", stage.worker.how_it_ended(), expected)
    stale = [
        said
        for every in stage.recording.settlements.values()
        for said in every
        if said.stored_ns < wiped_ns and said.sign is not Sign.PROGRESS
    ]
    wrong = ""
    if stale:
        wrong = f"{stale[0].sign.value.decode()} for a message of the stream that is gone"
    elif not answered:
        wrong = "no outcome of a task that was published to the new stream"
    return judged("new-bus", wrong, "nothing was said of the lost message; new tasks are answered", expected)
