"""What mypy strict says about users' files, and what `from headrace import ...` offers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import headrace
import headrace.testing
from headrace import load

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXPECTED = re.compile(r"# error: ([\w, -]+)$")
REPORTED = re.compile(r"(\w+)\.py:(\d+): error: .*\[([\w-]+)\]$")

Found = dict[tuple[str, int], set[str]]


def expected_errors(path: Path) -> Found:
    marked: Found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = EXPECTED.search(line)
        if match is not None:
            marked[path.stem, number] = set(match[1].split(", "))
    return marked


def reported_errors(tmp_path: Path, *files: str) -> Found:
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context"),
            *("--cache-dir", str(tmp_path), "--config-file", str(ROOT / "pyproject.toml")),
            *(str(HERE / file) for file in files),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert finished.stderr == ""
    reported: Found = {}
    for line in finished.stdout.splitlines():
        match = REPORTED.search(line)
        if match is not None:
            reported.setdefault((match[1], int(match[2])), set()).add(match[3])
    return reported


def test_mypy_accepts_the_good_file_and_rejects_each_wrong_edge(tmp_path: Path) -> None:
    assert reported_errors(tmp_path, "good.py", "bad.py") == expected_errors(HERE / "bad.py")


def test_mypy_accepts_good_tests_and_rejects_each_wrong_call(tmp_path: Path) -> None:
    found = reported_errors(tmp_path, "good_tests.py", "bad_tests.py")
    assert found == expected_errors(HERE / "bad_tests.py")


def test_the_good_file_passes_the_definition_check_too() -> None:
    definitions = load(str(HERE / "good.py"))
    assert set(definitions.workflows) == {"flights_month", "resized", "two_months", "unpacked"}
    named = {
        "validate",
        "carrier_statistics",
        "weather",
        "report.write",
        "tidy",
        "extremes",
        "months",
        "images.resize",
    }
    assert set(definitions.tasks) == named


def test_the_exports_are_these() -> None:
    """A name added here is promised to users; one removed breaks them."""
    assert headrace.__all__ == [
        "AsyncTask",
        "Completed",
        "DataInterval",
        "DefinitionError",
        "Definitions",
        "Fail",
        "HandleUsedAsValue",
        "HeadraceError",
        "ProgramFailed",
        "ProgramTimeout",
        "Retries",
        "Retry",
        "ScheduleError",
        "ScheduledAt",
        "Serializer",
        "Task",
        "TaskContext",
        "TypeMismatch",
        "Workflow",
        "cel",
        "context",
        "cron",
        "event",
        "every",
        "load",
        "load_all",
        "register_serializer",
        "shell",
        "shell_async",
        "task",
        "workflow",
    ]
    assert all(hasattr(headrace, name) for name in headrace.__all__)


def test_the_exports_of_testing_are_these() -> None:
    assert headrace.testing.__all__ == [
        "START",
        "AsyncEnvironment",
        "Attempt",
        "Attempts",
        "Environment",
        "FaultUnused",
        "Faults",
        "Line",
        "Node",
        "NothingFound",
        "Run",
        "RunNotSucceeded",
        "RunStuck",
        "Span",
        "State",
        "Trace",
        "attempt",
    ]
    assert all(hasattr(headrace.testing, name) for name in headrace.testing.__all__)


def test_importing_headrace_loads_no_server_library() -> None:
    code = "import sys, headrace; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(re.findall(r"'(\w+)'", finished.stdout))
    assert not loaded & {"nats", "opentelemetry", "structlog", "typer", "rich", "headrace_coordinator"}
