"""The books that are kept on a run from the outside, and compared with the engine's state after every step.

They hold which attempts are live, which results won and which timers are set. Each step is also taken by a
second run, loaded from what has been stored so far: it must decide the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import deepcopy

import msgspec

from headrace_coordinator.engine.decide import decide
from headrace_coordinator.engine.effects import (
    CancelAttempt,
    Collect,
    Decision,
    Dispatch,
    DropTimer,
    Finish,
    StartTimer,
    TimerKey,
)
from headrace_coordinator.engine.inputs import (
    AttemptLost,
    Collected,
    Granted,
    OutcomeReceived,
    Redispatch,
    RetryRun,
    RunInput,
    TimerFired,
)
from headrace_coordinator.engine.invariants import check_all
from headrace_coordinator.engine.plan import Plan
from headrace_coordinator.engine.ready_line import ReadyLine
from headrace_coordinator.engine.standing import join, totals, withdraw
from headrace_coordinator.engine.state import NODE_FINISHED, Node, NodeState, Run, RunState
from headrace_coordinator.engine.transitions.redispatch import lined_attempts, live_attempts
from headrace_coordinator.engine.transitions.start import new_run, restore
from headrace_coordinator.store.rows import decode_head, encode_head
from headrace_protocol.codec import encode, raw
from headrace_protocol.definition import Literal, Output, Path
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import (
    Outcome,
    OutcomeState,
    Result,
    StartRun,
    TaskMessage,
)
from tests.engine.strategies import PARAMS

Attempt = tuple[str, int | None, int]
Place = tuple[str, int | None]
T0 = 1_700_000_000_000_000
QUEUES = ("default", "gpu")
NO_LIMIT = 10_000
_nodes = msgspec.msgpack.Decoder(Node)


def look(value: object, path: Path) -> object:
    """What is at a place inside a value; None when there is no such place."""
    for step in path:
        try:
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _is_again(received: RunInput, *, known: bool) -> bool:
    """Whether what is dispatched is an attempt that was dispatched before."""
    match received:
        case Granted():
            return known
        case Redispatch():
            return True
        case AttemptLost(charged=charged):
            return not charged
        case OutcomeReceived(outcome=outcome):
            return outcome.state is OutcomeState.RETURNED
        case _:
            return False


class Books:
    """One run, and what is known of it from outside."""

    def __init__(self, plan: Plan, limit: int = NO_LIMIT) -> None:
        self.plan = plan
        self.line = ReadyLine(dict.fromkeys(QUEUES, limit))
        self.limit = limit
        """Of tasks on the bus, for each queue and priority."""
        self.now_us = T0
        self.command = StartRun(run_id="r", workflow="flow", params=raw(PARAMS))
        self.run: Run = new_run(plan, self.command, 0, self.now_us)
        self.head = encode_head(self.run.head)
        self.rows: dict[str, bytes] = {}
        self.vault: dict[str, object] = {}
        """Stored results by URI; what is lost is not in it any more."""
        self.sent: dict[Attempt, TaskMessage] = {}
        self.outcomes: list[Outcome] = []
        self.live: set[Attempt] = set()
        """Those that were published and whose outcome would count."""
        self.on_bus: set[Attempt] = set()
        """Those of them whose messages are believed to be on the bus."""
        self.highest: Counter[Place] = Counter()
        self.failures: Counter[Place] = Counter()
        self.losses: dict[Place, set[int]] = defaultdict(set)
        """Attempts that were lost with their workers, and not heard of since."""
        self.applied: Counter[Attempt] = Counter()
        self.won: dict[Place, Result] = {}
        self.timers: dict[TimerKey, int] = {}
        self.old_timers: list[TimerFired] = []
        self.collects: list[Collect] = []
        self.old_collected: list[Collected] = []
        self.retry_us: dict[Place, int] = {}
        self.starts: Counter[str] = Counter()
        self.end = b""
        self.kept: set[str] = set()
        """Nodes that had succeeded when the run ended."""
        self.sound = True
        """False once a step has failed."""

    def step(self, received: RunInput) -> Decision:
        """Let one thing happen, and what the ready line lets go because of it; check everything."""
        decision = self._step(received)
        self.let_go()
        return decision

    def let_go(self) -> None:
        """What the shell does at the end of each turn."""
        while grants := self.line.grants():
            for grant in grants:
                granted = self._step(grant)
                sent = [effect for effect in granted.effects if isinstance(effect, Dispatch)]
                assert len(sent) == grant.count, "what was granted did not go"
        for place, lane in self.line.lanes.items():
            assert not lane.open, f"there is room in {place}, and somebody waits"

    def capacity(self, limit: int) -> None:
        """The fleet has changed."""
        self.limit = limit
        for queue in QUEUES:
            self.line.capacity(queue, limit)
        self.let_go()

    def restart(self) -> None:
        """Another coordinator goes on from what is stored."""
        self.run = self.reloaded()
        self.line = ReadyLine(dict.fromkeys(QUEUES, self.limit))
        join(self.plan, self.run, self.line)
        self.let_go()

    def crash(self, received: RunInput) -> None:
        """A decision that could not be committed."""
        decide(self.plan, self.run, received, self.now_us, self.line)
        withdraw(self.plan, self.run, self.line)
        assert not any(lane.on_bus or lane.backlog or lane.waiting for lane in self.line.lanes.values())
        self.run = self.reloaded()
        join(self.plan, self.run, self.line)
        self.let_go()

    def _step(self, received: RunInput) -> Decision:
        self.sound = False
        twin, twin_line = self.reloaded(), deepcopy(self.line)
        if isinstance(received, TimerFired):
            self.timers.pop(received.key, None)
            self.old_timers.append(received)
        decision = decide(self.plan, self.run, received, self.now_us, self.line)
        check_all(self.plan, self.run)
        assert decide(self.plan, twin, received, self.now_us, twin_line) == decision, (
            "a reloaded run decides differently"
        )
        assert encode(twin.nodes) == encode(self.run.nodes)
        self._store(decision)
        if isinstance(received, RetryRun) and self.end:
            self._retried(decision)
        self._take_in(received, decision)
        self._check()
        if isinstance(received, Redispatch) and received.attempts is None:
            for place in {planned.place for planned in self.plan.nodes.values()}:
                on_bus = [key for key in self.on_bus if self.plan.nodes[key[0]].place == place]
                assert len(on_bus) <= self.limit, f"{place}: published beyond the bound again"
        self.sound = True
        return decision

    def reloaded(self) -> Run:
        """The run as another coordinator would load it."""
        stored = {name: _nodes.decode(row) for name, row in self.rows.items()}
        return restore(self.plan, decode_head(self.head), stored)

    def _store(self, decision: Decision) -> None:
        if decision.head:
            self.head = encode_head(self.run.head)
        for name in decision.touched:
            self.rows[name] = encode(self.run.nodes[name])
        assert self.head == encode_head(self.run.head), "the head changed and is not stored"
        fresh = encode(Node())
        for name, node in self.run.nodes.items():
            assert self.rows.get(name, fresh) == encode(node), f"{name} changed and is not stored"

    def _take_in(self, received: RunInput, decision: Decision) -> None:
        settled = self._record(received, decision)
        for name, node in self.run.nodes.items():
            if node.map is not None and node.map.total == 0 and node.result is not None:
                self.won[name, None] = node.result  # of a map over nothing: it comes from no attempt
        for effect in decision.effects:
            match effect:
                case Dispatch(message=message):
                    key = (message.node, message.item, message.attempt)
                    self._dispatched(message, again=_is_again(received, known=key in self.sent))
                case StartTimer(key=key, due_us=due_us):
                    self.timers[key] = due_us
                    if key.kind == "retry":
                        self.retry_us[key.node, key.item] = due_us
                case DropTimer(key=key):
                    self.timers.pop(key, None)
                case Collect():
                    self._collecting(effect)
                case Finish(state=state):
                    assert state is self.run.head.state is not RunState.RUNNING
                    assert not self.end, "a run ends once"
        stopped = {key for key in self.live if not self._may_live(key)} - settled
        cancelled = [effect.message for effect in decision.effects if isinstance(effect, CancelAttempt)]
        for name, item, attempt in stopped:
            assert any(
                not told.attempts
                or (name, item, attempt) in {(h.node, h.item, h.attempt) for h in told.attempts}
                for told in cancelled
            ), f"nobody told {name}[{item}] to stop"
        self.live -= stopped
        self.on_bus &= self.live - set(lined_attempts(self.run))
        for told in cancelled:
            for held in told.attempts:
                assert (held.node, held.item, held.attempt) not in self.live, "a live attempt is cancelled"
        for event in decision.events:
            self.starts[event.kind] += event.kind == "run.created"

    def _retried(self, decision: Decision) -> None:
        """Only an operator's order opens a finished run again; what has succeeded stays, the rest has new chances."""
        if not decision.head:
            return
        assert decision.events[0].kind == "run.retried"
        (retried,) = [event for event in decision.events if event.kind == "run.retried"]
        assert not self.kept & set(retried.data["nodes"])
        self.end = b""
        for place in list(self.failures):
            if place[0] in retried.data["nodes"]:
                self.failures[place] = 0
        for place in list(self.losses):
            if place[0] in retried.data["nodes"]:
                self.losses[place].clear()
        self.retry_us.clear()

    def _may_live(self, key: Attempt) -> bool:
        return self.run.nodes[key[0]].state in (NodeState.DISPATCHED, NodeState.READY, NodeState.MAPPING)

    def _record(self, received: RunInput, decision: Decision) -> set[Attempt]:
        """Compare the attempts recorded with what the world knows to be live."""
        if isinstance(received, Collected) and received.result is not None:
            self._collected(received)
        if not isinstance(received, OutcomeReceived):
            for record in decision.attempts:
                key = (record.node, record.item, record.attempt)
                assert key in self.live
                assert record.state == ("lost" if isinstance(received, AttemptLost) else "failed")
                self._ended(key, failed=record.state == "failed")
                if record.state == "lost":
                    self.losses[key[:2]].add(record.attempt)
            return set()
        outcome = received.outcome
        key = (outcome.node, outcome.item, outcome.attempt)
        states = [record.state for record in decision.attempts]
        if key not in self.live:
            assert states in ([], ["ignored"]), f"a fenced outcome was applied: {states}"
            assert not decision.effects
            lived_on = self._unfinished(key[:2]) and outcome.attempt in self.losses[key[:2]] and states != []
            assert list(decision.touched) == ([outcome.node] if lived_on else [])
            if lived_on:
                self.losses[key[:2]].discard(outcome.attempt)
            return set()
        if outcome.state is OutcomeState.RETURNED:
            sent = [e.message for e in decision.effects if isinstance(e, Dispatch)]
            stale = outcome.dispatch != self.sent[key].dispatch
            assert not states
            lined = key in lined_attempts(self.run)
            assert len(sent) == (not stale and not lined), "what is returned is dispatched again, once"
            return set()
        assert states == [outcome.state.value], states
        lost = outcome.error is not None and outcome.error.code == ErrorCode.TASK_INPUT_LOST
        self._ended(key, failed=outcome.state is OutcomeState.FAILED and not lost)
        if outcome.state is OutcomeState.SUCCEEDED:
            self.won[key[:2]] = outcome.result or Result(raw(None))
            if outcome.item is None:
                assert self.run.nodes[outcome.node].state is NodeState.SUCCEEDED
            else:  # nothing is remembered of a finished item; it may run again when its result is lost
                self.losses[key[:2]].clear()
        return {key}

    def _unfinished(self, place: Place) -> bool:
        node = self.run.nodes[place[0]]
        if place[1] is not None and (node.map is None or place[1] not in node.map.items):
            return False
        return node.state not in NODE_FINISHED

    def _ended(self, key: Attempt, *, failed: bool) -> None:
        self.live.discard(key)
        self.on_bus.discard(key)
        self.applied[key] += 1
        assert self.applied[key] == 1, f"{key} was applied twice"
        self.failures[key[:2]] += failed

    def _dispatched(self, message: TaskMessage, *, again: bool) -> None:
        name, item = message.node, message.item
        key = (name, item, message.attempt)
        planned = self.plan.nodes[name]
        if again:
            assert key in self.live, f"{key} is published again and not live"
            assert message.dispatch >= self.sent[key].dispatch
        else:
            assert key not in self.sent, f"{key} is dispatched twice"
            assert message.attempt > self.highest[name, item], f"{key} is no new attempt"
            assert all(self.run.nodes[s].state is NodeState.SUCCEEDED for s in planned.upstream), (
                f"{key} is dispatched too early"
            )
            assert len(self.losses[name, item]) < planned.definition.options.max_lost, (
                f"{key} is lost too often"
            )
            assert self.failures[name, item] < planned.definition.options.retry.max_attempts, (
                f"{key} is one attempt too many"
            )
            due_us = self.retry_us.pop((name, item), 0)
            assert due_us <= self.now_us, f"{key} is dispatched before its time"
            assert not [old for old in self.live if old[:2] == (name, item)], (
                f"{key}: the last one still lives"
            )
            self.highest[name, item] = message.attempt
            self.live.add(key)
        assert key in self.on_bus or len(self._rivals(name)) < self.limit, (
            f"{key}: the bus has enough of them"
        )
        self.on_bus.add(key)
        self.sent[key] = message
        assert message.alone is bool(self.losses[name, item]), "a suspect runs alone, and nothing else does"
        assert message.code == self.run.nodes[name].code
        assert message.inputs == {source: self.won[source, None] for source in planned.reads}
        assert (bytes(message.params) == bytes(self.command.params)) is planned.reads_params
        if item is not None:
            self._check_item(message, item)
            window = planned.definition.map.window if planned.definition.map else 0
            assert len([old for old in self.live if old[0] == name]) <= window, f"{name}: the window is full"

    def _rivals(self, name: str) -> list[Attempt]:
        """What is on the bus in the same lane."""
        place = self.plan.nodes[name].place
        return [key for key in self.on_bus if self.plan.nodes[key[0]].place == place]

    def _check_item(self, message: TaskMessage, item: int) -> None:
        over = self.plan.nodes[message.node].definition.map
        assert over is not None
        given = message.item_input
        assert given is not None
        match over.over:
            case Literal(value=value):
                source = value
            case Output(node=name, path=path):
                result = self.won[name, None]
                if result.stored is not None:
                    assert (given.stored, given.path) == (result.stored, path)
                    return
                source = look(msgspec.msgpack.decode(result.value), path)
            case param:
                source = look(PARAMS, (param.name, *param.path))
        assert isinstance(source, list)
        assert msgspec.msgpack.decode(given.value) == source[item], "items out of order"

    def _collecting(self, effect: Collect) -> None:
        assert not [key for key in self.live if key[0] == effect.node], "collected while items are in motion"
        assert all((effect.node, index) in self.won for index in range(effect.total)), "collected too early"
        self.collects.append(effect)

    def _collected(self, received: Collected) -> None:
        node = self.run.nodes[received.node]
        if node.result == received.result and node.state is NodeState.SUCCEEDED:
            self.won[received.node, None] = received.result

    def _check(self) -> None:
        run = self.run
        assert set(live_attempts(run)) == self.on_bus, (
            "live attempts on the bus are not those published and not ended (I7)"
        )
        assert self.live == self.on_bus | (set(lined_attempts(run)) & self.sent.keys())
        for place, lane in self.line.lanes.items():
            assert lane.on_bus == len([k for k in self.on_bus if self.plan.nodes[k[0]].place == place])
        assert dict(totals(self.plan, run)) == dict(totals(self.plan, self.reloaded())), "rebuilt differently"
        assert self.timers == self._awaited(), "timers set are not those awaited"
        assert self.starts["run.created"] <= 1
        if run.head.state is RunState.RUNNING:
            waiting = {effect.node for effect in self.collects}
            for name, node in run.nodes.items():
                assert node.state is not NodeState.COLLECTING or name in waiting, f"nobody collects {name}"
            retries = [key for key in self.timers if key.kind == "retry"]
            collecting = any(node.state is NodeState.COLLECTING for node in run.nodes.values())
            lined = any(run.line.values())
            assert self.live or retries or collecting or lined, "the run is stuck (I5)"
            assert run.head.wait is not None
            assert run.nodes[run.head.wait.on].state not in NODE_FINISHED
        else:
            state = self.head + b"".join(self.rows.values())
            self.end = self.end or state
            assert state == self.end, "a finished run changed (I6)"
            self.kept = {name for name, node in run.nodes.items() if node.state is NodeState.SUCCEEDED}

    def _awaited(self) -> dict[TimerKey, int]:
        head = self.run.head
        if head.state is not RunState.RUNNING:
            return {}
        found: dict[TimerKey, int] = {}
        if head.deadline_us is not None:
            found[TimerKey("r", "deadline")] = head.deadline_us
        for name, node in self.run.nodes.items():
            if node.state is NodeState.RETRYING and node.retry_at_us is not None:
                found[TimerKey("r", "retry", name)] = node.retry_at_us
            if node.state is NodeState.MAPPING and node.map is not None:
                for index, item in node.map.items.items():
                    if item.retry_at_us is not None:
                        found[TimerKey("r", "retry", name, index)] = item.retry_at_us
        return found
