"""An SQLite store in a directory of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace_coordinator.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path)
    await opened.open()
    yield opened
    await opened.close()
