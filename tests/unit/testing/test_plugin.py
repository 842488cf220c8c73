"""The pytest plugin, in a pytest of its own on a user's project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
import datetime
import pytest
from headrace import event, every, task, workflow


@task(retries=1)
def double(number: int) -> int:
    if number > 5:
        raise ValueError("too much")
    return 2 * number


@workflow(triggers=[event("numbers")])
def doubling(number: int) -> int:
    return double(number)


@workflow(triggers=[every("1h")])
def hourly() -> int:
    return double(1)
"""
PASSING = """
def test_a_run(headrace):
    assert headrace.run(doubling, 3).output == 6


@pytest.mark.headrace(doubling, hourly)
class TestMarked:
    @pytest.mark.headrace(start=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC), workers=2)
    def test_schedules(self, headrace):
        headrace.advance("3h")
        assert [run.scheduled_at.hour for run in headrace.runs(hourly)] == [1, 2, 3]
        assert headrace.now.year == 2030

    def test_events(self, headrace):
        [run] = headrace.publish("numbers", {"number": 4})
        assert run.output == 8
"""
FAILING = """
def test_state(headrace):
    run = headrace.run(doubling, 7)
    assert run.state == "succeeded"


def test_output(headrace):
    assert headrace.run(doubling, 7).output == 14


def test_attempts(headrace):
    assert len(headrace.run(doubling, 7).attempts("double")) == 3


def test_trace(headrace):
    assert headrace.run(doubling, 3).trace.outline() == "run doubling\\n  task triple"


def test_unused_fault(headrace):
    headrace.faults.kill_worker(task="dobule")
    headrace.run(doubling, 3)


def test_failing_with_an_unused_fault(headrace):
    headrace.faults.kill_worker(task="dobule")
    raise ZeroDivisionError


@pytest.mark.headrace(queues=("gpu",), patience="1h")
def test_stuck(headrace):
    headrace.run(doubling, 3)
"""


def run_pytest(folder: Path, *options: str, everybodys_plugins: bool = False) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    if not everybodys_plugins:  # the others only take time
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        options = ("-p", "headrace_pytest", *options)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    return ran.stdout + ran.stderr


def project(folder: Path, tests: str) -> Path:
    (folder / "test_project.py").write_text(PROJECT + tests)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    return folder


def test_the_fixture_and_its_marker(tmp_path: Path) -> None:
    assert "3 passed" in run_pytest(project(tmp_path, PASSING))


def test_the_marker_is_described(pytestconfig: pytest.Config) -> None:
    assert any(line.startswith("headrace(*workflows, **options)") for line in pytestconfig.getini("markers"))


def test_failures_tell_what_happened(tmp_path: Path) -> None:
    report = run_pytest(project(tmp_path, FAILING), "-rfE")
    assert "6 failed, 1 passed, 1 error" in report

    def of(test: str) -> str:
        found = re.search(
            rf"_ (?:ERROR at teardown of )?{test} _+\n(.*?)(?=\n_{{3,}} |\n=====)", report, re.DOTALL
        )
        assert found is not None, report
        return found.group(1)

    state = of("test_state")
    assert "assert 'failed' == 'succeeded'" in state
    assert "run doubling-1 of doubling: failed, ValueError: too much" in state
    assert "at +0 s double attempt 1: failed, ValueError: too much" in state
    output = of("test_output")
    assert "double attempt 2: failed, ValueError: too much" in output
    assert 'raise ValueError("too much")' in output, "the user's own line"
    assert "headrace/testing" not in output, "and none of ours"
    attempts = of("test_attempts")
    assert "assert 2 == 3" in attempts
    assert "<attempts (2): double attempt 1: failed, ValueError: too much; double attempt 2:" in attempts
    assert "-   task triple" in of("test_trace")
    assert "+   task double" in of("test_trace")
    unused = of("test_unused_fault")
    assert "FaultUnused: faults: a fault was planned and never happened" in unused
    assert "found: kill_worker('dobule', attempt=1)" in unused
    assert "FaultUnused" not in of("test_failing_with_an_unused_fault")
    stuck = of("test_stuck")
    assert "RunStuck: run doubling-1: the run is not finished after 3600 s of virtual time" in stuck
    assert "no live worker serves default" in stuck


def test_the_start_of_pytest_loads_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\n\ndef test_nothing():\n"
        "    assert 'headrace_pytest' in sys.modules\n"
        "    assert not {'headrace', 'headrace_protocol', 'msgspec', 'nats'} & sys.modules.keys()\n"
    )
    told = run_pytest(tmp_path, everybodys_plugins=True)
    assert "1 passed" in told, told
