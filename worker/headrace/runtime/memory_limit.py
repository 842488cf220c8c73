"""How much memory this process and its children may use, and how often the kernel has killed one of them for it.

Both are read from the control group: `memory.events` and `memory.max` of version 2
(https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files), `memory.oom_control` and
`memory.limit_in_bytes` of version 1. Where neither can be read, the limit is the machine's memory.
"""

from __future__ import annotations

import os
from pathlib import Path

_UNLIMITED_BYTES = 1 << 60
"""Version 1 writes "no limit" as a number close to 2**63."""


class MemoryLimit:
    """The memory control group of this process."""

    def __init__(
        self, root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
    ) -> None:
        self._events, self._max = _files(root, membership)

    def kills(self) -> int | None:
        """How often the kernel has killed a process of the group because memory ran out; None when it cannot be
        read."""
        try:
            lines = self._events.read_text().splitlines() if self._events else []
        except OSError:
            return None
        counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
        return int(counts[0]) if counts else None

    def limit_bytes(self) -> int | None:
        """What the group may use, or the machine has; None when neither is known."""
        try:
            text = self._max.read_text().strip() if self._max else "max"
        except OSError:
            text = "max"
        if text.isdigit() and int(text) < _UNLIMITED_BYTES:
            return int(text)
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (ValueError, OSError):
            return None


def _files(root: Path, membership: Path) -> tuple[Path | None, Path | None]:
    """The files with the counter and the limit. In a container the group that a process sees is often the root."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None, None
    groups = [line.split(":", 2)[1:] for line in lines if line.count(":") >= 2]
    for controllers, path in groups:
        below = path.lstrip("/")
        if not controllers:
            for folder in (root / below, root):
                if (folder / "memory.events").is_file():
                    return folder / "memory.events", folder / "memory.max"
        elif "memory" in controllers.split(","):
            for folder in (root / "memory" / below, root / "memory"):
                if (folder / "memory.oom_control").is_file():
                    return folder / "memory.oom_control", folder / "memory.limit_in_bytes"
    return None, None
