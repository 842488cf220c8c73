"""What a node in motion waits for: a worker, a slot, an outcome, a retry's time, the coordinator."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from headrace_coordinator.engine.plan import Place, place_of
from headrace_coordinator.engine.state import ItemState, MapState, Node, NodeState
from headrace_coordinator.queries.live import LiveFacts
from headrace_protocol.definition import NodeDefinition
from headrace_protocol.errors import ErrorInfo

ITEMS_NAMED = 5
"""Items of a map that are explained one by one."""
Advice = list[str]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a run waits for, or one node that failed."""

    kind: str
    """`running`, `lost`, `no_worker`, `no_task`, `no_slot`, `queued`, `line`, `retry`, `map`, `parked`, `collect`,
    `upstream`, `deadline`, `failed` or `upstream_failed`."""
    node: str
    text: str
    item: int | None = None
    attempt: int = 0
    queue: str = ""
    worker: str = ""
    since_us: int | None = None
    wake_at_us: int | None = None
    waits_for: tuple[str, ...] = ()
    done: int | None = None
    total: int | None = None
    error: ErrorInfo | None = None


def moving(
    planned: NodeDefinition, node: Node, facts: LiveFacts, now_us: int, advice: Advice
) -> list[Reason]:
    """Why a node in motion is not finished; nothing for any other node."""
    match node.state:
        case NodeState.READY:
            return [_in_line(planned, None, node.attempt, facts)]
        case NodeState.DISPATCHED:
            return [_dispatched(planned, node, None, node.attempt, facts, now_us, advice)]
        case NodeState.RETRYING:
            return [_retrying(planned, None, node.attempt, node.retry_at_us, node.error, now_us)]
        case NodeState.MAPPING if node.map is not None:
            return _mapping(planned, node, node.map, facts, now_us, advice)
        case NodeState.COLLECTING:
            total = 0 if node.map is None else node.map.total
            text = f"node {planned.id}: the coordinator puts the results of {total} items together"
            return [Reason(kind="collect", node=planned.id, text=text, done=total, total=total)]
        case _:
            return []


def _mapping(
    planned: NodeDefinition, node: Node, progress: MapState, facts: LiveFacts, now_us: int, advice: Advice
) -> list[Reason]:
    name = planned.id
    held = {attempt.item for _, attempt in facts.held if attempt.node == name}
    text = f"node {name}: {progress.done} of {progress.total} items are done, {len(progress.items)} in motion"
    text += f", {len(held)} of them on workers"
    left = progress.total - progress.next_index
    if left and facts.ahead.get(_place(planned)) is not None:
        text += f"; {left} wait in the line of queue {planned.options.queue}, {_before(planned, facts)}"
    reasons = [Reason(kind="map", node=name, text=text, done=progress.done, total=progress.total)]
    # Those that nobody works on say more than those that run.
    order = sorted(progress.items.items(), key=lambda pair: (pair[0] in held, pair[0]))
    reasons += [
        _item(planned, node, index, item, facts, now_us, advice) for index, item in order[:ITEMS_NAMED]
    ]
    return reasons


def _item(
    planned: NodeDefinition,
    node: Node,
    index: int,
    item: ItemState,
    facts: LiveFacts,
    now_us: int,
    advice: Advice,
) -> Reason:
    if item.parked:
        text = f"node {planned.id} item {index} waits until a lost input has been made again"
        return Reason(kind="parked", node=planned.id, item=index, attempt=item.attempt, text=text)
    if item.retry_at_us is not None:
        return _retrying(planned, index, item.attempt, item.retry_at_us, None, now_us)
    if item.ready:
        return _in_line(planned, index, item.attempt, facts)
    return _dispatched(planned, node, index, item.attempt, facts, now_us, advice)


def _in_line(planned: NodeDefinition, item: int | None, attempt: int, facts: LiveFacts) -> Reason:
    queue = planned.options.queue
    what = _name(planned.id, item, attempt)
    return Reason(
        kind="line",
        node=planned.id,
        item=item,
        attempt=attempt,
        queue=queue,
        text=f"{what} waits in the line of queue {queue}, {_before(planned, facts)}: its workers have enough to do",
    )


def _before(planned: NodeDefinition, facts: LiveFacts) -> str:
    count = facts.ahead.get(_place(planned), 0)
    if not count:
        return "next to go out"
    return "1 task of another run before it" if count == 1 else f"{count:,} tasks of other runs before it"


