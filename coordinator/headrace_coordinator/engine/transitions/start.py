"""A run is accepted: nodes without dependencies start."""

from __future__ import annotations

from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.retry import whole_us
from headrace_coordinator.engine.standing import derive
from headrace_coordinator.engine.state import (
    NODE_ACTIVE,
    NODE_FINISHED,
    Node,
    NodeState,
    Run,
    RunHead,
    RunState,
)
from headrace_coordinator.engine.transition import Transition
from headrace_coordinator.engine.transitions.unlock import ready
from headrace_protocol.headers import TraceContext
from headrace_protocol.ids import derived_span_id, derived_trace_id
from headrace_protocol.messages import StartRun

NO_PARENT = "0" * 16
"""A trace context with this span id carries a sampling decision and no parent."""


def new_run(plan: Plan, command: StartRun, shard: int, now_us: int) -> Run:
    """The run as it is before its first transition."""
    caller = command.trace
    run_id = command.run_id
    triggered = command.trigger not in ("", "manual")
    deadline_s = plan.definition.deadline_s
    publisher = "" if caller is None or caller.span_id == NO_PARENT else caller.span_id
    head = RunHead(
        run_id=run_id,
        workflow=plan.definition.name,
        version=plan.version,
        shard=shard,
        params=command.params,
        trigger=command.trigger or "manual",
        event_id=command.event_id,
        event_source=command.event_source,
        scheduled_at_us=command.scheduled_at_us,
        labels=command.labels,
        trace=TraceContext(
            trace_id=derived_trace_id(run_id) if caller is None else caller.trace_id,
            span_id=derived_span_id(run_id),
            sampled=caller is None or caller.sampled,
            state="" if caller is None else caller.state,
        ),
        parent_span_id=derived_span_id(f"{run_id}/trigger") if triggered else "",
        publisher_span_id=publisher,
        received_at_us=command.received_at_us or now_us,
        created_at_us=now_us,
        deadline_us=None if deadline_s is None else now_us + whole_us(deadline_s),
        nodes_total=len(plan.nodes),
        interval=command.interval,
        nodes_succeeded=0,
        nodes_failed=0,
    )
    return Run(
        head=head,
        nodes={name: Node() for name in plan.nodes},
        remaining=plan.dependencies.copy(),
        active={},
        open=len(plan.nodes),
    )


def restore(plan: Plan, head: RunHead, stored: dict[str, Node]) -> Run:
    """A run from what is stored of it: nodes without a row wait, counters are counted."""
    nodes = {name: stored.get(name) or Node() for name in plan.nodes}
    run = _restored(plan, head, nodes)
    derive(plan, run)
    return run


def _restored(plan: Plan, head: RunHead, nodes: dict[str, Node]) -> Run:
    moving = [name for name, node in nodes.items() if node.state in NODE_ACTIVE]
    return Run(
        head=head,
        nodes=nodes,
        remaining={
            name: sum(nodes[source].state is not NodeState.SUCCEEDED for source in planned.upstream)
            for name, planned in plan.nodes.items()
        },
        active=dict.fromkeys(sorted(moving, key=lambda name: nodes[name].motion)),
        open=sum(node.state not in NODE_FINISHED for node in nodes.values()),
    )


def start(t: Transition) -> None:
    """Dispatch what depends on nothing. A run that has started is not started again."""
    head = t.run.head
    if head.state is not RunState.RUNNING or t.run.active:
        return
    t.decision.head = True
    t.tell("run.created", trigger=head.trigger, event_id=head.event_id, received_at_us=head.received_at_us)
    if head.deadline_us is not None:
        t.start_timer("deadline", head.deadline_us)
    ready(t, [name for name, planned in t.plan.nodes.items() if not planned.upstream])
