"""An application over a memory store and a coordinator without a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from headrace_coordinator.api.app import Api, create_app
from headrace_coordinator.api.services import ApiSettings, Services
from headrace_coordinator.store.memory import MemoryStore
from tests.unit.api.fake_coordinator import NAMESPACE, FakeCoordinator
from tests.unit.api.samples import FLIGHTS

SETTINGS = ApiSettings(version="1.2.3", store="memory")


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def coordinator(store: MemoryStore) -> FakeCoordinator:
    coordinator = FakeCoordinator(store)
    await coordinator.deploy(FLIGHTS)
    return coordinator


@pytest.fixture(scope="session")
def built() -> Api:
    """Built once: what differs from test to test is in its services."""
    unused = MemoryStore()
    return create_app(FakeCoordinator(unused), unused, namespace=NAMESPACE)


@pytest.fixture
def app(built: Api, coordinator: FakeCoordinator, store: MemoryStore) -> Api:
    built.services = Services(coordinator, store, NAMESPACE, SETTINGS, coordinator.clock, None)
    return built


@pytest.fixture
async def http(app: Api) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://headrace.test") as client:
        yield client
