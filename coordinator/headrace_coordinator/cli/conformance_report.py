"""The report of `headrace conformance` as lines; colours go where a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from headrace_coordinator.conformance import Finding, Report, Verdict
from headrace_protocol.printable import printable

PAGE = "docs/protocol.md"
_WORDS = {
    Verdict.KEPT: ("kept", "green"),
    Verdict.BROKEN: ("BROKEN", "red"),
    Verdict.NOT_DONE: ("not done", "yellow"),
}
_WIDTH = max(len(word) for word, _ in _WORDS.values())
_INDENT = " " * (_WIDTH + 2)


def lines(report: Report) -> Iterator[str]:
    """A line for each rule, what the worker printed where one is broken, and the sum."""
    for finding in report.findings:
        yield _rule(finding)
    if not report.keeps_contract:
        for part, printed in report.printed.items():
            yield from _printed(part, printed)
    yield ""
    yield _sum(report)


def _rule(finding: Finding) -> str:
    word, colour = _WORDS[finding.verdict]
    head = typer.style(f"{word:<{_WIDTH}}", fg=colour, bold=finding.verdict is Verdict.BROKEN)
    line = f"{head}  {typer.style(finding.rule, bold=True)}: {finding.sentence}"
    if finding.found:
        line += f" Found: {printable(finding.found)}."
    if finding.verdict is not Verdict.KEPT:
        line += f" Expected: {printable(finding.expected)}. Read: {PAGE}, {finding.section}."
    return line


def _printed(part: str, printed: tuple[str, ...]) -> Iterator[str]:
    if not printed:
        return
    yield ""
    yield typer.style(f"The worker's last lines in the part {part}:", bold=True)
    for line in printed:
        yield f"{_INDENT}{printable(line)}"


def _sum(report: Report) -> str:
    kept, broken, left_out = (len(report.having(verdict)) for verdict in Verdict)
    rules = "1 rule is broken" if broken == 1 else f"{broken} rules are broken"
    text = f"{rules}, {kept} kept, {left_out} of those that may be left out are not done."
    return typer.style(text, fg="red" if broken else "green", bold=True)
