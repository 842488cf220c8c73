"""SQLite's errors as ours, each naming the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from headrace_protocol.errors import ConfigError, Conflict, HeadraceError, StoreSchemaError, Unavailable

_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_FIXES = {
    "SQLITE_FULL": "Make room on the disk; nothing of the transaction was written.",
    "SQLITE_IOERR": "Check the disk and its file system; nothing of the transaction was written.",
    "SQLITE_READONLY": "Make the file and its directory writable.",
    "SQLITE_BUSY": "End the other program that writes to the file.",
}


def while_open(error: Exception, path: Path) -> Exception:
    """What a caller of an open store gets for an error; one that is not SQLite's passes through."""
    if not isinstance(error, sqlite3.Error):
        return error
    if isinstance(error, sqlite3.IntegrityError):
        return Conflict("a transaction writes what exists already", where=str(path), found=str(error))
    name = _name(error)
    if name.startswith(_DAMAGED):
        return Unavailable(
            "the store is damaged", where=str(path), found=_found(error), fix="Restore it from a backup."
        )
    fix = next((fix for prefix, fix in _FIXES.items() if name.startswith(prefix)), "")
    return Unavailable(
        "the store cannot be used", where=str(path), found=_found(error), fix=fix or "Check the disk."
    )


def while_opening(error: Exception, path: Path) -> Exception:
    """What `open` raises for an error."""
    if isinstance(error, HeadraceError):
        return error
    if isinstance(error, OSError):
        return ConfigError(
            "the store's directory cannot be used",
            where=str(path),
            found=f"{error.strerror}: {error.filename or path}",
            expected="a directory that this user may write to",
            fix="Choose another --data directory or --store, or change its owner.",
        )
    if not isinstance(error, sqlite3.Error):
        return error
    if _name(error).startswith(_DAMAGED):
        return StoreSchemaError(
            "the file is damaged, or is not a store",
            where=str(path),
            found=_found(error),
            expected="an SQLite database made by Headrace",
            fix="Restore it from a backup, or name another file.",
        )
    if _name(error).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return ConfigError(
            "the store cannot be opened for writing",
            where=str(path),
            found=_found(error),
            expected="a file that this user may write to",
            fix="Choose another --data directory or --store, or change its owner.",
        )
    return while_open(error, path)


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")


def _found(error: sqlite3.Error) -> str:
    return f"{_name(error)}: {error}" if _name(error) else str(error)
