"""Rules that may be left out: they make a worker visible, and its work stoppable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_coordinator.conformance.parts.outcomes import said
from headrace_coordinator.conformance.probes import Probe
from headrace_coordinator.conformance.recording import Sign
from headrace_coordinator.conformance.rules import Finding, judged, kept, missed
from headrace_coordinator.conformance.stage import Stage
from headrace_protocol.definition import Priority

if TYPE_CHECKING:
    from headrace_coordinator.conformance.parts.answers import Script

ROLLCALL_US = 1_000_000
RULES = ("priorities", "delivery", "redelivered", "heartbeat", "rollcall", "cancel", "code")


def judge(stage: Stage, script: Script, long_s: float, rollcall_us: int) -> list[Finding]:
    return [
        _priorities(stage, script),
        *_redelivered(stage, script.again),
        _heartbeat(stage, script.long),
        _rollcall(stage, rollcall_us),
        _cancel(stage, script.cancelled, long_s),
        _code(stage, script.coded),
    ]


def _priorities(stage: Stage, script: Script) -> Finding:
    probes = {Priority.HIGH: script.high, Priority.LOW: script.low}
    silent = [priority for priority, one in probes.items() if stage.answer(one) is None]
    wrong = f"tasks of the priority {' and '.join(silent)} have no outcome" if silent else ""
    return judged("priorities", wrong, "tasks of all priorities are answered", "outcomes of all priorities")


def _redelivered(stage: Stage, probe: Probe) -> list[Finding]:
    """Holding the message and running it are both right."""
    message = probe.message
    reports = [one for one in stage.recording.redelivered if one.node == message.node]
    answer = stage.answer(probe)
    expected = "Redelivered every few seconds until Redundant comes, then +ACK"
    if answer is not None:
        found = answer.outcome.delivery
        wrong = "" if found > 1 else f"delivery {found} in the outcome of a second delivery"
        return [
            missed(
                "redelivered", f"it ran the task again: {said(answer.outcome)}; that does no harm", expected
            ),
            judged("delivery", wrong, f"delivery {found}", "delivery 2"),
        ]
    if not reports:
        return [missed("redelivered", "neither Redelivered nor an outcome", expected)]
    settled = stage.recording.signs(stage.sequences[probe.key], Sign.ACK)
    wrong = "" if settled else "Redelivered was sent, but Redundant did not lead to +ACK"
    return [judged("redelivered", wrong, "it held the message and acknowledged it on Redundant", expected)]


def _heartbeat(stage: Stage, long: Probe) -> Finding:
    beats = [beat for _, beat in stage.recording.heartbeats]
    if not beats:
        return missed(
            "heartbeat", "no heartbeat", "a Heartbeat every few seconds; without, the worker is not listed"
        )
    naming = any(held.node == long.message.node for beat in beats for held in beat.held)
    wrong = "" if naming else f"{len(beats)} heartbeats, none of which names {long.key} in held"
    return judged(
        "heartbeat", wrong, f"{len(beats)} heartbeats", "heartbeats that name in held what is worked on"
    )


def _rollcall(stage: Stage, rollcall_us: int) -> Finding:
    if any(0 <= at_us - rollcall_us < ROLLCALL_US for at_us, _ in stage.recording.heartbeats):
        return kept("rollcall", "a heartbeat at once")
    return missed("rollcall", "no heartbeat within 1 s of the roll call", "a Heartbeat at once")


def _cancel(stage: Stage, probe: Probe, long_s: float) -> Finding:
    """Whether it ended sooner than it would by itself, with whatever outcome, or was just settled."""
    answer = stage.answer(probe)
    if answer is not None:
        took_s = (answer.at_us - answer.outcome.started_at_us) / 1e6
        wrong = "" if took_s < 0.9 * long_s else f"the task ran to its end, {said(answer.outcome)}"
        return judged("cancel", wrong, f"stopped, {said(answer.outcome)}", "an end soon after CancelAttempts")
    if stage.recording.signs(stage.sequences[probe.key], Sign.ACK):
        return kept("cancel", "stopped, and acknowledged")
    return missed("cancel", "no outcome", "an end soon after CancelAttempts")


def _code(stage: Stage, probe: Probe) -> Finding:
    answer = stage.answer(probe)
    wrong = (
        ""
        if answer is not None
        else f"no outcome of the task on the subject of the code {probe.message.code}"
    )
    return judged("code", wrong, "it serves what Wanted names", "an outcome of a task on such a subject")
