"""A small history in which nothing is wrong, for forgers: two workflows of `flows` as a correct coordinator and honest
workers would have left them behind."""

from __future__ import annotations

from pathlib import Path

from headrace.authoring.loader import load
from headrace_coordinator.engine.effects import AttemptRecord
from headrace_coordinator.engine.state import MapState, Node, NodeState, RunHead, RunState
from headrace_protocol.codec import raw
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import LifecycleBatch, LifecycleEvent, Result
from tests.faults.evidence import Evidence, Fleet, Kept, Publication, Seen, Strike
from tests.faults.journal import Effect

FLOWS = Path(__file__).parent / "flows.py"
WORKER = 77
STEP_US = 1_000


class _Scribe:
    """Writes a run's history, its rows and its journal, all from one telling."""

    def __init__(self, evidence: Evidence, run_id: str, workflow: str, at_us: int, **head: object) -> None:
        self.evidence = evidence
        self.at_us = at_us
        run_head = RunHead(
            run_id=run_id, workflow=workflow, version="v", shard=0, created_at_us=at_us, **head
        )  # type: ignore[arg-type]
        self.run = evidence.runs[run_id] = Kept(run_head, {}, [], [])
        self.tell("run.created")

    def tell(self, kind: str, node: str = "", item: int | None = None, attempt: int = 0, **data: int) -> None:
        self.at_us += STEP_US
        event = LifecycleEvent(
            kind=kind, at_us=self.at_us, node=node, item=item, attempt=attempt, data=dict(data)
        )
        head = self.run.head
        position = 1 + sum(len(run.history) for run in self.evidence.runs.values())
        self.run.history.append(
            LifecycleBatch(position=position, run_id=head.run_id, workflow=head.workflow, events=(event,))
        )

    def execute(self, node: str, item: int | None, attempt: int, reads: tuple[str, ...], phase: str) -> str:
        """Both ends of an execution, and the record of its outcome."""
        run_id = self.run.head.run_id
        token = f"{run_id}/{node}/{'' if item is None else item}/{attempt}#{len(self.evidence.effects):06x}"
        for step, read in (("begin", reads), (phase, ())):
            self.at_us += STEP_US
            self.evidence.effects.append(
                Effect(
                    phase=step,
                    run_id=run_id,
                    node=node,
                    item=item,
                    attempt=attempt,
                    token=token,
                    at_us=self.at_us,
                    pid=WORKER,
                    parent=1,
                    reads=read,
                )
            )
        won = phase == "ok"
        self.run.attempts.append(
            AttemptRecord(
                run_id=run_id,
                node=node,
                item=item,
                attempt=attempt,
                state="succeeded" if won else "failed",
                result=Result(raw(token)) if won and item is not None else None,
            )
        )
        return token

    def node(self, name: str, *reads: str, failing: int = 0) -> str:
        """A plain node: `failing` attempts that are retried, and one that wins."""
        for attempt in range(1, failing + 1):
            self.tell("node.dispatched", name, attempt=attempt)
            self.execute(name, None, attempt, reads, "failed")
            due_us = self.at_us + 20 * STEP_US
            self.tell("node.retrying", name, attempt=attempt, retry_at_us=due_us)
            self.at_us = due_us
        attempt = failing + 1
        self.tell("node.dispatched", name, attempt=attempt)
        token = self.execute(name, None, attempt, reads, "ok")
        self.run.nodes[name] = Node(
            state=NodeState.SUCCEEDED, attempt=attempt, failures=failing, result=Result(raw(token))
        )
        self.tell("node.succeeded", name, attempt=attempt)
        return token

    def map(self, name: str, total: int) -> list[str]:
        self.tell("node.mapped", name, total=total)
        tokens = [self.execute(name, item, 1, (), "ok") for item in range(total)]
        self.run.nodes[name] = Node(
            state=NodeState.SUCCEEDED, map=MapState(total, next_index=total), result=Result(raw(tokens))
        )
        self.tell("node.succeeded", name, total=total)
        return tokens

    def end(self, state: RunState, error: ErrorInfo | None = None, output: str = "") -> None:
        self.tell(f"run.{state}")
        head = self.run.head
        head.state, head.error, head.finished_at_us = state, error, self.at_us
        head.output = Result(raw(output)) if output else None


def honest() -> Evidence:
    """Runs `r-flaky` (by an event), `r-fan` (by a command), `r-tick` (by time) and `r-late` (ended by its deadline)."""
    flows = load(str(FLOWS)).workflows.values()
    evidence = Evidence(
        definitions={flow.definition.name: flow.definition for flow in flows},
        runs={},
        workers={WORKER},
        slots=2,
        fleets=[Fleet("w", 2, 2)],
        strikes=[Strike(kind="wipe", target="nats", began_us=1_005_000, ended_us=1_006_000)],
    )
    flaky = _Scribe(
        evidence, "r-flaky", "flaky", 1_000_000, trigger="event:event", event_id="e", event_source="/s"
    )
    last = flaky.node("then", flaky.node("stumble", flaky.node("first"), failing=1))
    flaky.end(RunState.SUCCEEDED, output=last)
    fan = _Scribe(evidence, "r-fan", "fan", 1_000_500, labels={"asked": "fan-1"})
    fan.node("cut")
    fan.end(RunState.SUCCEEDED, output=fan.node("collect", *fan.map("item", 3)))
    tick = _Scribe(evidence, "r-tick", "tick", 2_000_100, trigger="every:every", scheduled_at_us=2_000_000)
    tick.end(RunState.SUCCEEDED, output=tick.node("first"))
    late = _Scribe(evidence, "r-late", "late", 1_000_000, deadline_us=1_001_500)
    late.tell("node.dispatched", "wait_long", attempt=1)
    late.execute("wait_long", None, 1, (), "stopped")
    late.run.attempts.clear()
    late.run.nodes["wait_long"] = Node(state=NodeState.CANCELLED, attempt=1)
    late.end(RunState.FAILED, ErrorInfo(code=ErrorCode.RUN_DEADLINE, message="late"))
    for run_id, run in evidence.runs.items():
        state, finished_at_us = str(run.head.state), run.head.finished_at_us
        evidence.seen.append(Seen(run_id=run_id, state="running", finished_at_us=None, waits=True))
        evidence.seen += 2 * [Seen(run_id=run_id, state=state, finished_at_us=finished_at_us, waits=False)]
    evidence.publications = [
        Publication(
            way="event", event_type="chaos.flaky", event_id="e", source="/s", accepted_at_us=1_000_100
        ),
        Publication(way="command", workflow="fan", run_id="r-fan", accepted_at_us=1_000_600),
    ]
    evidence.effects.sort(key=lambda effect: effect.at_us)
    evidence.told = [batch for run in evidence.runs.values() for batch in run.history]
    return evidence
