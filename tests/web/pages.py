"""Every page, and a cluster that has something to show on each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.support.cluster import Cluster
from tests.web.browsing import published

PAGES: dict[str, tuple[str, ...]] = {
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
    "settings/SettingsPage": ("/settings",),
}
"""By the module of its component, as the router names it."""


@dataclass(frozen=True)
class Sample:
    """What there is to look at; nothing of it moves any more."""

    shop: str
    failed: str
    cancelled: str

    def path(self, template: str) -> str:
        return template.format_map(vars(self))


async def full(cluster: Cluster) -> Sample:
    """Runs of every state, started in every way."""
    never = str(cluster.directory / "never")
    failed = await cluster.start_run("picky", mark=never)
    cancelled = await cluster.start_run("held", gate=never)
    by_event = await published(cluster, "orders.came", {"count": 4}, "order-1")
    others = [await cluster.start_run("quick", number=number) for number in range(12)]
    shop = await cluster.start_run("shop", count=25)
    answer = await cluster.api.post(f"/runs/{cancelled}/cancel", json={"reason": "not needed"})
    assert answer.is_success, answer.text
    await asyncio.gather(
        *(cluster.finished(run_id) for run_id in [*others, *by_event, shop, failed, cancelled])
    )
    return Sample(shop, failed, cancelled)
