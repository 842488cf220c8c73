"""One transition in the making: the run, its plan, the time, and what has been decided so far."""

from __future__ import annotations

import msgspec

from headrace_coordinator.engine.effects import Decision, DropTimer, Effect, StartTimer, TimerKey
from headrace_coordinator.engine.plan import Plan, PlanNode
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.standing import line_of_one, rebook
from headrace_coordinator.engine.state import (
    NODE_ACTIVE,
    NODE_FINISHED,
    UNCOUNTED,
    Node,
    NodeState,
    Run,
    RunHead,
)
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LifecycleEvent

COUNTED = frozenset({NodeState.SUCCEEDED, NodeState.FAILED})


class Transition(msgspec.Struct, gc=False):
    """What the functions of `transitions` work on."""

    plan: Plan
    run: Run
    now_us: int
    decision: Decision
    line: ReadyLine

    def node(self, name: str) -> Node:
        return self.run.nodes[name]

    def planned(self, name: str) -> PlanNode:
        return self.plan.nodes[name]

    def effect(self, effect: Effect) -> None:
        self.decision.effects.append(effect)

    def touch(self, name: str) -> Node:
        """The node, marked to be stored."""
        self.decision.touched[name] = None
        self.decision.head = True
        return self.run.nodes[name]

    def move(self, name: str, state: NodeState) -> Node:
        """Bring a node into a state and keep the derived counters right."""
        node = self.touch(name)
        run = self.run
        before = node.state
        if (before in NODE_FINISHED) is not (state in NODE_FINISHED):
            change = 1 if state in NODE_FINISHED else -1
            run.open -= change
            run.head.nodes_done += change
        if state in COUNTED or before in COUNTED:
            _count(run.head, before, -1)
            _count(run.head, state, 1)
        if state not in NODE_FINISHED:
            node.finished_at_us = 0
        if state is not NodeState.RETRYING:
            node.retry_at_us = None
        if state in NODE_ACTIVE:
            if state is NodeState.READY:
                run.active.pop(name, None)  # it stands at the end, behind what is ready already
            if name not in run.active:
                run.head.motions += 1
                node.motion = run.head.motions
            run.active[name] = None
        else:
            run.active.pop(name, None)
        node.state = state
        if before is not NodeState.WAITING and before is not state:
            self._left(name, before)
        return node

    def _left(self, name: str, before: NodeState) -> None:
        """What a node holds no more, the next one may have."""
        if before is NodeState.DISPATCHED:
            self.line.ended(self.plan.nodes[name].place)
        elif before is NodeState.READY:
            line_of_one(self.plan, self.run, self.line, name, waits=False)
        elif before is NodeState.MAPPING:
            self.rebook(name)

    def rebook(self, name: str) -> None:
        """Tell the ready line how a map stands now."""
        rebook(self.plan, self.run, self.line, name)

    def start_timer(self, kind: str, due_us: int, node: str = "", item: int | None = None) -> None:
        self.effect(StartTimer(TimerKey(self.run.head.run_id, kind, node, item), due_us))

    def drop_timer(self, kind: str, node: str = "", item: int | None = None) -> None:
        self.effect(DropTimer(TimerKey(self.run.head.run_id, kind, node, item)))

    def tell(
        self,
        kind: str,
        node: str = "",
        item: int | None = None,
        attempt: int = 0,
        error: ErrorInfo | None = None,
        **data: object,
    ) -> None:
        """Add to the run's history."""
        self.decision.events.append(
            LifecycleEvent(
                kind=kind, at_us=self.now_us, node=node, item=item, attempt=attempt, error=error, data=data
            )
        )


def _count(head: RunHead, state: NodeState, change: int) -> None:
    """Keep how many nodes have succeeded and failed, for a run that was counted from its beginning."""
    if head.nodes_succeeded == UNCOUNTED:
        return
    if state is NodeState.SUCCEEDED:
        head.nodes_succeeded += change
    elif state is NodeState.FAILED:
        head.nodes_failed += change
