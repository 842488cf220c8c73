"""A run of three nodes, at any point of its life, made by the engine itself."""

from __future__ import annotations

from headrace_coordinator.engine.decide import decide
from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.inputs import Collected, OutcomeReceived, RunInput, TimerFired
from headrace_coordinator.engine.plan import compile_plan
from headrace_coordinator.engine.ready_line import OpenLine, ReadyLine
from headrace_coordinator.engine.state import NodeState
from headrace_coordinator.engine.transitions.start import new_run
from headrace_coordinator.queries.runs import FullRun
from headrace_coordinator.store.port import StoredRun
from headrace_protocol.codec import raw
from headrace_protocol.definition import (
    Item,
    MapOver,
    NodeDefinition,
    Output,
    RetryPolicy,
    TaskDefinition,
    TaskOptions,
    WorkflowDefinition,
)
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.headers import TraceContext
from headrace_protocol.messages import (
    LifecycleBatch,
    Outcome,
    OutcomeState,
    Result,
    ReturnReason,
    StartRun,
)

TRACE = TraceContext(trace_id="ab" * 16, span_id="cd" * 8)
EAGER = TaskOptions(queue="data", retry=RetryPolicy(max_attempts=2, backoff_s=10.0, jitter=False))
DEFINITION = WorkflowDefinition(
    name="flights",
    tasks={
        "load": TaskDefinition(name="load"),
        "carrier": TaskDefinition(name="carrier", params={"name": {}}),
        "report": TaskDefinition(name="report", params={"parts": {}}),
    },
    nodes=(
        NodeDefinition(id="load", task="load", options=EAGER),
        NodeDefinition(
            id="carriers",
            task="carrier",
            bindings={"name": Item()},
            map=MapOver(over=Output("load"), window=2),
        ),
        NodeDefinition(id="report", task="report", bindings={"parts": Output("carriers")}),
    ),
    deadline_s=3600.0,
)


class Story:
    """A run and everything that has happened to it. Each step takes a second."""

    def __init__(
        self, run_id: str = "r1", trigger: str = "event:landed", line: ReadyLine | None = None
    ) -> None:
        self.line = line or OpenLine()
        self.plan = compile_plan(DEFINITION, "v1")
        self.now_us = 1_000_000_000
        command = StartRun(
            run_id=run_id,
            workflow="flights",
            params=raw({}),
            trigger=trigger,
            event_id="e1",
            event_source="/airport",
            trace=TRACE,
            received_at_us=self.now_us - 500_000,
        )
        self.run = new_run(self.plan, command, 0, self.now_us)
        self.batches: list[LifecycleBatch] = []
        self.attempts: list[AttemptRecord] = []
        self.tell(command)

    def tell(self, received: RunInput) -> None:
        decision = decide(self.plan, self.run, received, self.now_us, self.line)
        head = self.run.head
        position = len(self.batches) + 1
        self.batches.append(
            LifecycleBatch(
                position=position, run_id=head.run_id, workflow=head.workflow, events=tuple(decision.events)
            )
        )
        self.attempts += decision.attempts
        self.now_us += 1_000_000

    def succeed(
        self, node: str, value: object = 0, item: int | None = None, *, counts: tuple[int, ...] = ()
    ) -> None:
        self._outcome(node, item, OutcomeState.SUCCEEDED, Result(value=raw(value)), None, counts)

    def fail(self, node: str, message: str, item: int | None = None) -> None:
        error = ErrorInfo(code="task.failed", message=message, kind="ValueError")
        self._outcome(node, item, OutcomeState.FAILED, None, error, ())

    def give_back(self, node: str, reason: ReturnReason) -> None:
        """Its worker returns an attempt of a plain node."""
        here = self.run.nodes[node]
        outcome = Outcome(
            run_id=self.run.head.run_id,
            node=node,
            attempt=here.attempt,
            state=OutcomeState.RETURNED,
            started_at_us=0,
            finished_at_us=self.now_us,
            worker="w1",
            reason=reason,
            dispatch=here.dispatch,
        )
        self.tell(OutcomeReceived(outcome))

    def wait(self, due_us: int) -> None:
        self.now_us = max(self.now_us, due_us)

    def retry(self, timer: TimerFired) -> None:
        self.wait(timer.due_us)
        self.tell(timer)

    def collect(self, values: list[object]) -> None:
        result = Result(value=raw(values))
        self.tell(Collected(self.run.head.run_id, "carriers", result))

    def to_the_end(self) -> None:
        self.succeed("load", ["AA", "UA"], counts=(2,))
        self.succeed("carriers", 1, 0)
        self.succeed("carriers", 2, 1)
        self.collect([1, 2])
        self.succeed("report", "done")

    @property
    def stored(self) -> StoredRun:
        touched = {name: node for name, node in self.run.nodes.items() if node.state is not NodeState.WAITING}
        return StoredRun(self.run.head, touched)

    @property
    def full(self) -> FullRun:
        return FullRun(self.stored, DEFINITION, [one for one in self.attempts if one.item is None])

    def _outcome(
        self,
        node: str,
        item: int | None,
        state: OutcomeState,
        result: Result | None,
        error: ErrorInfo | None,
        counts: tuple[int, ...],
    ) -> None:
        here = self.run.nodes[node]
        attempt = here.attempt if here.map is None or item is None else here.map.items[item].attempt
        outcome = Outcome(
            run_id=self.run.head.run_id,
            node=node,
            item=item,
            attempt=attempt,
            state=state,
            started_at_us=self.now_us - 400_000,
            finished_at_us=self.now_us - 100_000,
            worker="w1",
            result=result,
            error=error,
            error_kinds=("ValueError",) if error else (),
            counts=counts,
        )
        self.tell(OutcomeReceived(outcome))