def _place(planned: NodeDefinition) -> Place:
    return place_of(planned.options.queue, planned.options.priority)


def _dispatched(
    planned: NodeDefinition,
    node: Node,
    item: int | None,
    attempt: int,
    facts: LiveFacts,
    now_us: int,
    advice: Advice,
) -> Reason:
    what = _name(planned.id, item, attempt)
    holder = facts.holder(planned.id, item, attempt)
    if holder is not None:
        worker, held = holder
        text = f"{what} runs on worker {worker} since {_ago(held.started_at_us, now_us)}"
        return Reason(
            kind="running",
            node=planned.id,
            item=item,
            attempt=attempt,
            queue=planned.options.queue,
            worker=worker,
            since_us=held.started_at_us,
            text=text,
        )
    silent = facts.silent_holder(planned.id, item, attempt)
    if silent is not None:
        text = f"{what} was on worker {silent.worker}, not heard of for {_ago(silent.seen_at_us, now_us)}"
        return Reason(
            kind="lost",
            node=planned.id,
            item=item,
            attempt=attempt,
            queue=planned.options.queue,
            worker=silent.worker,
            since_us=silent.seen_at_us,
            text=f"{text}: the task is delivered again when its lease ends",
        )
    kind, why = why_queued(planned, facts, advice, returned=bool(node.code))
    return Reason(
        kind=kind,
        node=planned.id,
        item=item,
        attempt=attempt,
        queue=planned.options.queue,
        since_us=node.queued_at_us or None,
        text=f"{what} waits for a worker on queue {planned.options.queue}: {why}",
    )


def why_queued(
    planned: NodeDefinition, facts: LiveFacts, advice: Advice, *, returned: bool
) -> tuple[str, str]:
    """Why a dispatched task is on no worker: a kind of reason, and the reason in words. Once a worker without the task
    has `returned` it, only workers that name it get it."""
    queue = planned.options.queue
    serving = facts.serving(queue)
    if not serving:
        advice.append(f"Start a worker for queue {queue}: headrace worker MODULE --queues {queue}")
        return "no_worker", f"no live worker serves {queue}"
    # A worker that names no tasks does not say what it has.
    able = [worker for worker in serving if planned.task in worker.tasks or not (worker.tasks or returned)]
    if not able:
        advice.append(
            f"Start a worker for queue {queue} with the module that defines the task {planned.task}, or restart"
            f" those that run an older version of it: headrace workers lists who is there."
        )
        serve = "1 worker serves" if len(serving) == 1 else f"{len(serving)} workers serve"
        return (
            "no_task",
            f"no live worker has task {planned.task} ({serve} the queue with older or other code)",
        )
    if trouble := facts.troubles.get(queue):
        advice.append(
            "See what NATS says: nats consumer report, nats consumer resume, nats server report jetstream"
        )
        return "no_delivery", trouble
    slots, busy = sum(worker.slots for worker in able), sum(worker.busy for worker in able)
    ahead = facts.pending.get(queue)
    queued = "" if ahead is None else f", {ahead} tasks are queued"
    if busy >= slots:
        advice.append(f"Start more workers for queue {queue}, or give them more slots.")
        return "no_slot", f"all {slots} slots of {len(able)} workers are busy{queued}"
    return "queued", f"{len(able)} workers with {slots - busy} free slots{queued}"


def _retrying(
    planned: NodeDefinition,
    item: int | None,
    attempt: int,
    retry_at_us: int | None,
    error: ErrorInfo | None,
    now_us: int,
) -> Reason:
    due_us = retry_at_us or now_us
    clock = datetime.fromtimestamp(due_us / 1e6, UTC).strftime("%H:%M:%S UTC")
    after = "" if error is None else f", after error: {error.message}"
    left_s = max(0.0, (due_us - now_us) / 1e6)
    what = _name(planned.id, item, attempt)
    return Reason(
        kind="retry",
        node=planned.id,
        item=item,
        attempt=attempt,
        wake_at_us=retry_at_us,
        error=error,
        text=f"{what} failed and is tried again at {clock}, in {left_s:.0f} s{after}",
    )


def _name(node: str, item: int | None, attempt: int) -> str:
    return f"node {node} attempt {attempt}" if item is None else f"node {node} item {item} attempt {attempt}"


def _ago(since_us: int, now_us: int) -> str:
    return f"{max(0, now_us - since_us) / 1e6:.0f} s"
