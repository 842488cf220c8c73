"""Which names the API answers to."""

from __future__ import annotations

import socket

import httpx
import pytest

from headrace_coordinator.api.app import create_app
from headrace_coordinator.api.hosts import allowed_hosts, is_allowed
from headrace_coordinator.api.services import ApiSettings
from headrace_coordinator.store.memory import MemoryStore
from tests.unit.api.fake_coordinator import FakeCoordinator

HERE = ("localhost", "127.0.0.1", "::1", "*.example.com")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8400",
        "LOCALHOST:80",
        "127.0.0.1:8400",
        "[::1]:8400",
        "[::1]",
        "a.example.com:443",
    ],
)
def test_names_of_this_machine(host: str) -> None:
    assert is_allowed(host, HERE)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.test",
        "evil.test:8400",
        "localhost.evil.test",
        "127.0.0.1.evil.test:8400",
        "evil-localhost",
        "example.com",
        "evilexample.com",
        "[::2]:8400",
    ],
)
def test_other_names(host: str) -> None:
    assert not is_allowed(host, HERE)


def test_what_others_can_reach_answers_to_every_name() -> None:
    """They need no name of this machine to get at it."""
    with socket.create_server(("0.0.0.0", 0)) as everywhere, socket.create_server(("127.0.0.1", 0)) as here:
        assert allowed_hosts(everywhere, "0.0.0.0", ()) == ()
        assert allowed_hosts(here, "127.0.0.1", ("*",)) == ()
        assert "flows.example.com" in allowed_hosts(here, "127.0.0.1", ("Flows.example.com",))


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/api/v1/runs", "127.0.0.1:8400", 200),
        ("/api/v1/runs", "evil.test:8400", 403),
        ("/metrics", "evil.test:8400", 403),
        ("/", "evil.test:8400", 403),
        ("/health/live", "evil.test:8400", 200),
    ],
)
async def test_a_name_of_another_site_reads_nothing(path: str, host: str, status: int) -> None:
    store = MemoryStore()
    await store.open()
    app = create_app(FakeCoordinator(store), store, namespace="n", settings=ApiSettings(hosts=HERE))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        answer = await client.get(path)
    await store.close()
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["where"] == "Host"
        assert "--allowed-host" in answer.json()["fix"]
