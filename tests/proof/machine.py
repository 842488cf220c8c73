"""Where and on what a proof ran: without names of machines or people."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/proof.md"


class Surroundings(msgspec.Struct, frozen=True):
    """Of one call of the runner."""

    at: str
    commit: str
    dirty: bool
    cores: int
    memory_gb: float
    python: str
    kernel: str

    def __str__(self) -> str:
        state = " with uncommitted changes" if self.dirty else ""
        return (
            f"{self.at}, commit {self.commit}{state}; {self.cores} cores, {self.memory_gb:.0f} GB, "
            f"Python {self.python}, {self.kernel}"
        )


def surroundings() -> Surroundings:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    changed = _git("status", "--porcelain", "--", ".", f":!{PAGE.relative_to(ROOT)}")
    return Surroundings(
        at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        commit=_git("rev-parse", "--short=10", "HEAD"),
        dirty=bool(changed),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=memory_bytes / 1e9,
        python=platform.python_version(),
        kernel=f"{platform.system()} {platform.release()}",
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
