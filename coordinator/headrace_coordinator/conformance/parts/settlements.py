"""Rules about what a worker says of the messages that it holds, and when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from headrace_coordinator.conformance.parts.outcomes import said
from headrace_coordinator.conformance.probes import Probe
from headrace_coordinator.conformance.recording import Answer, Settlement, Sign
from headrace_coordinator.conformance.rules import Finding, judged, missed
from headrace_coordinator.conformance.stage import Stage

if TYPE_CHECKING:
    from headrace_coordinator.conformance.parts.answers import Script

RULES = (
    "pull",
    "runs-on",
    "newer-version",
    "signs-of-life",
    "outcome-confirmed",
    "outcome-before-ack",
    "settled",
    "no-nak",
)


def judge(stage: Stage, script: Script, long_s: float) -> list[Finding]:
    return [
        _pull(stage),
        _runs_on(stage),
        _newer_version(stage, script.newer),
        _signs_of_life(stage, script.long, long_s),
        _confirmed(stage, script),
        _before_ack(stage, script),
        _settled(stage, script),
        _no_nak(stage, script),
    ]


def is_settled(stage: Stage, probe: Probe) -> bool:
    return bool(_signs(stage, probe, Sign.ACK, Sign.TERM, Sign.NAK))


def _signs(stage: Stage, probe: Probe, *kinds: Sign) -> list[Settlement]:
    return stage.recording.signs(stage.sequences[probe.key], *kinds)


def _pull(stage: Stage) -> Finding:
    durable = stage.consumer().durable
    asked = sorted(stage.recording.asked)
    wrong = "" if durable in stage.recording.asked else f"it asked {', '.join(asked) or 'no consumer'}"
    return judged("pull", wrong, f"it asked {', '.join(asked)}", f"requests to the consumer {durable}")


def _runs_on(stage: Stage) -> Finding:
    worker = stage.worker
    wrong = worker.how_it_ended() if worker.ended else ""
    return judged("runs-on", wrong, "it runs", "a worker that ends on SIGTERM only")


def _newer_version(stage: Stage, probe: Probe) -> Finding:
    expected = '-NAK with a delay in its body, such as -NAK {"delay": 5000000000}, and no outcome'
    answer = stage.answer(probe)
    signs = _signs(stage, probe, Sign.NAK, Sign.ACK, Sign.TERM)
    if answer is not None:
        return missed("newer-version", said(answer.outcome), expected)
    if not signs:
        return missed("newer-version", "nothing was said of the message", expected)
    first = signs[0]
    if first.sign is Sign.TERM and stage.recording.rejected:
        return judged("newer-version", "", "it became a dead letter (Rejected, +TERM)", expected)
    good = first.sign is Sign.NAK and b"delay" in first.body
    body = first.body.decode("utf-8", "replace") or "+ACK"
    return judged("newer-version", "" if good else body, body, expected)


def _signs_of_life(stage: Stage, probe: Probe, long_s: float) -> Finding:
    ack_wait_s = stage.trial.ack_wait_s
    expected = f"one delivery of a task of {long_s:g} s, with +WPI at least every {ack_wait_s / 3:.2g} s"
    answers = stage.recording.answers.get(probe.key, [])
    signs = _signs(stage, probe)
    deliveries = max((one.delivery for one in signs), default=1)
    if deliveries > 1 or len(answers) > 1:
        times = max(deliveries, len(answers))
        return missed("signs-of-life", f"the message was delivered {times} times", expected)
    if not answers:
        return missed("signs-of-life", "no outcome", expected)
    began_us, ended_us = answers[0].outcome.started_at_us, answers[0].at_us
    heard = [began_us, *(one.at_us for one in signs if began_us < one.at_us < ended_us), ended_us]
    gap_s = max(after - before for before, after in pairwise(heard)) / 1e6
    wrong = f"nothing was said of the message for {gap_s:.2f} s" if gap_s >= ack_wait_s else ""
    return judged("signs-of-life", wrong, f"ran once; at most {gap_s:.2f} s without a sign", expected)


def _confirmed(stage: Stage, script: Script) -> Finding:
    expected = (
        "no +ACK before JetStream has taken the outcome; here it cannot, because the shard does not exist"
    )
    probe = script.unconfirmed
    if stage.answer(probe) is None:
        return missed("outcome-confirmed", f"no outcome of {probe.key}", expected)
    if any(not answer.wants_reply for answer in stage.recording.answers[probe.key]):
        return missed("outcome-confirmed", "the outcome was published without a reply subject", expected)
    signs = _signs(stage, probe, Sign.ACK, Sign.TERM)
    wrong = f"{signs[0].sign.value.decode()} for an outcome that no stream has taken" if signs else ""
    return judged("outcome-confirmed", wrong, "without JetStream's answer there is no +ACK", expected)


def _before_ack(stage: Stage, script: Script) -> Finding:
    expected = "the outcome, JetStream's answer to it, then +ACK"
    for one in (*script.required, script.long):
        # By the run, which is no other probe's: whether an outcome has the right names is another rule's business.
        answer = next(_all_of_run(stage, one), None)
        for ack in _signs(stage, one, Sign.ACK):
            if answer is None or ack.order < answer.order:
                when = "with no outcome" if answer is None else "before the outcome"
                return missed("outcome-before-ack", f"+ACK for {one.key} {when}", expected)
    return judged("outcome-before-ack", "", "outcomes come first", "")


def _all_of_run(stage: Stage, probe: Probe) -> Iterator[Answer]:
    for answers in stage.recording.answers.values():
        yield from (answer for answer in answers if answer.outcome.run_id == probe.message.run_id)


def _settled(stage: Stage, script: Script) -> Finding:
    probes = (*script.required, script.long, script.cancelled)
    left = [one.key for one in probes if stage.answer(one) is not None and not is_settled(stage, one)]
    wrong = f"nothing settles {', '.join(left[:3])}" if left else ""
    return judged("settled", wrong, "every message is settled", "+ACK after the outcome")


def _no_nak(stage: Stage, script: Script) -> Finding:
    for one in (*script.required, script.long, script.cancelled):
        signs = _signs(stage, one, Sign.NAK, Sign.TERM)
        if signs:
            body = signs[0].body.decode("utf-8", "replace")
            expected = "an outcome and +ACK: failures are outcomes, what cannot be done is returned"
            return missed("no-nak", f"{body} for {one.key}", expected)
    return judged("no-nak", "", "no -NAK", "")
