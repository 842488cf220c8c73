"""The demo's job, step by step, and what it found."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import msgspec

from headrace.cli.api import Api, segment
from headrace.cli.demo.example import Example
from headrace.cli.event_views import Published
from headrace.cli.rendering.progress import Progress, Titles
from headrace.cli.rendering.units import duration
from headrace.cli.views import SUCCEEDED, AttemptPage, AttemptView, RunDetail
from headrace.cli.watching import Changes, Watch
from headrace_protocol.cloudevent import CloudEvent, encode_structured
from headrace_protocol.errors import HeadraceError

EVENT = "flights.month.landed"
SOURCE = "headrace/demo"
RUNS_TIMEOUT_S = 120.0
SLOWEST = 5
PAGE = 500


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo did and found."""

    ok: bool
    problems: tuple[str, ...]
    months: dict[int, RunDetail]
    """The run that made each month's result."""
    failed: RunDetail | None
    """The run of the malformed month."""
    slowest: tuple[tuple[str, AttemptView], ...]
    """(run id, attempt) pairs."""
    data: str
    results: str
    took_s: dict[str, float]


class Job:
    """Twelve months, one malformed, then corrected and checked."""

    def __init__(self, example: Example, api: Api, data: Path, files: dict[int, Path]) -> None:
        self.example = example
        self.results = data / "results"
        self.runs: dict[int, str] = {}
        self.took_s: dict[str, float] = {}
        self.problems: list[str] = []
        self.titles: Titles = {}
        self._api = api
        self._data = data
        self._files = files
        self._nonce = uuid4().hex[:8]
        """A demo on the data of another one is not to find its events known already."""

    def run_months(self, progress: Progress) -> tuple[dict[int, RunDetail], RunDetail | None]:
        """Publish, follow, correct, follow; the months' runs, and the one that failed."""
        changes = Changes(self._api)
        try:
            with progress, self._timed("twelve months"):
                watch = Watch(self._api, progress)
                for month, path in self._files.items():
                    watch.follow(self._publish(month, path, f"2013-{month:02d}"))
                watch.wait(changes, timeout_s=RUNS_TIMEOUT_S)
                failed = watch.runs[self.runs[self.example.malformed.month]]
            self.check_failure(failed)
            return {month: watch.runs[run_id] for month, run_id in self.runs.items()}, failed
        finally:
            changes.close()

    def run_corrected(self, progress: Progress) -> RunDetail:
        """Correct the malformed file, say so with an event, follow its run."""
        changes = Changes(self._api)
        month = self.example.malformed.month
        try:
            with progress, self._timed("the corrected month"):
                path = self.example.correct(self._files[month].parent, month)
                run_id = self._publish(month, path, f"2013-{month:02d} corrected")
                watch = Watch(self._api, progress, [run_id])
                watch.wait(changes, timeout_s=RUNS_TIMEOUT_S)
                return watch.runs[run_id]
        finally:
            changes.close()

    def verify(self, months: dict[int, RunDetail]) -> list[str]:
        """Everything that is not as it should be; empty when all of it is right."""
        with self._timed("checking"):
            for month, run in months.items():
                if run.state != SUCCEEDED:
                    reason = run.error.message if run.error else run.state
                    self.problems.append(f"2013-{month:02d}: its run {run.state}: {reason}")
            self.problems += self.example.verify(self.results, self.example.months)
        return self.problems

    def slowest(self) -> list[tuple[str, AttemptView]]:
        """The attempts that took longest, over all runs."""
        attempts = [
            (run_id, attempt)
            for run_id in self.runs.values()
            for attempt in self._api.get(
                f"/runs/{segment(run_id)}/attempts", AttemptPage, {"limit": PAGE}
            ).attempts
        ]
        return sorted(attempts, key=lambda pair: pair[1].duration_s, reverse=True)[:SLOWEST]

    def _publish(self, month: int, path: Path, title: str) -> str:
        event = CloudEvent(
            id=f"{path.stem}-{self._nonce}",
            source=SOURCE,
            type=EVENT,
            subject=f"2013-{month:02d}",
            datacontenttype="application/json",
            data={"month": month, "path": str(path), "output": str(self.results)},
        )
        headers, body = encode_structured(event)
        runs = self._api.post_bytes("/events", body, headers, Published).events[0].runs
        if len(runs) != 1:
            raise HeadraceError(
                "an event started another number of runs than one",
                where=f"{EVENT} {event.id}",
                found=str(len(runs)),
                expected="1",
            )
        self.runs[month] = runs[0]
        self.titles[runs[0]] = title
        return runs[0]

    def check_failure(self, run: RunDetail) -> None:
        """The malformed month has to fail, and to name file, row and column."""
        broken = self.example.malformed
        message = run.error.message if run.error else ""
        details = run.error.details if run.error else {}
        wanted = (self._files[broken.month].name, str(broken.row), broken.column)
        told = f"{message} {' '.join(details.values())}".replace(",", "")
        if run.state != "failed" or not all(word in told for word in wanted):
            self.problems.append(
                f"the malformed month {run.state}; it has to fail and name {', '.join(wanted)}: {message}"
            )

    def _timed(self, name: str) -> _Timer:
        return _Timer(name, self.took_s)


class _Timer:
    def __init__(self, name: str, into: dict[str, float]) -> None:
        self._name = name
        self._into = into
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._into[self._name] = time.perf_counter() - self._began


def timings(took_s: dict[str, float]) -> str:
    """How long each step took, on a line."""
    return ", ".join(f"{name} {duration(took)}" for name, took in took_s.items())
