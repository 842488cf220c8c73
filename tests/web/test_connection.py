"""What happens to the connection between browser and coordinator, and what of it is seen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import Browser, Route

from tests.support.cluster import Cluster
from tests.web.browsing import PATIENCE_S, port_of, tab, url_of
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


async def test_a_page_whose_code_does_not_come_says_so_and_comes_when_it_can(
    browser: Browser, cluster: Cluster
) -> None:
    """The coordinator goes away before the page was ever opened: its code is not in the browser yet."""
    run_id = await cluster.start_run("quick", number=7)
    broken = rf"{BROKEN}|could not be loaded"
    async with Proxy(port_of(cluster)) as proxy, tab(browser, proxy.url, expected=broken) as opened:
        page = await opened.open("/runs")
        await opened.live()
        proxy.refusing = True
        proxy.cut()
        await opened.badge("stale")
        await page.locator(f"#run-{run_id} a").first.click()
        await page.get_by_role("alert").get_by_text("A part of this page could not be loaded.").wait_for()
        await opened.address(run_id)
        await opened.badge("stale")
        proxy.refusing = False
        await page.get_by_role("heading", level=1).get_by_text(run_id).wait_for()
        await opened.live()
        assert await page.get_by_role("alert").count() == 0


async def test_a_file_that_stays_missing_does_not_have_the_page_reload_itself_for_ever(
    browser: Browser, cluster: Cluster
) -> None:
    broken = rf"{BROKEN}|could not be loaded"
    async with Proxy(port_of(cluster)) as proxy, tab(browser, proxy.url, expected=broken) as opened:
        page = await opened.open("/runs")
        proxy.missing = b"/assets/SettingsPage"
        async with page.expect_event("load"):
            await page.get_by_role("link", name="Settings").click()
        again: list[str] = []
        page.on("load", lambda page: again.append(page.url))
        await page.get_by_role("alert").get_by_text("A part of this page could not be loaded.").wait_for()
        await asyncio.sleep(3)
        assert again == []
        proxy.missing = b""
        await page.get_by_role("heading", level=1).get_by_text("Settings").wait_for()
        assert len(again) == 1


async def test_a_page_without_the_shared_stream_has_its_own(
    browser: Browser, cluster: Cluster, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    held = await cluster.start_run("held", gate=str(gate))
    async with Proxy(port_of(cluster)) as proxy, tab(browser, proxy.url, expected=BROKEN) as opened:
        proxy.missing = b"/hub.worker"
        page = await opened.open("/runs")
        await opened.live()
        await page.locator(f"#run-{held}").get_by_text("Running").wait_for()
        gate.touch()
        await page.locator(f"#run-{held}").get_by_text("Succeeded").wait_for()


async def test_a_graph_without_its_finer_layout_is_shown_all_the_same(
    browser: Browser, cluster: Cluster
) -> None:
    run_id = await cluster.start_run("quick", number=8)
    async with tab(browser, url_of(cluster), expected=BROKEN) as opened:
        asked = asyncio.Event()

        async def refuse(route: Route) -> None:
            await route.abort()
            asked.set()

        await opened.page.route("**/assets/elk*", refuse)
        page = await opened.open(f"/runs/{run_id}/graph")
        await page.evaluate("globalThis.kept = true")
        await asyncio.wait_for(asked.wait(), PATIENCE_S)
        await page.locator("[data-id=finish]", has_text="Succeeded").wait_for()
        await opened.live()
        assert await page.evaluate("globalThis.kept"), "the page has reloaded itself"
