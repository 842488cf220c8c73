"""Every page, and a cluster that has something to show on each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.proof.form import size
from tests.support.cluster import Cluster, eventually
from tests.web.browsing import published

PAGES: dict[str, tuple[str, ...]] = {
    "overview/OverviewPage": ("/", "/?window=24h"),
    "runs/RunsPage": (
        "/runs",
        "/runs?state=failed&state=cancelled",
        "/runs?workflow=shop&range=24h&at={shop}&pick={shop}",
        "/runs?q=price+list",
    ),
    "run/RunPage": ("/runs/{failed}",),
    "run/graph/GraphTab": (
        "/runs/{shop}/graph",
        "/runs/{shop}/graph?task=price",
        "/runs/{shop}/graph?task=price&view=table",
        "/runs/{failed}/graph?task=needs",
    ),
    "run/timeline/TimelineTab": ("/runs/{shop}/timeline", "/runs/{shop}/timeline?task=price&view=table"),
    "run/logs/LogsTab": ("/runs/{shop}/logs", "/runs/{shop}/logs?q=order&level=info&task=price"),
    "run/trace/TraceTab": ("/runs/{shop}/trace", "/runs/{shop}/trace?path=critical&view=table"),
    "run/attempts/AttemptsTab": ("/runs/{shop}/attempts", "/runs/{failed}/attempts?task=needs&attempt=1"),
    "run/history/HistoryTab": ("/runs/{shop}/history",),
    "run/data/DataTab": ("/runs/{shop}/data",),
    "workflows/WorkflowsPage": ("/workflows", "/workflows?q=sho&at=shop"),
    "workflow/WorkflowPage": ("/workflows/shop",),
    "workflow/graph/WorkflowGraphTab": (
        "/workflows/shop/graph",
        "/workflows/shop/graph?task=price&view=table",
    ),
    "workflow/grid/GridTab": ("/workflows/quick/grid", "/workflows/shop/grid?task=price&cell=succeeded"),
    "workflow/runs/WorkflowRunsTab": ("/workflows/shop/runs", "/workflows/quick/runs?state=succeeded"),
    "workflow/triggers/TriggersTab": ("/workflows/shop/triggers",),
    "workflow/versions/VersionsTab": ("/workflows/shop/versions",),
    "workflow/code/CodeTab": ("/workflows/shop/code",),
    "events/EventsPage": ("/events", "/events?type=orders.came&range=24h", "/events?at={event}"),
    "workers/WorkersPage": ("/workers", "/workers?queue=default"),
    "queues/QueuesPage": ("/queues",),
    "queues/QueuePage": ("/queues/default",),
    "letters/LettersPage": ("/dead-letters", "/dead-letters?at={letter}"),
    "settings/SettingsPage": ("/settings",),
}
"""By the module of its component, as the router names it."""
VIEWS = [path for paths in PAGES.values() for path in size(paths[-1:], long=paths)]
"""What is looked at: of each page what has most in its address."""
TICKING = ("/", "/workers", "/queues", "/settings")
"""Pages that say what time it is, or when a worker was last heard."""


@dataclass(frozen=True)
class Sample:
    """What there is to look at; nothing of it moves any more."""

    shop: str
    failed: str
    cancelled: str
    event: str
    letter: str

    def path(self, template: str) -> str:
        return template.format_map(vars(self))


async def full(cluster: Cluster) -> Sample:
    """Runs of every state, started in every way, and a letter that nobody could read."""
    never = str(cluster.directory / "never")
    failed = await cluster.start_run("picky", mark=never)
    cancelled = await cluster.start_run("held", gate=never)
    by_event = await published(cluster, "orders.came", {"count": 4}, "order-1")
    others = [await cluster.start_run("quick", number=number) for number in range(12)]
    shop = await cluster.start_run("shop", count=25)
    answer = await cluster.api.post(f"/runs/{cancelled}/cancel", json={"reason": "not needed"})
    assert answer.is_success, answer.text
    runs = [*others, *by_event, shop, failed, cancelled]
    await asyncio.gather(*(cluster.finished(run_id) for run_id in runs))
    await at_rest(cluster)
    events = (await cluster.api.get("/events")).json()["events"]
    return Sample(shop, failed, cancelled, str(events[0]["position"]), await dead_letter(cluster, "sample"))


async def at_rest(cluster: Cluster) -> None:
    """Wait until no attempt is on its way: one that was cancelled ends, and is counted, after its run."""

    async def resting() -> bool:
        queues = (await cluster.api.get("/queues")).json()["queues"]
        workers = (await cluster.api.get("/workers")).json()["workers"]
        return not any(one["pending"] or one["in_flight"] for one in queues) and not any(
            one["held"] for one in workers
        )

    await eventually(resting, 30)


async def dead_letter(cluster: Cluster, text: str) -> str:
    """A message that is no event, where events are published."""
    letters: list[dict[str, object]] = []

    async def there() -> bool:
        nonlocal letters
        letters = (await cluster.api.get("/dead-letters")).json()["dead_letters"]
        return len(letters) > before

    before = len((await cluster.api.get("/dead-letters")).json()["dead_letters"])
    connection = await cluster.connect()
    try:
        await connection.publish("hr.default.event.orders.came", f"not an event: {text}".encode())
        await connection.flush()
        await eventually(there, 30)
    finally:
        await connection.close()
    return str(letters[0]["letter_id"])
