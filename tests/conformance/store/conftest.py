"""The stores under test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace_coordinator.store import open_store
from headrace_coordinator.store.port import Store


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/store.db")
    await opened.open()
    yield opened
    await opened.close()
