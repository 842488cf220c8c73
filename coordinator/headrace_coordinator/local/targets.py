"""Which files `headrace dev` runs, and whether a save changed them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

_IMPORTS = re.compile(r"^\s*(?:from|import)\s+headrace\b", re.MULTILINE)
_DEFINES = re.compile(r"^\s*@(?:\w+\.)*(?:workflow|task)\b", re.MULTILINE)
_IGNORED = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})


def find_targets(folder: Path) -> list[str]:
    """The Python files of a folder (not those below) that define workflows or tasks, by name.

    Read as text, so that a file with a syntax error is found and its error shown.
    """
    return [str(path.relative_to(folder)) for path in sorted(folder.glob("*.py")) if defines(path)]


def defines(path: Path) -> bool:
    """Whether a file uses `@workflow` or `@task` of ours."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return _IMPORTS.search(text) is not None and _DEFINES.search(text) is not None


def watched_folders(targets: Iterable[str], folder: Path) -> list[Path]:
    """The folders whose Python files matter: those of the files, and the current one."""
    found = {folder.resolve()}
    found.update(
        Path(target).resolve().parent for target in targets if target.endswith(".py") or "/" in target
    )
    return sorted(one for one in found if one.is_dir())


class Contents:
    """What the Python files below some folders held last: a save that changes nothing is no change."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._digests = {path: _digest(path) for folder in folders for path in _python_files(folder)}

    def changed(self, paths: Iterable[Path]) -> list[Path]:
        """Those of the paths whose content is another than before."""
        found = []
        for path in paths:
            digest = _digest(path)
            if self._digests.get(path, b"") != digest:
                self._digests[path] = digest
                found.append(path)
        return sorted(found)


def _python_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in _IGNORED:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _python_files(path)
        elif path.suffix == ".py":
            yield path


def _digest(path: Path) -> bytes:
    """Empty for a file that is not there."""
    try:
        return blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        return b""
