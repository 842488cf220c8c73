"""What became of an event, as lines: one for each trigger."""

from __future__ import annotations

from headrace.cli import output
from headrace.cli.event_views import PublishedEvent, Verdict
from headrace.cli.rendering.units import short


def published_lines(event: PublishedEvent) -> list[str]:
    """The event, and what each trigger of its type made of it."""
    again = "  (received before)" if event.duplicate else ""
    lines = [f"published {event.type} {event.id}{again}"]
    if not event.verdicts:
        why = event.nobody_listens or f"no trigger listens to {event.type}"
        lines.append(f"  {why.rstrip('.')}; the event is stored, and started no run")
    for verdict in event.verdicts:
        lines += _lines(verdict)
    return lines


def _lines(verdict: Verdict) -> list[str]:
    place = f"{verdict.workflow}, trigger {verdict.trigger}"
    watch = "   " + output.dim(f"headrace runs watch {short(verdict.run_id)}")
    match verdict.kind:
        case "fired":
            return [f"  run {verdict.run_id}   {place}{watch}"]
        case "duplicate":
            return [f"  run {verdict.run_id}   {place}: the event had started it before{watch}"]
        case "filtered":
            return [f"  {place}: not started, {verdict.reason}"]
        case "broken":
            return [f"  {place}: {output.paint('broken', '31')}{_failure(verdict)}", *_redrive(verdict)]
        case _:
            return [f"  {place}: {verdict.kind}"]


def _failure(verdict: Verdict) -> str:
    error = verdict.error
    if error is None:
        return ""
    found = f"\n    found: {error.found}" if error.found else ""
    fix = f"\n    fix: {error.fix}" if error.fix else ""
    return f": {error.message}{found}{fix}"


def _redrive(verdict: Verdict) -> list[str]:
    if not verdict.letter_id:
        return []
    command = output.dim(f"headrace deadletters redrive {verdict.letter_id}")
    return [f"    the event is kept for this trigger as dead letter {verdict.letter_id}   {command}"]
