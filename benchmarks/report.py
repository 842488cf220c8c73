"""Runs the benchmarks one after the other and writes docs/performance.md with its plot."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import msgspec
from _figures import Figure, Report, number

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
SCRIPTS = (
    "baseline",
    "chain",
    "trigger",
    "runs",
    "fanout",
    "map",
    "fairness",
    "cpu",
    "tracing",
    "idle",
    "memory",
    "disk",
    "start",
    "large_values",
)
_ROW, _LEFT, _WIDTH, _RIGHT = 26, 330, 420, 130
_OPEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
    ' font-family="system-ui, sans-serif" font-size="12" fill="#333">'
)
_SCALE = 2.0
"""The plot ends at twice the limit; longer bars are cut."""


def measured(script: str, *arguments: str) -> Report | None:
    command = [sys.executable, str(HERE / f"{script}.py"), "--json", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        print(f"{script} failed", file=sys.stderr)
        return None
    return msgspec.json.decode(done.stdout, type=Report)


def _target(figure: Figure) -> str:
    if figure.limit is None:
        return ""
    sign = "≥" if figure.at_least else "≤"
    unit = "" if figure.ratio is not None else f" {figure.unit}"
    return f"{sign} {number(figure.limit)}{unit}{'' if figure.holds else ' **missed**'}"


def _row(figure: Figure) -> str:
    beside = spread = ratio = ""
    if figure.baseline is not None and figure.ratio is not None:
        beside = f"{number(figure.baseline)} {figure.unit} ({figure.against})"
        ratio = f"{figure.ratio:.2f}"
        if len(figure.ratios) > 1:
            spread = f"{min(figure.ratios):.2f} to {max(figure.ratios):.2f}"
    cells = (figure.name, f"{number(figure.value)} {figure.unit}", beside, ratio, spread, _target(figure))
    return "| " + " | ".join(cells) + " |"


INTRODUCTION = (
    "Written by `python benchmarks/report.py`; the scripts in `benchmarks/` measure one claim each. Everything "
    "runs as it is deployed: nats-server, coordinator and worker are processes, the store is SQLite with "
    "`synchronous=FULL`, spans are kept. The bare round trip is what two programs do with nats-py and "
    "JetStream alone: a task is published to a work-queue stream, a worker process fetches it, publishes an "
    "outcome to a second one and acknowledges, the other side fetches and acknowledges; nothing is made "
    "durable beyond that. Both are measured in turns on the same nats-server; a ratio is the median over "
    "neighbouring rounds, and its range tells how quiet the machine was. The load is the machine's load average "
    "at the end of a script: well above the number of cores, other programs were in the way."
)


def page(reports: list[Report]) -> str:
    lines = [
        "# Performance",
        "",
        INTRODUCTION,
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "![What each figure uses of its limit](performance.svg)",
        "",
        "| figure | value | beside | ratio | range | target |",
        "|---|---|---|---|---|---|",
    ]
    for report in reports:
        lines.append(f"| **{report.claim}** (`{report.benchmark}.py`, load {report.load:.1f}) | | | | | |")
        lines += [_row(figure) for figure in report.figures]
    return "\n".join(lines) + "\n"


def _bar(place: int, name: str, figure: Figure) -> list[str]:
    limit = figure.limit or 1.0
    used = limit / figure.held if figure.at_least else figure.held / limit
    top = 34 + place * _ROW
    width = min(used, _SCALE) / _SCALE * _WIDTH
    color = "#2f7d4f" if figure.holds else "#b4552d"
    told = f"{number(figure.held)}{'×' if figure.ratio is not None else ' ' + figure.unit}"
    sign = "≥" if figure.at_least else "≤"
    return [
        f'<text x="{_LEFT - 10}" y="{top + 13}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="17" rx="2" fill="{color}"/>',
        f'<text x="{_LEFT + _WIDTH + 10}" y="{top + 13}">{escape(f"{told}  ({sign} {number(limit)})")}</text>',
    ]


def plot(reports: list[Report]) -> str:
    """A bar for each figure that has a target: how much of the limit it uses."""
    figures = [figure for report in reports for figure in report.figures if figure.limit is not None]
    height = 34 + len(figures) * _ROW + 12
    middle = _LEFT + _WIDTH / _SCALE
    lines = [
        _OPEN.format(width=_LEFT + _WIDTH + _RIGHT, height=height),
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{middle}" y="18" text-anchor="middle" font-weight="600">the limit</text>',
    ]
    for place, figure in enumerate(figures):
        lines += _bar(place, figure.name, figure)
    lines += [
        f'<line x1="{middle}" y1="24" x2="{middle}" y2="{height - 8}" stroke="#333" stroke-dasharray="4 3"/>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", help=f"default: {' '.join(SCRIPTS)}")
    parser.add_argument("--json", action="store_true", help="print the reports and write nothing")
    parser.add_argument("--huge", action="store_true", help="with the map of 1,000,000 items")
    arguments = parser.parse_args()
    reports = []
    for script in arguments.scripts or SCRIPTS:
        report = measured(script, *(["--huge"] if arguments.huge and script == "map" else []))
        if report is not None:
            reports.append(report)
            print(f"{script} done", file=sys.stderr)
    if arguments.json:
        sys.stdout.buffer.write(msgspec.json.encode(reports) + b"\n")
        return
    (DOCS / "performance.md").write_text(page(reports), encoding="utf-8")
    (DOCS / "performance.svg").write_text(plot(reports), encoding="utf-8")


if __name__ == "__main__":
    main()
