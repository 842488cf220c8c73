"""What a process uses, as Linux tells it (https://man7.org/linux/man-pages/man5/proc.5.html)."""

from __future__ import annotations

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise ValueError(field)


def rss_bytes(pid: int) -> int:
    return _status_bytes(pid, "VmRSS:")


def peak_rss_bytes(pid: int) -> int:
    return _status_bytes(pid, "VmHWM:")


def cpu_s(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def directory_bytes(folder: Path) -> int:
    """What is on disk, in blocks: JetStream's files are sparse in part."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
