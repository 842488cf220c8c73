"""A failure in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from headrace_protocol.definition import EventTrigger, NodeDefinition, Output, nodes_read
from tests.simulation.flows import NEVER, Flow, Habit
from tests.simulation.plan import Plan
from tests.simulation.simulate import Report

LINES = 60


def tell(report: Report, *, shrunk: bool) -> str:
    """What was there, what happened, what went wrong, and how to see it again."""
    plan = report.plan
    lines = [f"seed {plan.seed}: {report.breaches[0]}" if report.breaches else f"seed {plan.seed} holds", ""]
    workers = f"{len(plan.slots)} worker(s) with {', '.join(map(str, plan.slots))} slot(s)"
    sweep = "" if plan.sweep_s < NEVER else ", no sweeper"
    store = ", an embedded store" if plan.embedded else ""
    if plan.foreign:
        workers += f", the last {plan.foreign} of them not ours"
    lines.append(
        f"There are {workers}, {plan.shards} shard(s), ack wait {plan.ack_wait_s:g} s{sweep}{store}."
    )
    for flow in plan.flows:
        lines += _flow(flow)
    lines += ["", "The plan" + (", shrunk to what it takes:" if shrunk else ":")]
    lines += [f"  {action}" for action in plan.actions] or ["  nothing"]
    lines += ["", "What happened:"]
    story = report.story
    if len(story) > LINES:
        lines.append(f"  … {len(story) - LINES} lines before this")
    lines += [f"  {at_s:9.4f} s  {line}" for at_s, line in story[-LINES:]]
    lines += ["", f"  {report.ended_s:9.4f} s  the end"]
    lines += [f"Broken: {breach} (at {breach.at_s:.4f} s)" for breach in report.breaches]
    replay = f"--seed {plan.seed}" + (f" --crash {plan.crash}" if plan.crash else "")
    lines += ["", f"Replay: just sim {replay}   or: python -m tests.simulation {replay}"]
    return "\n".join(lines)


def _flow(flow: Flow) -> Iterator[str]:
    definition = flow.definition
    starts = [
        "by events" if isinstance(trigger, EventTrigger) else f"every {trigger.every_s:g} s"  # type: ignore[union-attr]
        for trigger in definition.triggers
    ]
    deadline = "" if definition.deadline_s is None else f", deadline {definition.deadline_s:g} s"
    yield f"{definition.name}{': started ' + ' and '.join(starts) if starts else ''}{deadline}"
    for node in sorted(definition.nodes, key=lambda node: int(node.id[1:])):
        yield f"  {node.id}: {'; '.join(_node(node, flow.habits[node.id]))}"


def _node(node: NodeDefinition, habit: Habit) -> Iterator[str]:
    read = dict.fromkeys(source for binding in node.bindings.values() for source in nodes_read(binding))
    if read:
        yield f"reads {', '.join(read)}"
    if node.after:
        yield f"after {', '.join(node.after)}"
    if node.map is not None:
        over = node.map.over
        what = f"{over.node}'s list" if isinstance(over, Output) else "a list"
        yield f"mapped over {what}, {node.map.window} at a time"
    yield f"takes {habit.lasts_s:g} s"
    struck = "odd items" if node.map is not None and habit.odd_items_only else "it"
    for count, verb in ((habit.fails, "fails"), (habit.hangs, "hangs")):
        if count:
            yield f"{struck} {verb} {'always' if count == NEVER else f'{count} time(s)'}"
    if habit.asks_s:
        yield f"it asks for another attempt {habit.asks_s:g} s later"
    yield f"at most {node.options.retry.max_attempts} attempt(s)"
    if node.options.timeout_s is not None:
        yield f"timeout {node.options.timeout_s:g} s"
    if habit.big:
        yield "its result is stored outside of messages"


def summary(plan: Plan) -> str:
    """A line for a plan."""
    return f"{len(plan.flows)} workflow(s), {len(plan.actions)} action(s), {len(plan.faults)} of them faults"
