"""Where a month's files go, and how they get there: an attempt that dies leaves no half-written file."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

YEAR = 2013


def month_name(month: int) -> str:
    return f"{YEAR}-{month:02d}"


def month_directory(output: str | Path, month: int) -> Path:
    directory = Path(output) / month_name(month)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A sibling path to write to, renamed to `path` when the block ends well.

    A retry, or a late attempt that lost its fence, then never mixes its bytes with another's.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
