"""Why a run is where it is: in plain words, and as data."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from headrace_coordinator.engine.state import Node, NodeState, RunHead, RunState
from headrace_coordinator.queries.live import LiveFacts
from headrace_coordinator.queries.moving import Advice, Reason, moving
from headrace_coordinator.store.port import StoredRun
from headrace_protocol.definition import WorkflowDefinition, upstream
from headrace_protocol.errors import ERROR_TABLE, ErrorCode, ErrorInfo

Told = tuple[str, list[Reason], Advice]
"""Summary, reasons, advice."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is not finished, or how it ended."""

    run_id: str
    workflow: str
    state: RunState
    finished: bool
    summary: str
    reasons: tuple[Reason, ...]
    advice: tuple[str, ...]
    """What to do next."""
    error: ErrorInfo | None
    at_us: int


def explain(stored: StoredRun, definition: WorkflowDefinition, facts: LiveFacts, now_us: int) -> Explanation:
    """Explain a run. `facts` are what the coordinator knows of workers now."""
    head = stored.head
    summary, reasons, advice = _told(stored, definition, facts, now_us)
    return Explanation(
        run_id=head.run_id,
        workflow=head.workflow,
        state=head.state,
        finished=head.state is not RunState.RUNNING,
        summary=summary,
        reasons=tuple(reasons),
        advice=tuple(dict.fromkeys(advice)),
        error=head.error,
        at_us=now_us,
    )


def _told(stored: StoredRun, definition: WorkflowDefinition, facts: LiveFacts, now_us: int) -> Told:
    head = stored.head
    match head.state:
        case RunState.RUNNING:
            return _running(stored, definition, facts, now_us)
        case RunState.FAILED:
            return _failed(stored, definition)
        case RunState.CANCELLED:
            why = "" if head.error is None else f": {head.error.message}"
            return f"The run was cancelled{why}.", [], []
        case RunState.SUCCEEDED:
            return f"The run succeeded: {head.nodes_total} nodes in {_took(head, now_us)}.", [], []


def _running(stored: StoredRun, definition: WorkflowDefinition, facts: LiveFacts, now_us: int) -> Told:
    head = stored.head
    reasons: list[Reason] = []
    advice: Advice = []
    for planned in definition.nodes:
        node = stored.nodes.get(planned.id)
        if node is not None:
            reasons += moving(planned, node, facts, now_us, advice)
    under_way = len({reason.node for reason in reasons})
    reasons += _waiting(stored, definition)
    if head.deadline_us is not None:
        reasons.append(_deadline(head, head.deadline_us, now_us))
    if not under_way:
        advice.append("Report it as a bug: an unfinished run always has something in progress.")
    succeeded = sum(node.state is NodeState.SUCCEEDED for node in stored.nodes.values())
    summary = (
        f"The run is not finished: {succeeded} of {head.nodes_total} nodes have succeeded, "
        f"{under_way} {'is' if under_way == 1 else 'are'} in progress."
    )
    failed = [name for name, node in stored.nodes.items() if node.state is NodeState.FAILED]
    if failed:
        summary += f" It will fail, because {', '.join(failed)} failed."
    return summary, reasons, advice


def _took(head: RunHead, now_us: int) -> str:
    """How long the run took, without the times in which it was over and waited to be retried."""
    took_s = max(0, (head.finished_at_us or now_us) - head.created_at_us - head.idle_us) / 1e6
    return f"{took_s:.3g} s" + (f", in {head.retries + 1} goes" if head.retries else "")


def _waiting(stored: StoredRun, definition: WorkflowDefinition) -> list[Reason]:
    reasons = []
    for planned in definition.nodes:
        if (stored.nodes.get(planned.id) or Node()).state is not NodeState.WAITING:
            continue
        missing = [
            source
            for source in upstream(planned)
            if (stored.nodes.get(source) or Node()).state is not NodeState.SUCCEEDED
        ]
        text = f"node {planned.id} waits for {', '.join(missing)}"
        reasons.append(Reason(kind="upstream", node=planned.id, text=text, waits_for=tuple(missing)))
    return reasons


def _deadline(head: RunHead, due_us: int, now_us: int) -> Reason:
    left_s = (due_us - now_us) / 1e6
    text = f"the run's deadline is at {_clock(due_us)}, in {left_s:.0f} s"
    return Reason(kind="deadline", node="", text=text, wake_at_us=due_us, since_us=head.created_at_us)


def _failed(stored: StoredRun, definition: WorkflowDefinition) -> Told:
    head = stored.head
    failed = [(name, node) for name, node in stored.nodes.items() if node.state is NodeState.FAILED]
    failed.sort(key=lambda pair: (pair[1].finished_at_us, pair[0]))
    reasons = [_failure(name, node) for name, node in failed]
    unreached = [
        planned.id
        for planned in definition.nodes
        if (node := stored.nodes.get(planned.id)) is not None and node.state is NodeState.UPSTREAM_FAILED
    ]
    reasons += [
        Reason(kind="upstream_failed", node=name, text=f"node {name} never ran: a node before it failed")
        for name in unreached
    ]
    error = head.error
    if error is None:
        return "The run failed.", reasons, []
    place = f"node {failed[0][0]}: " if failed else ""
    where = f" ({error.where})" if error.where and error.where not in place else ""
    summary = f"The run failed. First error: {place}{error.message}{where}"
    advice = [error.fix or _remedy(error.code)]
    if failed:
        advice.append(f"Read its logs: headrace runs logs {head.run_id} --node {failed[0][0]}")
    return summary, reasons, [line for line in advice if line]


def _failure(name: str, node: Node) -> Reason:
    message = node.error.message if node.error is not None else "no error was recorded"
    done = "" if node.map is None else f" with {node.map.done} of {node.map.total} items done"
    attempt = (
        f", attempt {node.attempt}" if node.attempt else ""
    )  # a map's items have attempts, the map has none
    text = f"node {name} failed at {_clock(node.finished_at_us)}{attempt}{done}: {message}"
    return Reason(kind="failed", node=name, attempt=node.attempt, text=text, error=node.error)


def _remedy(code: str) -> str:
    try:
        return ERROR_TABLE[ErrorCode(code)].remedy
    except ValueError:
        return ""


def _clock(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%H:%M:%S UTC")
