"""Which files `headrace dev` loads, which of those that it knew are gone, and what loading them came to.

A file that cannot be loaded, or that is missing for a moment, retires nothing: editors and Git take files away and put
them back. One that stays away is *gone*, and what it defined is retired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from headrace_coordinator.local.targets import defines, find_targets
from headrace_coordinator.runtime.orders import LoadFailure
from headrace_protocol.errors import ErrorCode, ErrorInfo

GONE_AFTER_S = 10.0


class FileReport(msgspec.Struct, frozen=True):
    """What `headrace deploy --report` says of a file."""

    targets: tuple[str, ...]
    error: ErrorInfo | None = None
    loaded: bool = False


class LoadResult(msgspec.Struct, frozen=True):
    """What came of loading some files."""

    loaded: tuple[str, ...]
    """Targets that could be imported: a worker can run their tasks."""
    failures: tuple[LoadFailure, ...]


class Look(msgspec.Struct, frozen=True):
    """What is there now."""

    targets: tuple[str, ...]
    gone: tuple[str, ...]
    missing: tuple[str, ...]
    """Not there, and not yet gone: renamed, perhaps, so their workflows may move to other files."""
    next_look_s: float | None
    """When a missing file is gone, if it does not come back."""


class KnownFiles:
    """The files that were loaded once, remembered between starts."""

    def __init__(
        self,
        given: Sequence[str],
        folder: Path,
        memory: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given = list(given)
        self._folder = folder
        self._memory = memory
        self._clock = clock
        self._known = set(_read(memory))
        self._missing: dict[str, float] = {}
        """Since when."""

    def look(self) -> Look:
        """Look at the disk."""
        found = self._given or find_targets(self._folder)
        targets = tuple(one for one in found if not _is_path(one) or (self._folder / one).is_file())
        now = self._clock()
        away = {one for one in self._known - set(targets) if _is_path(one) and self._is_away(one)}
        self._missing = {one: self._missing.get(one, now) for one in away}
        gone = tuple(sorted(one for one, since in self._missing.items() if now - since >= GONE_AFTER_S))
        missing = tuple(sorted(self._missing.keys() - set(gone)))
        left = [self._missing[one] + GONE_AFTER_S - now for one in missing]
        return Look(targets, gone, missing, min(left, default=None))

    def _is_away(self, target: str) -> bool:
        """A file that was named is away when it does not exist, one that was found also when it defines nothing."""
        path = self._folder / target
        return not path.is_file() or (not self._given and not defines(path))

    def loaded(self, targets: Iterable[str], gone: Iterable[str]) -> None:
        """These have been deployed, and those retired."""
        known = (self._known | set(targets)) - set(gone)
        for target in gone:
            self._missing.pop(target, None)
        if known != self._known:
            self._known = known
            self._memory.write_bytes(msgspec.json.encode(sorted(known)))


class Failures:
    """What cannot be loaded, and since when."""

    def __init__(self, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._now_us = now_us
        self._since: dict[str, int] = {}

    def of(self, reports: Iterable[FileReport]) -> tuple[LoadFailure, ...]:
        """The files that failed now; what has failed before has failed since then."""
        failed = {
            target: report.error
            for report in reports
            if report.error is not None
            for target in report.targets
        }
        self._since = {target: self._since.get(target) or self._now_us() for target in failed}
        return tuple(
            LoadFailure(target=target, since_us=self._since[target], error=error)
            for target, error in failed.items()
        )


def read_report(path: Path) -> list[FileReport] | None:
    """What a deploy reported; None when it ended before it could."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[FileReport])
    except (OSError, msgspec.MsgspecError):
        return None


def no_report(targets: Sequence[str], how: str) -> FileReport:
    """The report of a process that ended without one: the file ended it while it was imported."""
    error = ErrorInfo(
        code=ErrorCode.DEFINITION_INVALID,
        message=f"loading ended without a result ({how})",
        where=", ".join(targets),
        found=how,
        expected="a file that can be imported",
        fix="See what it printed. A file must not end its process while it is imported.",
    )
    return FileReport(targets=tuple(targets), error=error)


def _is_path(target: str) -> bool:
    return target.endswith(".py") or "/" in target


def _read(memory: Path) -> list[str]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        return []
