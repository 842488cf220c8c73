"""What happens to the connection between browser and coordinator, and what of it is seen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import Browser

from tests.support.cluster import Cluster
from tests.web.browsing import port_of, tab
from tests.web.proxy import Proxy

BROKEN = r"Failed to load resource|ERR_"
"""What a browser itself logs about connections that broke."""


async def test_a_cut_is_shown_and_nothing_is_lost_or_told_twice(
    browser: Browser, cluster: Cluster, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    held = await cluster.start_run("held", gate=str(gate))
    async with Proxy(port_of(cluster)) as proxy, tab(browser, proxy.url, expected=BROKEN) as opened:
        page = await opened.open("/runs")
        await opened.live()
        await page.locator(f"#run-{held}").get_by_text("Running").wait_for()
        proxy.refusing = True
        proxy.cut()
        await opened.badge("stale")
        gate.touch()
        await cluster.finished(held)
        missed = await asyncio.gather(*(cluster.start_run("quick", number=number) for number in range(20)))
        await asyncio.gather(*(cluster.finished(run_id) for run_id in missed))
        assert await page.locator(f"#run-{held}").get_by_text("Running").is_visible()
        proxy.refusing = False
        await opened.live()
        await page.locator(f"#run-{held}").get_by_text("Succeeded").wait_for()
        await page.get_by_role("button", name="20 new").click()
        await page.locator("[aria-rowindex='20']").wait_for()
        shown = await page.locator("[role=row][aria-rowindex]").evaluate_all(
            "rows => rows.map(row => row.id.slice(4))"
        )
        assert sorted(shown[:20]) == sorted(missed)
        assert len(shown) == len(set(shown))


async def test_a_muted_stream_is_replaced_by_polling(
    browser: Browser, cluster: Cluster, tmp_path: Path
) -> None:
    """A proxy that keeps the stream to itself: the badge says so, and updates come all the same."""
    gate = tmp_path / "gate"
    held = await cluster.start_run("held", gate=str(gate))
    async with (
        Proxy(port_of(cluster), muted=True) as proxy,
        tab(browser, proxy.url, expected=BROKEN) as opened,
    ):
        page = await opened.open("/runs")
        await page.locator(f"#run-{held}").get_by_text("Running").wait_for()
        await opened.badge("polling")
        gate.touch()
        await page.locator(f"#run-{held}").get_by_text("Succeeded").wait_for()
        run_id = await cluster.start_run("quick", number=1)
        await page.get_by_role("button", name="1 new").click()
        await page.locator(f"#run-{run_id}").get_by_text("Succeeded").wait_for()


async def test_a_coordinator_that_is_killed_comes_back_into_the_page(
    browser: Browser, cluster: Cluster, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    held = await cluster.start_run("held", gate=str(gate))
    async with Proxy(port_of(cluster)) as proxy, tab(browser, proxy.url, expected=BROKEN) as opened:
        page = await opened.open(f"/runs/{held}/graph")
        await opened.live()
        cluster.kill_coordinator()
        await opened.badge("stale")
        gate.touch()
        await cluster.start_coordinator()
        await opened.live()
        await page.get_by_role("heading", level=1).get_by_text("Succeeded").wait_for()
