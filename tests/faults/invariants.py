"""ARCHITECTURE's invariants as questions to the evidence. Each answers with what breaks it; nothing is a proof of
nothing wrong, so each has a forged history that it must refuse (`test_invariants.py`)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from headrace_coordinator.engine.state import Node, RunState
from headrace_protocol.definition import EventTrigger, NodeDefinition, upstream
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import Result
from tests.faults.evidence import Evidence, Kept
from tests.faults.journal import Effect
from tests.faults.load import ASKED

SURE = ("chain", "fan", "flaky", "processes", "large", "tick")
"""Workflows that no fault may keep from succeeding."""
TERMINAL = {f"run.{state}" for state in RunState if state is not RunState.RUNNING}

Broken = Iterator[str]


def i1_accepted_runs_exist(evidence: Evidence) -> Broken:
    """What was promised is there, and came to its end in the way that its tasks determine."""
    by_event: dict[tuple[str, str], set[str]] = defaultdict(set)
    for run in evidence.runs.values():
        if run.head.event_id:
            by_event[run.head.event_source, run.head.event_id].add(run.head.workflow)
    for asked in evidence.publications:
        if asked.accepted_at_us is None:
            continue
        if asked.run_id and asked.run_id not in evidence.runs:
            yield f"run {asked.run_id} ({asked.workflow}, by {asked.way}) was accepted and is lost"
        event = (asked.source, asked.event_id)
        if asked.event_id and event not in evidence.erased:
            for name in _triggered(evidence, asked.event_type) - by_event[event]:
                yield f"event {asked.event_id} ({asked.way}) was accepted and has started no run of {name}"
    for run_id, run in evidence.runs.items():
        if run.head.state is not RunState.SUCCEEDED and run.head.workflow in SURE:
            yield f"run {run_id} of {run.head.workflow} is {run.head.state}: {run.head.error}"
    for letter in evidence.dead_letters:
        yield f"a message became a dead letter: {letter.subject}: {letter.error.message}"


def i2_one_run_for_each_cause(evidence: Evidence) -> Broken:
    """By event and trigger, or by schedule and fire time."""
    causes: Counter[tuple[object, ...]] = Counter()
    for run in evidence.runs.values():
        head = run.head
        if head.event_id:
            causes[head.workflow, head.trigger, head.event_source, head.event_id] += 1
        elif head.scheduled_at_us is not None:
            causes[head.workflow, head.trigger, head.scheduled_at_us] += 1
        elif ASKED in head.labels:
            causes[head.workflow, head.labels[ASKED]] += 1
    for cause, count in causes.items():
        if count > 1:
            yield f"{count} runs were started by {cause}"


def i3_outcomes_are_applied_once(evidence: Evidence) -> Broken:
    """No attempt twice; one winner of each node and item, unless its result was lost and made again."""
    for run_id, run in evidence.runs.items():
        counted = Counter((r.node, r.item, r.attempt) for r in run.attempts if r.state != "ignored")
        for key, count in counted.items():
            if count > 1:
                yield f"run {run_id}: the outcome of {key} was applied {count} times"
        for (node, item), winners in run.won.items():
            if len(winners) > 1 + run.recoveries(node):
                yield f"run {run_id}: {node}/{item} was won by attempts {[w.attempt for w in winners]}"
            if item is None and winners[-1].attempt != run.nodes[node].attempt:
                yield f"run {run_id}: {node} was won by attempt {winners[-1].attempt}, which has no fence"
        succeeded = Counter(event.node for event in run.events if event.kind == "node.succeeded")
        for node, count in succeeded.items():
            if count > 1 + run.recoveries(node):
                yield f"run {run_id}: {node} succeeded {count} times"
        if run.head.state is RunState.SUCCEEDED:
            for key in _expected(run, evidence) - run.won.keys():
                yield f"run {run_id} succeeded, and {key} has no winner"


def i4_nothing_begins_early(evidence: Evidence) -> Broken:
    """Before a task begins, an execution that won has ended for everything that it depends on."""
    ends: dict[tuple[str, str, int | None], int] = {}
    for effect in evidence.written.values():
        run = evidence.runs.get(effect.run_id)
        winners = [] if run is None else run.won.get((effect.node, effect.item), [])
        if any(winner.attempt == effect.attempt for winner in winners):
            key = (effect.run_id, effect.node, effect.item)
            ends[key] = min(effect.at_us, ends.get(key, effect.at_us))
    for begin in evidence.begun:
        run = evidence.runs.get(begin.run_id)
        if run is None:
            continue  # I8 says so
        for source in upstream(_node(evidence, run, begin.node)):
            for item in _items(run, source):
                ended_us = ends.get((begin.run_id, source, item))
                if ended_us is None or ended_us > begin.at_us:
                    yield f"{begin.token} began before {source}/{item} had succeeded"


def i5_nothing_is_stuck(evidence: Evidence) -> Broken:
    """Every run ends once faults do, and says until then what it waits for."""
    for run_id, run in evidence.runs.items():
        if run.head.state is RunState.RUNNING:
            yield f"run {run_id} of {run.head.workflow} is stuck, waiting for {run.head.wait}"
    for seen in evidence.seen:
        if seen.state == "running" and not seen.waits:
            yield f"run {seen.run_id} was shown as running without a wait reason"


def i6_ends_are_final(evidence: Evidence) -> Broken:
    """In what the API showed one after the other, in the history, and in what is stored."""
    first: dict[str, tuple[str, int | None]] = {}
    for seen in evidence.seen:
        shown = (seen.state, seen.finished_at_us)
        known = first.get(seen.run_id)
        if known is not None and known != shown:
            yield f"run {seen.run_id} was {known} and then {shown}"
        elif seen.state != "running":
            first[seen.run_id] = shown
    for run_id, shown in first.items():
        kept = evidence.runs.get(run_id)
        if kept is None or (str(kept.head.state), kept.head.finished_at_us) != shown:
            yield f"run {run_id} was shown as {shown} and is stored as {kept and kept.head.state}"
    for run_id, run in evidence.runs.items():
        kinds = [event.kind for event in run.events if event.kind != "outcome.ignored"]
        ends = [kind for kind in kinds if kind in TERMINAL]
        if run.head.state is not RunState.RUNNING and (
            ends != [f"run.{run.head.state}"] or kinds[-1] not in TERMINAL
        ):
            yield f"run {run_id} is {run.head.state}; its history ends {kinds[-2:]}, with ends {ends}"


def i7_slots_are_kept(evidence: Evidence) -> Broken:
    """In heartbeats, and in the journals: what was not abandoned never overlaps more than there are slots."""
    for fleet in evidence.fleets:
        if fleet.held > fleet.slots:
            yield f"worker {fleet.worker} held {fleet.held} attempts in {fleet.slots} slots"
    changes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    ends = {effect.token: effect for effect in evidence.effects if effect.phase in ("ok", "failed")}
    for begin in evidence.begun:
        end, run = ends.get(begin.token), evidence.runs.get(begin.run_id)
        if end is None or run is None or run.head.state is not RunState.SUCCEEDED:
            continue  # killed or abandoned: when it stopped counting is not in the journal
        if _node(evidence, run, begin.node).options.timeout_s is not None:
            continue
        worker = begin.pid if begin.pid in evidence.workers else begin.parent
        changes[worker] += [(begin.at_us, 1), (end.at_us, -1)]
    for worker, steps in changes.items():
        live = most = 0
        for _, step in sorted(steps):
            live += step
            most = max(most, live)
        if most > evidence.slots:
            yield f"worker {worker} executed {most} at once in {evidence.slots} slots"


def i8_messages_were_committed(evidence: Evidence) -> Broken:
    """No task ran and nothing was told that the store does not know, and nothing is left to be told."""
    dispatched = {
        (run_id, event.node, event.attempt): event.at_us
        for run_id, run in evidence.runs.items()
        for event in reversed(run.events)
        if event.kind == "node.dispatched"
    }
    for begin in evidence.begun:
        run = evidence.runs.get(begin.run_id)
        if run is None:
            yield f"{begin.token} was executed, its run is not stored"
        elif begin.item is None:
            committed_us = dispatched.get((begin.run_id, begin.node, begin.attempt))
            if committed_us is None or (evidence.one_clock and committed_us > begin.at_us):
                yield f"{begin.token} was executed, its dispatch was not committed before"
        else:
            state = run.nodes.get(begin.node, Node()).map
            if state is None or begin.item >= state.next_index or begin.attempt > state.last_attempt:
                yield f"{begin.token} was executed, its item was not dispatched"
    kept = {batch.position: batch for run in evidence.runs.values() for batch in run.history}
    for batch in evidence.told:
        if kept.get(batch.position) != batch:
            yield f"the bus tells of position {batch.position} what is not in the store"
    if evidence.unconfirmed:
        yield f"{evidence.unconfirmed} outbox batches were never confirmed"


def i9_reads_what_the_winner_wrote(evidence: Evidence) -> Broken:
    """Every argument is a result of the winner, byte for byte where it is stored inline."""
    for begin in evidence.begun:
        run = evidence.runs.get(begin.run_id)
        if run is None:
            continue
        for token in begin.reads:
            yield from _read(evidence, run, begin, token)
        maps = [name for name in upstream(_node(evidence, run, begin.node)) if _is_map(run, name)]
        for name in maps:
            items = [evidence.written[t].item for t in begin.reads if t in evidence.written]
            if items != _items(run, name):
                yield f"{begin.token} read the items {items} of {name}"
    for run_id, run in evidence.runs.items():
        output = None if run.head.output is None else _token(run.head.output)
        if output is not None and output not in evidence.written:
            yield f"run {run_id}: nobody wrote its output {output}"


def _read(evidence: Evidence, run: Kept, begin: Effect, token: str) -> Broken:
    written = evidence.written.get(token)
    if written is None:
        yield f"{begin.token} read {token!r}, which nobody wrote"
        return
    sources = upstream(_node(evidence, run, begin.node))
    if written.run_id != begin.run_id or written.node not in sources:
        yield f"{begin.token} read {token}, on which it does not depend"
        return
    winners = run.won.get((written.node, written.item), [])
    if all(winner.attempt != written.attempt for winner in winners):
        yield f"{begin.token} read {token}, of an attempt that has not won"
        return
    if run.recoveries(written.node):
        return  # made again since: the store has the newest alone
    result = run.nodes[written.node].result if written.item is None else winners[0].result
    stored = None if result is None else _token(result)
    if stored is not None and stored != token:
        yield f"{begin.token} read {token}, the winner wrote {stored}"


def i10_timers_are_never_early(evidence: Evidence) -> Broken:
    """Retries, deadlines and schedules."""
    begun: dict[tuple[str, str, int | None, int], int] = {}
    for begin in reversed(evidence.begun if evidence.one_clock else []):
        begun[begin.run_id, begin.node, begin.item, begin.attempt] = begin.at_us
    for run_id, run in evidence.runs.items():
        for event in run.events:  # by the coordinator's own clock, whatever was done to it
            if event.kind == "node.dispatched":
                key = (run_id, event.node, None, event.attempt)
                begun[key] = min(event.at_us, begun.get(key, event.at_us))
    for run_id, run in evidence.runs.items():
        head = run.head
        for event in run.events:
            due_us = event.data.get("retry_at_us")
            at_us = begun.get((run_id, event.node, event.item, event.attempt + 1))
            if isinstance(due_us, int) and at_us is not None and at_us < due_us:
                yield f"run {run_id}: the retry of {event.node}/{event.item} was {due_us - at_us} µs early"
        late = head.error is not None and head.error.code == ErrorCode.RUN_DEADLINE
        if late and (head.finished_at_us or 0) < (head.deadline_us or 0):
            yield f"run {run_id} was ended before its deadline"
        if head.scheduled_at_us is not None and head.created_at_us < head.scheduled_at_us:
            yield f"run {run_id} was started {head.scheduled_at_us - head.created_at_us} µs early"


def i11_a_wiped_bus_loses_no_run(evidence: Evidence) -> Broken:
    """A run that was under way when the volume was wiped comes to its end."""
    for strike in evidence.strikes:
        if not strike.kind.startswith("wipe"):
            continue
        for run_id, run in evidence.runs.items():
            under_way = run.head.created_at_us < strike.began_us and run.head.finished_at_us is None
            if under_way:
                yield f"run {run_id} of {run.head.workflow} did not survive the wipe at {strike.began_us}"


INVARIANTS: dict[str, Callable[[Evidence], Broken]] = {
    "I1": i1_accepted_runs_exist,
    "I2": i2_one_run_for_each_cause,
    "I3": i3_outcomes_are_applied_once,
    "I4": i4_nothing_begins_early,
    "I5": i5_nothing_is_stuck,
    "I6": i6_ends_are_final,
    "I7": i7_slots_are_kept,
    "I8": i8_messages_were_committed,
    "I9": i9_reads_what_the_winner_wrote,
    "I10": i10_timers_are_never_early,
    "I11": i11_a_wiped_bus_loses_no_run,
}


def judge(evidence: Evidence) -> dict[str, list[str]]:
    """What breaks each invariant; nothing where all hold."""
    found = {name: list(holds(evidence)) for name, holds in INVARIANTS.items()}
    return {name: breaches for name, breaches in found.items() if breaches}


def _triggered(evidence: Evidence, event_type: str) -> set[str]:
    return {
        name
        for name, definition in evidence.definitions.items()
        if any(isinstance(t, EventTrigger) and t.type == event_type for t in definition.triggers)
    }


def _node(evidence: Evidence, run: Kept, name: str) -> NodeDefinition:
    nodes: Iterable[NodeDefinition] = evidence.definitions[run.head.workflow].nodes
    return next(node for node in nodes if node.id == name)


def _is_map(run: Kept, name: str) -> bool:
    return name in run.nodes and run.nodes[name].map is not None


def _items(run: Kept, name: str) -> list[int | None]:
    state = run.nodes[name].map if name in run.nodes else None
    return [None] if state is None else list(range(state.total))


def _expected(run: Kept, evidence: Evidence) -> set[tuple[str, int | None]]:
    nodes = evidence.definitions[run.head.workflow].nodes
    return {(node.id, item) for node in nodes for item in _items(run, node.id)}


def _token(result: Result) -> str | None:
    """The token in an inline result; None when there is none to see."""
    if result.stored is not None or not bytes(result.value):
        return None
    value = msgspec.msgpack.decode(result.value)
    return value.partition("|")[0] if isinstance(value, str) and "#" in value else None
