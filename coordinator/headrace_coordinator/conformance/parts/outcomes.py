"""Rules about what outcomes say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_coordinator.conformance.probes import FAILURE, LARGE, Probe, value_of
from headrace_coordinator.conformance.recording import Answer
from headrace_coordinator.conformance.rules import Finding, judged, missed
from headrace_coordinator.conformance.stage import Stage
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import Outcome, OutcomeState, ReturnReason
from headrace_protocol.topology import CLAIM_CHECK_BYTES

if TYPE_CHECKING:
    from headrace_coordinator.conformance.parts.answers import Script

SHOWN = 120
RULES = (
    "outcome-readable",
    "outcome-names",
    "outcome-shard",
    "failure",
    "input-invalid",
    "large-result",
    "unknown-task",
    "unknown-fields",
    "bindings",
    "counts",
    "item",
    "integers",
    "tagged",
)


def judge(stage: Stage, script: Script) -> list[Finding]:
    return [
        _readable(stage),
        _names(stage, script),
        _shard(stage, script),
        _failure(stage, script.fails),
        _input_invalid(stage, script),
        _large(stage, script.large),
        _unknown_task(stage, script.unknown),
        *(_echoed(stage, name, one) for name, one in _echoes(script).items()),
        _counts(stage, script.bindings),
    ]


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def said(outcome: Outcome | None) -> str:
    """An outcome in a few words."""
    if outcome is None:
        return "no outcome"
    match outcome.state:
        case OutcomeState.SUCCEEDED:
            return f"succeeded with {shown(value_of(outcome))}"
        case OutcomeState.FAILED:
            error = outcome.error
            return f"failed with {error.code}: {shown(error.message)}" if error else "failed without an error"
        case OutcomeState.RETURNED:
            return f"returned, reason {outcome.reason or 'missing'}, dispatch {outcome.dispatch}"


def _outcome(stage: Stage, probe: Probe) -> Outcome | None:
    answer = stage.answer(probe)
    return None if answer is None else answer.outcome


def _all(stage: Stage) -> list[Answer]:
    return [answer for answers in stage.recording.answers.values() for answer in answers]


def _readable(stage: Stage) -> Finding:
    malformed = stage.recording.malformed
    wrong = f"{len(malformed)} cannot be read; the first: {malformed[0]}" if malformed else ""
    count = len(_all(stage))
    if not count and not wrong:
        wrong = f"no outcome on {stage.subjects.root}.in.<shard>.outcome.<queue>"
    return judged("outcome-readable", wrong, f"{count} outcomes", "messages that fit OutcomeBatch")


def _names(stage: Stage, script: Script) -> Finding:
    known = {one.key for one in script}
    strange = sorted(set(stage.recording.answers) - known)
    asked = f"such as {script.later.key}"
    missing = [one.key for one in script.required if stage.answer(one) is None]
    wrong = ""
    if strange:
        wrong = f"outcomes name {', '.join(strange[:3])}, which no task message does"
    elif missing:
        wrong = f"no outcome names {', '.join(missing[:3])}" + (" and more" if len(missing) > 3 else "")
    return judged(
        "outcome-names", wrong, "each is of a task message", f"the names of the task message, {asked}"
    )


def _shard(stage: Stage, script: Script) -> Finding:
    for one in script:
        subject = stage.subjects.input(one.message.shard, "outcome", one.message.queue)
        for answer in stage.recording.answers.get(one.key, ()):
            if answer.subject != subject:
                return missed("outcome-shard", f"an outcome on {answer.subject}", subject)
    return judged("outcome-shard", "", "each is on its shard's subject", "")


def _failure(stage: Stage, probe: Probe) -> Finding:
    outcome = _outcome(stage, probe)
    error = None if outcome is None else outcome.error
    good = outcome is not None and outcome.state is OutcomeState.FAILED and error is not None and error.code
    expected = f"state failed, with an error that has a code (task.failed) and a message ({FAILURE!r})"
    return judged("failure", "" if good else said(outcome), said(outcome), expected)


def _input_invalid(stage: Stage, script: Script) -> Finding:
    wanted = {
        "a parameter that the task does not have": script.misfit,
        "a path that leads nowhere": script.absent,
    }
    for what, probe in wanted.items():
        outcome = _outcome(stage, probe)
        code = outcome.error.code if outcome is not None and outcome.error is not None else ""
        if code != ErrorCode.TASK_INPUT_INVALID:
            return missed(
                "input-invalid", f"{what}: {said(outcome)}", "state failed, code task.input_invalid"
            )
    return judged("input-invalid", "", "task.input_invalid", "")


def _large(stage: Stage, probe: Probe) -> Finding:
    outcome = _outcome(stage, probe)
    result = None if outcome is None else outcome.result
    expected = "the result stored (uri, size_bytes, digest), or state failed with task.result_invalid"
    if result is not None and result.stored is not None:
        return judged("large-result", "", f"stored at {result.stored.uri}", expected)
    if (
        outcome is not None
        and outcome.error is not None
        and outcome.error.code == ErrorCode.TASK_RESULT_INVALID
    ):
        return judged("large-result", "", "task.result_invalid", expected)
    inline = result is not None and len(bytes(result.value)) > CLAIM_CHECK_BYTES
    wrong = f"{len(LARGE):,} bytes inside the message" if inline else said(outcome)
    return judged("large-result", wrong, "", expected)


def _unknown_task(stage: Stage, probe: Probe) -> Finding:
    outcome = _outcome(stage, probe)
    good = (
        outcome is not None
        and outcome.state is OutcomeState.RETURNED
        and outcome.reason is ReturnReason.UNKNOWN_TASK
        and outcome.dispatch == probe.message.dispatch
    )
    expected = f"returned, reason unknown_task, dispatch {probe.message.dispatch}"
    return judged("unknown-task", "" if good else said(outcome), said(outcome), expected)


def _echoes(script: Script) -> dict[str, Probe]:
    return {
        "unknown-fields": script.extra,
        "bindings": script.bindings,
        "item": script.item,
        "integers": script.integers,
        "tagged": script.tagged,
    }


def _echoed(stage: Stage, name: str, probe: Probe) -> Finding:
    outcome = _outcome(stage, probe)
    good = outcome is not None and probe.shows(outcome)
    expected = f"succeeded with {shown(probe.value)}"
    return judged(name, "" if good else said(outcome), "succeeded with the value expected", expected)


def _counts(stage: Stage, probe: Probe) -> Finding:
    outcome = _outcome(stage, probe)
    found = () if outcome is None else outcome.counts
    wrong = "" if found == (2, -1, 2) else f"counts {list(found)}"
    return judged("counts", wrong, "counts [2, -1, 2]", "counts [2, -1, 2]: -1 where there is no list")
