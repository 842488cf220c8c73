"""Runs as lines: the list, one run in full, its outcome, its logs."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.cli import output
from headrace.cli.failures import describe, from_info
from headrace.cli.rendering.activity import advice, label, progress, sentence, took
from headrace.cli.rendering.previews import preview_lines
from headrace.cli.rendering.units import ago, clip, clock, duration, moment, short, size
from headrace.cli.views import (
    SUCCEEDED,
    Explanation,
    NodeView,
    RunDetail,
    RunSummary,
    ValueView,
)
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LifecycleEvent, LogLine

OUTPUT_CHARACTERS = 2_000
ERROR_WIDTH = 60
ACTIVITY_WIDTH = 80


def run_table(runs: Sequence[RunSummary]) -> list[str]:
    """Runs in a list, newest first."""
    rows = [
        (
            short(run.run_id),
            run.workflow,
            run.state,
            progress(run),
            took(run),
            ago(run.created_at_us),
            run.trigger,
            _why(run),
        )
        for run in runs
    ]
    return output.table(("RUN", "WORKFLOW", "STATE", "NODES", "TOOK", "STARTED", "TRIGGER", "WHY"), rows)


def _why(run: RunSummary) -> str:
    if run.error is not None:
        return clip(run.error.message, ERROR_WIDTH)
    return "" if run.activity is None else clip(sentence(run.activity), ACTIVITY_WIDTH)


def run_lines(run: RunDetail) -> list[str]:
    """One run: what started it, its nodes, its outcome."""
    lines = [
        f"{output.bold(run.workflow)}  {run.run_id}  {output.state(run.state)}",
        f"  version  {run.version[:12]}",
        f"  trigger  {run.trigger}" + (f" (event {run.event_id})" if run.event_id else ""),
        f"  started  {moment(run.created_at_us)}, {ago(run.created_at_us)}",
        f"  took     {took(run)}" + ("" if run.finished else " so far"),
        f"  trace    {run.trace_id or '-'}",
        f"  params   {clip(output.as_json(run.params), OUTPUT_CHARACTERS)}",
    ]
    if run.scheduled_at_us is not None:
        lines.append(f"  for      {moment(run.scheduled_at_us)}, when it was scheduled")
    if run.interval is not None:
        lines.append(
            f"  covers   {moment(run.interval.start_us)} to {moment(run.interval.end_us)}, the end excluded"
        )
    if run.labels:
        lines.append("  labels   " + ", ".join(f"{name}={value}" for name, value in run.labels.items()))
    lines.append(
        f"  nodes    {progress(run)} succeeded" if run.progress else f"  nodes    {progress(run)} ended"
    )
    if run.activity is not None:
        lines.append(f"  now      {sentence(run.activity)}")
        if todo := advice(run.activity):
            lines.append(f"           {todo}")
    lines += [
        "",
        *output.table(("NODE", "STATE", "ITEMS", "ATTEMPT", "WAITED", "TOOK", "WHY"), _nodes(run.nodes)),
    ]
    return [*lines, "", *outcome_lines(run)]


def _nodes(nodes: Sequence[NodeView]) -> list[tuple[str, ...]]:
    return [
        (
            node.node,
            label(node.activity) if node.activity else node.state,
            f"{node.map.done}/{node.map.total}" if node.map else "",
            f"{node.attempt}/{node.max_attempts}" if node.attempt else "-",
            duration(node.queue_wait_s),
            duration(node.duration_s),
            _detail(node),
        )
        for node in nodes
    ]


def _detail(node: NodeView) -> str:
    """Why it failed, or what it does."""
    if node.error is not None:
        return clip(node.error.message, ERROR_WIDTH)
    return "" if node.activity is None else clip(sentence(node.activity), ACTIVITY_WIDTH)


def outcome_lines(run: RunDetail) -> list[str]:
    """How a run ended (or stands), its output or error, and what to try next."""
    head = f"{output.state(run.state)}  {run.workflow} {short(run.run_id)} in {took(run)}"
    lines = [head]
    if run.output is not None:
        lines += ["  output   " + line for line in value_lines(run.output)]
    if run.error is not None:
        lines += error_lines(run.error, traceback=True)
    return [*lines, *next_steps(run)]


def value_lines(value: ValueView) -> list[str]:
    """A value, cut when it is long; of a table or array what is shown of it; of a stored one where it is."""
    shown = [] if value.preview is None else preview_lines(value.preview)
    if value.stored is not None:
        return [*shown, f"{size(value.stored.size_bytes)} at {value.stored.uri}"]
    if shown:
        return shown
    text = output.as_json(value.value)
    if len(text) <= OUTPUT_CHARACTERS:
        return [text]
    return [text[:OUTPUT_CHARACTERS] + f"… ({len(text)} characters)"]


def error_lines(error: ErrorInfo, *, traceback: bool = False) -> list[str]:
    """An error of a run: what, where, found, expected, fix; then the user's own traceback."""
    lines = describe(from_info(error), color=bool(output.paint("", "1"))).splitlines()
    lines += [f"  {name + ':':<10}{value}" for name, value in error.details.items()]
    if traceback and error.traceback:
        lines += [f"    {output.dim(line)}" for line in error.traceback.rstrip().splitlines()]
    return lines


def next_steps(run: RunSummary) -> list[str]:
    """Commands that go on from here."""
    run_id = short(run.run_id)
    steps = [f"headrace runs trace {run_id}", f"headrace runs logs {run_id}"]
    if run.state != SUCCEEDED:
        steps.insert(0, f"headrace runs explain {run_id}")
    return [output.dim("try next: " + "   ".join(steps))]


def explain_lines(explanation: Explanation) -> list[str]:
    """Why a run is where it is."""
    lines = [f"{output.state(explanation.state)}  {explanation.summary}"]
    lines += [f"  - {reason.text}" for reason in explanation.reasons]
    if explanation.error is not None:
        lines += ["", *error_lines(explanation.error)]
    if explanation.advice:
        lines += ["", "What to do:", *(f"  - {line}" for line in explanation.advice)]
    return lines


def log_text(line: LogLine) -> str:
    """One log line: time, place, level, message."""
    place = line.node if line.item is None else f"{line.node}[{line.item}]"
    if line.attempt > 1:
        place += f" #{line.attempt}"
    level = line.level.lower() if line.stream == "logging" else line.stream
    colour = {"error": "31", "critical": "31", "warning": "33"}.get(level, "2")
    shown = line.message.replace("\n", "\n" + " " * 15)
    parts = (output.dim(clock(line.at_us)), output.paint(place, "36"), output.paint(level, colour), shown)
    return "  ".join(parts)


def history_text(event: LifecycleEvent) -> str:
    """One thing that happened: time, what, where."""
    place = event.node if event.item is None else f"{event.node}[{event.item}]"
    attempt = f" #{event.attempt}" if event.attempt else ""
    facts = "  ".join(
        f"{name}={output.as_json(value)}" for name, value in event.data.items() if not name.endswith("_us")
    )
    error = f"  {output.paint(clip(event.error.message, 100), '31')}" if event.error else ""
    what = f"{output.dim(clock(event.at_us))}  {event.kind:<18} {place}{attempt}"
    return f"{what}  {output.dim(facts)}{error}".rstrip()
