"""One coordinator per file: an operating-system lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from headrace_protocol.errors import StoreLocked


class FileLock:
    """An exclusive lock on `<path>.lock`. The file stays; only the lock on it means anything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises StoreLocked at once when another holds it, OSError when the file cannot be made."""
        lock = self._path.with_name(self._path.name + ".lock")
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode(errors="replace") or "unknown"
            os.close(file)
            raise StoreLocked(
                "another coordinator uses this store",
                where=str(self._path),
                found=f"held by the process with pid {holder}",
                fix=f"Stop it (kill {holder}), or use another --data directory or --store.",
            ) from None
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
