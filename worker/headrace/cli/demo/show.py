"""What the demo prints at its end."""

from __future__ import annotations

import shutil

from headrace.cli import output
from headrace.cli.api import Api, segment
from headrace.cli.demo.job import Finding, timings
from headrace.cli.rendering.runs import error_lines
from headrace.cli.rendering.units import duration, short
from headrace.cli.rendering.waterfall import waterfall_lines
from headrace.cli.views import AttemptView, RunDetail, TraceView

TRACE_ROWS = 40


def failure_lines(run: RunDetail) -> list[str]:
    """How the malformed month failed: file, row and column."""
    lines = [f"As planned, {run.workflow} {short(run.run_id)} {output.state(run.state)}:"]
    return lines + (error_lines(run.error) if run.error else [])


def result_lines(finding: Finding) -> list[str]:
    """A row for each month, from the outputs of the runs."""
    rows = [_month_row(month, run) for month, run in finding.months.items()]
    headings = (
        "MONTH",
        "STATE",
        "FLIGHTS",
        "CANCELLED",
        "CARRIERS",
        "MEAN DELAY",
        "MOST DELAYED",
        "TOOK",
        "RUN",
    )
    return output.table(headings, rows)


def slowest_lines(finding: Finding) -> list[str]:
    """The tasks that took longest."""
    rows = [
        (
            _place(attempt),
            duration(attempt.duration_s),
            duration(attempt.queue_wait_s),
            attempt.worker,
            short(run_id),
        )
        for run_id, attempt in finding.slowest
    ]
    return output.table(("TASK", "TOOK", "WAITED", "WORKER", "RUN"), rows)


def trace_lines(api: Api, run_id: str) -> list[str]:
    """The waterfall of one run."""
    width = shutil.get_terminal_size((120, 24)).columns
    trace = api.get(f"/runs/{segment(run_id)}/trace", TraceView)
    return waterfall_lines(trace, width, max_rows=TRACE_ROWS)


def verdict_lines(finding: Finding) -> list[str]:
    """Whether all of it is right."""
    if finding.ok:
        flights = sum(_number(run, "flights") for run in finding.months.values())
        verdict = (
            f"All right: {flights:,} flights in {len(finding.months)} months, every figure worked out twice."
        )
        lines = [output.paint(verdict, "1;32")]
    else:
        lines = [output.paint(f"Not right: {len(finding.problems)} problems", "1;31")]
        lines += [f"  - {problem}" for problem in finding.problems[:20]]
    return [*lines, output.dim(f"took: {timings(finding.took_s)}")]


def next_lines(finding: Finding, *, running: bool, kept: bool) -> list[str]:
    """What to try next."""
    lines = ["Try next:"]
    if running:
        run_id = short(next(iter(finding.months.values())).run_id)
        lines += [
            "  headrace runs list",
            f"  headrace runs trace {run_id}",
            f"  headrace runs logs {run_id}",
            "  headrace workflows show flights_month",
        ]
    elif kept:
        lines.append(f"  headrace dev --data {finding.data}      look around in what is kept there")
    else:
        lines.append("  headrace demo --keep      the same, and it goes on running, to look around")
    lines.append("  headrace dev              your own workflows, in an empty directory")
    if kept or running:
        lines.append(f"  {finding.results}/2013-01/report.html")
    return lines


def _month_row(month: int, run: RunDetail) -> tuple[str, ...]:
    value = _output(run)
    delay = value.get("mean_departure_delay")
    return (
        f"2013-{month:02d}",
        run.state,
        f"{_number(run, 'flights'):,}",
        f"{_number(run, 'cancelled'):,}",
        str(value.get("carriers", "-")),
        f"{delay:.1f} min" if isinstance(delay, int | float) else "-",
        str(value.get("most_delayed", "-")),
        duration(run.duration_s),
        short(run.run_id),
    )


def _output(run: RunDetail) -> dict[str, object]:
    value = run.output.value if run.output else None
    return value if isinstance(value, dict) else {}


def _number(run: RunDetail, name: str) -> int:
    value = _output(run).get(name)
    return value if isinstance(value, int) else 0


def _place(attempt: AttemptView) -> str:
    return attempt.node if attempt.item is None else f"{attempt.node}[{attempt.item}]"
