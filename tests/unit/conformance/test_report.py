"""The report as a person reads it, and the rules as a table."""

import re

import click

from headrace_coordinator.cli.conformance_report import lines
from headrace_coordinator.conformance import PARTS, Report, Verdict
from headrace_coordinator.conformance.parts import answers, drain, restart
from headrace_coordinator.conformance.rules import RULES, kept, missed
from tests.wire.documentation import PAGE

REPORT = Report(
    command=("worker",),
    findings=(
        kept("pull", "it asked q_normal"),
        missed("no-nak", "-NAK for r/n/1", "an outcome"),
        missed("cancel", "no outcome", "an end"),
    ),
    printed={"answers": ("Traceback\x1b[2J",), "drain": ()},
)


def test_a_broken_rule_says_where_to_read() -> None:
    text = click.unstyle("\n".join(lines(REPORT)))
    assert (
        "kept      pull: It pulls from the durable consumer <queue>_<priority>. Found: it asked q_normal."
        in text
    )
    (broken,) = [line for line in text.splitlines() if line.startswith("BROKEN")]
    assert broken.endswith(
        "Found: -NAK for r/n/1. Expected: an outcome. Read: docs/protocol.md, What a worker does, 6."
    )
    assert "not done  cancel" in text
    assert text.endswith("1 rule is broken, 1 kept, 1 of those that may be left out are not done.")


def test_what_the_worker_printed_is_shown_only_where_a_rule_is_broken() -> None:
    text = "\n".join(lines(REPORT))
    assert r"Traceback\x1b[2J" in text
    assert "part drain" not in text
    good = Report(command=("worker",), findings=REPORT.findings[:1], printed=REPORT.printed)
    assert "Traceback" not in "\n".join(lines(good))


def test_a_rule_that_may_be_left_out_breaks_nothing() -> None:
    left_out = Report(command=("worker",), findings=REPORT.findings[2:], printed={})
    assert left_out.keeps_contract
    assert [one.rule for one in left_out.having(Verdict.NOT_DONE)] == ["cancel"]


def test_every_rule_is_judged_by_one_part() -> None:
    judged = [*answers.RULES, *drain.RULES, *restart.RULES]
    assert sorted(judged) == sorted(RULES)
    assert len(PARTS) == 3


def test_every_rule_names_a_section_of_the_page() -> None:
    headings = set(re.findall(r"^#+ (.+)$", PAGE.read_text(), re.MULTILINE))
    assert {re.sub(r", \d+$", "", rule.section) for rule in RULES.values()} <= headings
