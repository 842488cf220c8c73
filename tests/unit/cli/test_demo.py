"""The demo's verdict: what counts as right, and what it says."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from headrace.cli.api import Api
from headrace.cli.demo.example import Example, find_example
from headrace.cli.demo.job import Finding, Job
from headrace.cli.demo.show import next_lines, result_lines, verdict_lines
from headrace.cli.views import RunDetail, ValueView
from headrace_protocol.errors import ErrorInfo

BROKEN = SimpleNamespace(month=6, row=21_318, column="dep_delay", value="n/a?")


def run(state: str, error: ErrorInfo | None = None) -> RunDetail:
    output = ValueView(value={"flights": 1_000, "cancelled": 5, "mean_departure_delay": 9.96})
    return RunDetail(run_id="r" * 26, workflow="w", version="v", state=state, error=error, output=output)


def job(tmp_path: Path, problems: list[str]) -> Job:
    example = SimpleNamespace(malformed=BROKEN, months=range(1, 13), verify=lambda output, months: problems)
    return Job(cast(Example, example), Api("http://127.0.0.1:9"), tmp_path, {6: Path("flights-2013-06.csv")})


def finding(**changes: object) -> Finding:
    fields: dict[str, object] = {
        "ok": True,
        "problems": (),
        "months": {1: run("succeeded")},
        "failed": None,
        "slowest": (),
        "data": "/data",
        "results": "/results",
        "took_s": {"all": 8.5},
    }
    return Finding(**(fields | changes))  # type: ignore[arg-type]


def test_the_example_is_found() -> None:
    assert (find_example() / "pipeline.py").is_file()


def test_all_is_right_only_when_every_run_and_every_figure_is(tmp_path: Path) -> None:
    assert job(tmp_path, []).verify({1: run("succeeded")}) == []
    assert job(tmp_path, ["2013-01: wrong"]).verify({1: run("succeeded")}) == ["2013-01: wrong"]
    (problem,) = job(tmp_path, []).verify({2: run("failed", ErrorInfo(code="x", message="boom"))})
    assert problem == "2013-02: its run failed: boom"


@pytest.mark.parametrize(
    ("state", "message", "right"),
    [
        ("failed", "flights-2013-06.csv, row 21318, column dep_delay: found 'n/a?'", True),
        ("failed", "flights-2013-06.csv, row 21319, column dep_delay: found 'n/a?'", False),
        ("succeeded", "flights-2013-06.csv, row 21318, column dep_delay", False),
    ],
)
def test_the_malformed_month_has_to_fail_and_say_where(
    tmp_path: Path, state: str, message: str, right: bool
) -> None:
    checked = job(tmp_path, [])
    checked.check_failure(run(state, ErrorInfo(code="x", message=message)))
    assert (checked.problems == []) is right


def test_what_is_said_at_the_end() -> None:
    assert verdict_lines(finding())[0].startswith("All right: 1,000 flights in 1 months")
    assert "  - bad" in verdict_lines(finding(ok=False, problems=("bad",)))
    assert "10.0 min" in result_lines(finding())[1]
    assert "  headrace runs trace rrrrrrrrrr" in next_lines(finding(), running=True, kept=False)
    assert any("--data /data" in line for line in next_lines(finding(), running=False, kept=True))
