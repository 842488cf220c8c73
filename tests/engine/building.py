"""Short ways to write workflows and outcomes down in tests."""

from __future__ import annotations

from headrace_coordinator.engine.decide import decide
from headrace_coordinator.engine.effects import Decision, Dispatch
from headrace_coordinator.engine.inputs import OutcomeReceived, RunInput
from headrace_coordinator.engine.invariants import check_all
from headrace_coordinator.engine.plan import Plan, compile_plan
from headrace_coordinator.engine.state import Run
from headrace_coordinator.engine.transitions.start import new_run
from headrace_protocol.checks import check_definition
from headrace_protocol.codec import raw
from headrace_protocol.definition import (
    Binding,
    MapOver,
    NodeDefinition,
    Output,
    RetryPolicy,
    TaskOptions,
    WorkflowDefinition,
)
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import Outcome, OutcomeState, Result, StartRun, Stored, TaskMessage
from tests.engine.strategies import PARAMS, TASK

T0 = 1_700_000_000_000_000


def node(
    name: str,
    *reads: str,
    after: tuple[str, ...] = (),
    over: Output | None = None,
    window: int = 2,
    **retry: object,
) -> NodeDefinition:
    bindings: dict[str, Binding] = {
        parameter: Output(source) for parameter, source in zip("ab", reads, strict=False)
    }
    return NodeDefinition(
        id=name,
        task=TASK.name,
        bindings=bindings,
        after=after,
        map=None if over is None else MapOver(over=over, window=window),
        options=TaskOptions(retry=RetryPolicy(**{"jitter": False, **retry})),
    )


def plan_of(*nodes: NodeDefinition, output: Binding | None = None, deadline_s: float | None = None) -> Plan:
    definition = WorkflowDefinition(
        name="flow",
        nodes=nodes,
        tasks={TASK.name: TASK},
        params={name: {} for name in PARAMS},
        output=output,
        deadline_s=deadline_s,
    )
    check_definition(definition)
    return compile_plan(definition, "v1")


def stored(uri: str) -> Result:
    return Result(stored=Stored(uri, 100_000, "d" * 32))


class Driver:
    """Feeds a run by hand; every step is checked."""

    def __init__(self, plan: Plan, **command: object) -> None:
        self.plan = plan
        self.now_us = T0
        start = StartRun(**{"run_id": "r", "workflow": "flow", "params": raw(PARAMS), **command})
        self.run: Run = new_run(plan, start, 0, T0)
        self.sent: list[TaskMessage] = []
        self.last: Decision = self.feed(start)

    def feed(self, received: RunInput, later_us: int = 1) -> Decision:
        self.now_us += later_us
        self.last = decide(self.plan, self.run, received, self.now_us)
        check_all(self.plan, self.run)
        self.sent += [effect.message for effect in self.last.effects if isinstance(effect, Dispatch)]
        return self.last

    def outcome(
        self, name: str, item: int | None = None, attempt: int | None = None, **what: object
    ) -> Decision:
        """Of the latest attempt, unless one is named."""
        if attempt is None:
            attempt = max(m.attempt for m in self.sent if m.node == name and m.item == item)
        return self.feed(
            OutcomeReceived(
                Outcome(
                    **{
                        "run_id": "r",
                        "node": name,
                        "item": item,
                        "attempt": attempt,
                        "state": OutcomeState.SUCCEEDED,
                        "started_at_us": self.now_us,
                        "finished_at_us": self.now_us + 1,
                        "worker": "w",
                        **what,
                    }
                )
            )
        )

    def done(self, name: str, value: object = None, item: int | None = None, **what: object) -> Decision:
        return self.outcome(name, item, result=Result(raw(value)), **what)

    def fail(self, name: str, item: int | None = None, **what: object) -> Decision:
        error = ErrorInfo(code=ErrorCode.TASK_FAILED, message="broken", kind="builtins.ValueError")
        return self.outcome(
            name,
            item,
            **{
                "state": OutcomeState.FAILED,
                "error": error,
                "error_kinds": ("builtins.ValueError", "builtins.Exception"),
                **what,
            },
        )

    def lost(self, name: str, producer: str, item: int | None = None, **what: object) -> Decision:
        error = ErrorInfo(code=ErrorCode.TASK_INPUT_LOST, message="gone")
        return self.fail(name, item, error=error, error_kinds=(), lost_input=producer, **what)

    def dispatched(self) -> list[tuple[str, int | None, int]]:
        """What the last step published."""
        found = [effect.message for effect in self.last.effects if isinstance(effect, Dispatch)]
        return [(message.node, message.item, message.attempt) for message in found]
