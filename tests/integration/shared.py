"""One cluster for the tests of a module, and what they all ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.cluster import Cluster, eventually

WORKFLOWS = Path(__file__).parent / "workflows.py"


@asynccontextmanager
async def small_cluster(directory: Path, **environment: str) -> AsyncIterator[Cluster]:
    """A coordinator and one worker that serves the default queue, and has done so once."""
    async with Cluster(directory, environment=environment) as cluster:
        cluster.start_worker(WORKFLOWS, queues=["default"], slots=20, processes=1, cancel_grace_s=1.0)
        await cluster.deploy(WORKFLOWS)
        await still_works(cluster)
        yield cluster


async def still_works(cluster: Cluster) -> None:
    """A normal run, after whatever was done to the coordinator."""
    assert cluster.coordinator is not None
    assert cluster.coordinator.poll() is None
    run = await cluster.finished(await cluster.start_run("quick", number=41))
    assert run["output"]["value"] == 42


async def written(mark: Path, text: str, times: int = 1, within_s: float = 30.0) -> None:
    """Wait until a task has written a text into its file."""

    async def there() -> bool:
        return mark.exists() and mark.read_text().count(text) >= times

    await eventually(there, within_s, lambda: mark.read_text() if mark.exists() else "nothing")


async def pages(cluster: Cluster, path: str, name: str) -> list[dict[str, Any]]:
    """Everything of a list that is paged by a number."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        page = (await cluster.api.get(path, params={"after": after, "limit": 500})).json()
        found += page[name]
        if not page.get("next") or not page[name]:
            return found
        after = page["next"]


async def events_of(cluster: Cluster, run_id: str) -> list[dict[str, Any]]:
    """The run's history, flat."""
    batches = await pages(cluster, f"/runs/{run_id}/history", "history")
    return [event for batch in batches for event in batch["events"]]


async def node(cluster: Cluster, run_id: str, name: str) -> dict[str, Any]:
    run = await cluster.run(run_id)
    return next(found for found in run["nodes"] if found["node"] == name)


async def letters(cluster: Cluster) -> list[dict[str, Any]]:
    return list((await cluster.api.get("/dead-letters", params={"limit": 500})).json()["dead_letters"])


async def letter_where(cluster: Cluster, **wanted: str) -> dict[str, Any]:
    """The dead letter, once it is there, whose error or subject holds these texts."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        for letter in await letters(cluster):
            values = {**letter["error"], "subject": letter["subject"]}
            if all(text in str(values.get(name, "")) for name, text in wanted.items()):
                found.update(letter)
                return True
        return False

    await eventually(there, 30, lambda: f"no letter with {wanted}")
    return found
