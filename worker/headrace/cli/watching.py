"""Following runs live.

The stream of changes is the doorbell, the run itself is the truth: a change marks its run as stale, and stale
runs are read again a few times a second. A thread reads the stream and reconnects with the position of the
last change, so a restart of the coordinator is waited out.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable

from headrace.cli import output
from headrace.cli.api import Api, segment
from headrace.cli.failures import ExitCode, TimedOut
from headrace.cli.rendering.activity import STUCK, advice
from headrace.cli.rendering.progress import Notes, Progress, for_run
from headrace.cli.rendering.runs import outcome_lines
from headrace.cli.rendering.units import short
from headrace.cli.views import SUCCEEDED, RunDetail
from headrace_protocol.errors import HeadraceError, Unavailable
from headrace_protocol.messages import LifecycleBatch

REFRESH_S = 0.1
AWAY_LIMIT_S = 30.0
"""A coordinator that restarts is back long before."""
LOOK_AGAIN_S = 5.0
"""Unfinished runs are read again this often even without a change: a lost line must not stop the bars."""
STUCK_S = 1.0
"""A worker that starts has said so by then."""
MAPPING_S = 0.4
"""A map tells of its beginning and end alone; in between, its progress is asked for."""


class Connected:
    """The stream is (again) connected: what happened meanwhile is in the runs themselves."""


class Changes:
    """The stream of changes in a thread of its own."""

    def __init__(self, api: Api) -> None:
        self.queue: queue.SimpleQueue[LifecycleBatch | Connected | HeadraceError] = queue.SimpleQueue()
        self._api = api
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="changes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reconnecting. The thread ends with its connection, or with the process."""
        self._closed.set()

    def _read(self) -> None:
        position: int | None = None
        away_since: float | None = None
        while not self._closed.is_set():
            try:
                for change in self._api.changes(after=position):
                    if self._closed.is_set():
                        return
                    if change is None:
                        if away_since is not None or position is None:
                            self.queue.put(Connected())
                        away_since = None
                        continue
                    position = change.position
                    self.queue.put(change)
            except HeadraceError as error:
                away_since = away_since or time.monotonic()
                gone_for_s = time.monotonic() - away_since
                if not isinstance(error, Unavailable) or gone_for_s > AWAY_LIMIT_S:
                    self.queue.put(error)
                    return
                self._closed.wait(0.2)


class Watch:
    """Runs that are followed until all of them are finished; more may be added meanwhile."""

    def __init__(self, api: Api, progress: Progress, run_ids: Iterable[str] = ()) -> None:
        self.runs: dict[str, RunDetail] = {}
        self._api = api
        self._progress = progress
        self._followed: dict[str, None] = dict.fromkeys(run_ids)
        self._stale: set[str] = set(self._followed)
        self._read_at: dict[str, float] = {}
        self._stuck_at: dict[str, float] = {}
        self._told: set[tuple[str, str]] = set()

    def follow(self, run_id: str) -> None:
        """Follow one more run."""
        self._followed[run_id] = None
        self._stale.add(run_id)

    @property
    def finished(self) -> bool:
        return all(run_id in self.runs and self.runs[run_id].finished for run_id in self._followed)

    def wait(
        self,
        changes: Changes,
        *,
        timeout_s: float | None,
        on_change: Callable[[LifecycleBatch], None] | None = None,
    ) -> None:
        """Show progress until every run is finished; raises TimedOut, Unavailable."""
        give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._refresh()
            if self.finished:
                return
            if give_up_at is not None and time.monotonic() > give_up_at:
                raise self._timed_out(timeout_s or 0.0)
            self._drain(changes, on_change)

    def _drain(self, changes: Changes, on_change: Callable[[LifecycleBatch], None] | None) -> None:
        """Take every change that is there; wait for the first one no longer than bars stay fresh."""
        until = time.monotonic() + REFRESH_S
        while (left_s := until - time.monotonic()) > 0:
            try:
                change = changes.queue.get(timeout=left_s)
            except queue.Empty:
                return
            match change:
                case HeadraceError():
                    raise change
                case Connected():
                    self._stale.update(self._followed)
                case LifecycleBatch():
                    if on_change is not None:
                        on_change(change)
                    self._stale.add(change.run_id)
                    if any(event.kind.startswith("run.") for event in change.events):
                        return

    def _refresh(self) -> None:
        now = time.monotonic()
        for run_id in self._followed:
            known = self.runs.get(run_id)
            if known is not None and known.finished:
                continue
            age_s = now - self._read_at.get(run_id, 0.0)
            if run_id in self._stale or age_s > _fresh_s(known):
                self._stale.discard(run_id)
                self._read_at[run_id] = now
                self.runs[run_id] = self._read(run_id)
                self._progress.show(self.runs[run_id])
                self._tell_stuck(self.runs[run_id], now)

    def _tell_stuck(self, run: RunDetail, now: float) -> None:
        """Say once what the run waits for, when nothing that goes on by itself will end it."""
        activity = run.activity
        if activity is None or activity.kind not in STUCK:
            self._stuck_at.pop(run.run_id, None)
            return
        since = self._stuck_at.setdefault(run.run_id, now)
        place = (run.run_id, activity.text)
        if now - since >= STUCK_S and place not in self._told:
            self._told.add(place)
            todo = advice(activity)
            self._progress.tell(activity.text + (f"; {todo}" if todo else ""))

    def _read(self, run_id: str) -> RunDetail:
        give_up_at = time.monotonic() + AWAY_LIMIT_S
        while True:
            try:
                return self._api.get(f"/runs/{segment(run_id)}", RunDetail)
            except Unavailable:
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(REFRESH_S)

    def _timed_out(self, timeout_s: float) -> TimedOut:
        left = [
            short(run_id)
            for run_id in self._followed
            if not (run_id in self.runs and self.runs[run_id].finished)
        ]
        return TimedOut(
            f"not finished after {timeout_s:g} s",
            where="run " + ", ".join(left),
            fix=f"Follow it further (`headrace runs watch {left[0]}`), or see what it waits for "
            f"(`headrace runs explain {left[0]}`).",
        )


def _fresh_s(known: RunDetail | None) -> float:
    """How long what was read of a run is good without a change."""
    if known is None or known.mapping:
        return MAPPING_S
    busy = known.activity is not None and known.activity.kind in ("running", "retry", "collect")
    return LOOK_AGAIN_S if busy else STUCK_S


def watch_run(api: Api, run_id: str, *, timeout_s: float | None) -> ExitCode:
    """Show one run until it is finished, then its outcome; the exit code says how it ended."""
    changes = Changes(api)
    try:
        with for_run() as progress:
            watch = Watch(api, progress, [run_id])
            watch.wait(changes, timeout_s=timeout_s)
    except KeyboardInterrupt:
        output.note(f"the run goes on: headrace runs watch {short(run_id)}")
        raise
    finally:
        changes.close()
    run = watch.runs[run_id]
    output.say(*outcome_lines(run))
    return ExitCode.OK if run.state == SUCCEEDED else ExitCode.FAILED


def await_run(api: Api, run_id: str, *, timeout_s: float | None) -> ExitCode:
    """Like `watch_run`, without progress."""
    changes = Changes(api)
    try:
        watch = Watch(api, Notes(), [run_id])
        watch.wait(changes, timeout_s=timeout_s)
    finally:
        changes.close()
    return ExitCode.OK if watch.runs[run_id].state == SUCCEEDED else ExitCode.FAILED
