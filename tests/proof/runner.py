"""Runs one form of a proof in a process of its own, and tells whether its sentence holds."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from tests.proof import figures, form
from tests.proof.figures import Figure
from tests.proof.form import Form
from tests.proof.machine import ROOT
from tests.proof.proofs import Command, Proof

TOLD_LINES = 25


class Verdict(StrEnum):
    HOLDS = "holds"
    FAILS = "does not hold"
    NOT_RUN = "not run"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one line."""

    proof: Proof
    verdict: Verdict = Verdict.NOT_RUN
    figures: tuple[Figure, ...] = ()
    took_s: float = 0.0
    output: str = ""
    """The end of what the process wrote, where the sentence does not hold."""


def command_of(proof: Proof, form: Form) -> Command:
    return proof.long if form is Form.LONG else proof.short


def run(proof: Proof, wanted: Form) -> Result:
    """Run it to its end, however long that takes."""
    command = command_of(proof, wanted)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headrace-proof-") as folder:
        recorded, report = Path(folder, "figures"), Path(folder, "report.xml")
        environment = {**os.environ, form.VARIABLE: wanted, figures.VARIABLE: str(recorded)}
        more = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"] if command.runs_tests else []
        with Path(folder, "output").open("w+") as output:
            done = subprocess.run(
                [*command.argv(), *more], cwd=ROOT, env=environment, stdout=output, stderr=output, check=False
            )
            output.seek(0)
            told = output.read()
        verdict = Verdict.FAILS if done.returncode else Verdict.HOLDS
        found = figures.recorded(recorded)
        if command.read is not None:
            found += command.read(told)
        if command.runs_tests:
            passed, skipped = counted(report)
            found += (
                Figure("tests passed", passed),
                *([Figure("tests skipped", skipped)] if skipped else []),
            )
            if verdict is Verdict.HOLDS and (skipped or not passed):
                verdict = Verdict.NOT_RUN
    return Result(
        proof=proof,
        verdict=verdict,
        figures=found,
        took_s=time.monotonic() - began,
        output="" if verdict is Verdict.HOLDS else "\n".join(told.splitlines()[-TOLD_LINES:]),
    )


def counted(report: Path) -> tuple[int, int]:
    """Tests that passed and tests that were skipped, from pytest's report."""
    if not report.exists():
        return 0, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))

    def total(name: str) -> int:
        return sum(int(suite.get(name, "0")) for suite in suites)

    skipped = total("skipped")
    return total("tests") - total("failures") - total("errors") - skipped, skipped
