"""docs/proof.md: what was claimed, whether it held, the figures, and how to run it again."""

from __future__ import annotations

from collections.abc import Sequence

from tests.proof.machine import Surroundings
from tests.proof.runner import Result, Verdict

INTRODUCTION = (
    "Written by `just proof`, which runs the long form of each line; CI runs the short form of each. The same tests "
    "make both: `HEADRACE_PROOF=long` makes them larger. A line that was not part of the last call says \"not run\"."
)  # fmt: skip


def page(results: Sequence[Result], where: Surroundings) -> str:
    """The whole page. A result's text belongs to one line of the table."""
    lines = [
        "# Proof",
        "",
        INTRODUCTION,
        "",
        f"Last call: {where}.",
        "",
        "| sentence | verdict | figures | run it again |",
        "|---|---|---|---|",
        *(_row(result) for result in results),
        "",
        "## Commands",
        "",
        "What each line runs, and its short form. Tests of the long form want `HEADRACE_PROOF=long`.",
        "",
        "| line | long form | short form |",
        "|---|---|---|",
        *(f"| {one.proof.name} | `{one.proof.long}` | `{one.proof.short}` |" for one in results),
    ]
    failed = [result for result in results if result.verdict is Verdict.FAILS]
    if failed:
        lines += ["", "## What does not hold"]
    for result in failed:
        lines += ["", f"### {result.proof.name}", "", "```text", result.output, "```"]
    return "\n".join(lines) + "\n"


def _row(result: Result) -> str:
    found = "; ".join(str(figure) for figure in result.figures)
    took = f"{result.took_s:.0f} s" if result.verdict is not Verdict.NOT_RUN else ""
    verdict = result.verdict if result.verdict is Verdict.HOLDS else f"**{result.verdict}**"
    told = "; ".join(part for part in (found, took) if part)
    return f"| {result.proof.sentence} | {verdict} | {told} | `just proof {result.proof.name}` |"
