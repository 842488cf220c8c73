"""Which files `headrace dev` takes for gone."""

from __future__ import annotations

from pathlib import Path

from headrace_coordinator.local.loading import (
    GONE_AFTER_S,
    Failures,
    FileReport,
    KnownFiles,
    Look,
    no_report,
    read_report,
)
from headrace_protocol.errors import ErrorInfo

FLOW = "from headrace import workflow\n@workflow\ndef w(): ...\n"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_is_gone_when_it_has_been_missing_for_a_while(tmp_path: Path) -> None:
    clock = Clock()
    known = KnownFiles([], tmp_path, tmp_path / "files.json", clock)
    (tmp_path / "a.py").write_text(FLOW)
    (tmp_path / "b.py").write_text(FLOW)
    assert known.look() == Look(("a.py", "b.py"), (), (), None)
    known.loaded(["a.py", "b.py"], [])
    (tmp_path / "a.py").unlink()
    assert known.look() == Look(("b.py",), (), ("a.py",), GONE_AFTER_S)
    clock.now = GONE_AFTER_S - 1
    assert known.look() == Look(("b.py",), (), ("a.py",), 1.0)
    clock.now = GONE_AFTER_S
    assert known.look() == Look(("b.py",), ("a.py",), (), None)
    known.loaded(["b.py"], ["a.py"])
    assert known.look().gone == ()


def test_a_file_that_comes_back_in_time_was_never_gone(tmp_path: Path) -> None:
    clock = Clock()
    known = KnownFiles([], tmp_path, tmp_path / "files.json", clock)
    (tmp_path / "a.py").write_text(FLOW)
    known.loaded(["a.py"], [])
    (tmp_path / "a.py").write_text("")  # as an editor leaves it for a moment
    assert known.look().missing == ("a.py",)
    clock.now = GONE_AFTER_S - 1
    (tmp_path / "a.py").write_text(FLOW)
    assert known.look().missing == ()
    (tmp_path / "a.py").unlink()
    clock.now += 2
    assert known.look().gone == ()


def test_what_was_loaded_is_remembered_by_the_next_start(tmp_path: Path) -> None:
    memory = tmp_path / "files.json"
    KnownFiles([], tmp_path, memory).loaded(["a.py", "company.flows"], [])
    assert KnownFiles([], tmp_path, memory).look().missing == ("a.py",)
    memory.write_text("not JSON")
    assert KnownFiles([], tmp_path, memory).look().missing == ()


def test_a_file_that_is_there_and_was_not_named_is_not_gone(tmp_path: Path) -> None:
    memory = tmp_path / "files.json"
    (tmp_path / "a.py").write_text(FLOW)
    (tmp_path / "b.py").write_text(FLOW)
    KnownFiles(["a.py"], tmp_path, memory).loaded(["a.py"], [])
    assert KnownFiles(["b.py"], tmp_path, memory).look() == Look(("b.py",), (), (), None)


def test_a_failure_keeps_the_time_of_the_first_one() -> None:
    times = iter((1, 2, 3))
    failures = Failures(lambda: next(times))
    broken = FileReport(("a.py",), ErrorInfo("definition.invalid", "no"))
    assert [one.since_us for one in failures.of([broken])] == [1]
    assert [one.since_us for one in failures.of([broken, FileReport(("b.py",), loaded=True)])] == [1]
    assert failures.of([FileReport(("a.py",), loaded=True)]) == ()
    assert [one.since_us for one in failures.of([broken])] == [2]


def test_a_process_that_ended_without_a_report_is_a_failure(tmp_path: Path) -> None:
    assert read_report(tmp_path / "none.json") is None
    report = no_report(["a.py"], "SIGSEGV")
    assert report.error is not None
    assert "SIGSEGV" in report.error.message
