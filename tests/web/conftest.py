"""One Chromium and one cluster for the tests of a module, which run in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.support.cluster import Cluster, free_port
from tests.web.browsing import chromium

FLOWS = Path(__file__).parent / "flows.py"
SLOTS = 100


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share a browser and a cluster, so they have to run in one process."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group(f"web_{item.path.stem}"))
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
async def cluster(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A coordinator and a worker with the workflows of these tests."""
    cluster = Cluster(tmp_path_factory.mktemp("web"))
    cluster.port = free_port()
    async with cluster as started:
        started.start_worker(FLOWS, slots=SLOTS, processes=1)
        await started.deploy(FLOWS)
        yield started
