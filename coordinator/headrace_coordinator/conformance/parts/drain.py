"""SIGTERM: finish or give back what is held, settle it, say so, exit with 0."""

from __future__ import annotations

import asyncio

from headrace_coordinator.conformance.probes import Probe, sleep
from headrace_coordinator.conformance.recording import now_us
from headrace_coordinator.conformance.rules import Finding, judged, kept, missed
from headrace_coordinator.conformance.stage import Stage
from headrace_protocol.messages import OutcomeState, ReturnReason

TASKS = 24
TASK_S = 1.0
BEGUN_S = 0.4
"""So long after the worker has asked for messages, some tasks run."""
PULL_SLACK_S = 1.0
"""A request that was on its way when the signal came is no offence."""
MARGIN_S = 2.0
RULES = ("drain-exit", "drain-settled", "drain-pull", "stopped")


async def drain(stage: Stage) -> list[Finding]:
    """More tasks than a worker runs at once, and then the signal."""
    probes = [sleep(f"drain-{number}", TASK_S, at_us=now_us()) for number in range(TASKS)]
    await stage.publish(*probes)
    await stage.start_worker()
    await asyncio.sleep(BEGUN_S)
    before = await stage.held()
    told_us = now_us()
    stage.worker.terminate()
    grace_s = stage.trial.grace_s
    await stage.recording.until(lambda: stage.worker.ended, grace_s + MARGIN_S)
    took_s = (now_us() - told_us) / 1e6
    await asyncio.sleep(0.1)  # what it said last is on its way to us
    left = await stage.held()
    return [
        _exit(stage, took_s),
        _settled(stage, probes, before, left),
        _pull(stage, told_us),
        _stopped(stage),
    ]


def _exit(stage: Stage, took_s: float) -> Finding:
    expected = f"exit code 0 within {stage.trial.grace_s:g} s of SIGTERM"
    worker = stage.worker
    if not worker.ended:
        return missed("drain-exit", f"it still runs {took_s:.1f} s after SIGTERM", expected)
    wrong = "" if worker.exit_code == 0 else f"after {took_s:.1f} s {worker.how_it_ended()}"
    return judged("drain-exit", wrong, f"exit code 0 after {took_s:.1f} s", expected)


def _settled(stage: Stage, probes: list[Probe], before: int, left: int) -> Finding:
    answers = [answer for one in probes if (answer := stage.answer(one)) is not None]
    finished = sum(answer.outcome.state is OutcomeState.SUCCEEDED for answer in answers)
    returned = [answer.outcome for answer in answers if answer.outcome.state is OutcomeState.RETURNED]
    wrong = ""
    if left:
        wrong = f"{left} messages that it had were neither answered nor settled when it ended"
    elif not answers:
        wrong = f"no outcome of the {before} tasks that it had"
    elif finished + len(returned) != len(answers):
        wrong = f"{len(answers) - finished - len(returned)} outcomes are neither succeeded nor returned"
    elif reasons := {str(one.reason) for one in returned} - {ReturnReason.DRAIN, ReturnReason.NO_ROOM}:
        wrong = f"tasks were returned with the reason {', '.join(sorted(reasons))}"
    return judged(
        "drain-settled",
        wrong,
        f"{finished} finished, {len(returned)} returned",
        "of each message that it had, an outcome (succeeded, or returned with reason drain) and then +ACK",
    )


def _pull(stage: Stage, told_us: int) -> Finding:
    last_us = max(stage.recording.asked.values(), default=0)
    late_s = (last_us - told_us) / 1e6
    wrong = f"it asked for messages {late_s:.1f} s after SIGTERM" if late_s > PULL_SLACK_S else ""
    return judged("drain-pull", wrong, "no request after SIGTERM", "no requests for messages after SIGTERM")


def _stopped(stage: Stage) -> Finding:
    beats = [beat for _, beat in stage.recording.heartbeats]
    if beats and beats[-1].stopped:
        return kept("stopped", "the last heartbeat says stopped")
    found = "the last heartbeat does not say stopped" if beats else "no heartbeat"
    return missed("stopped", found, "a last heartbeat with stopped: true")
