"""Orders about workflows: the dialog says what will happen, in the coordinator's words, before it does."""

from __future__ import annotations

import time

from playwright.async_api import Browser, Page

from tests.support.cluster import Cluster
from tests.web.browsing import tab, url_of


async def order(page: Page, item: str, action: str, effect: str, reason: str = "") -> None:
    """Choose an order, read what it does, and give it."""
    await page.get_by_role("menuitem", name=item).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text(effect).wait_for()
    if reason:
        await dialog.get_by_label("Reason").fill(reason)
    await dialog.get_by_role("button", name=action, exact=True).click()
    await dialog.wait_for(state="detached")


async def test_a_workflow_is_retired_and_restored_from_its_page(browser: Browser, cluster: Cluster) -> None:
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/workflows/shop/graph")
        menu = page.get_by_role("button", name="Orders about shop")
        await menu.click()
        await order(page, "Retire…", "Retire", "Starting it by hand is refused", "for a test")
        await page.get_by_text("by web: for a test. It starts no runs.").wait_for()
        assert await page.get_by_role("button", name="Start…", exact=True).is_disabled()
        await page.get_by_role("button", name="Restore…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("Its triggers fire again").wait_for()
        await dialog.get_by_text("headrace workflows restore shop").wait_for()
        await dialog.get_by_role("button", name="Restore", exact=True).click()
        await page.get_by_text("It starts no runs.").wait_for(state="detached")
        await opened.open("/workflows/shop/versions")
        history = page.get_by_role("region", name="History")
        await history.get_by_role("rowheader", name="retired").wait_for()
        await history.get_by_text("for a test").wait_for()


async def test_a_trigger_is_paused_and_says_what_it_keeps(browser: Browser, cluster: Cluster) -> None:
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/workflows/shop/triggers")
        await page.get_by_role("button", name="Pause…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Pause", exact=True).click()
        await page.get_by_text("0 events of its type kept").wait_for()
        headers = {"ce-id": f"kept-{time.time_ns()}", "ce-source": "/t", "ce-type": "orders.came"}
        answer = await cluster.api.post(
            "/events", json={"count": 1}, headers={**headers, "ce-specversion": "1.0"}
        )
        assert answer.status_code == 202, answer.text
        await opened.open("/workflows/shop/triggers")
        await page.get_by_text("1 event of its type kept").wait_for()
        await page.get_by_role("button", name="Resume…").click()
        await dialog.get_by_text("1 event of type orders.came").wait_for()
        await dialog.get_by_role("button", name="Resume", exact=True).click()
        await page.get_by_role("button", name="Pause…").wait_for()


async def test_a_file_that_cannot_be_loaded_is_told_on_every_page(browser: Browser, cluster: Cluster) -> None:
    error = {"code": "definition.invalid", "message": "the import failed: SyntaxError", "where": "broken.py"}
    failure = {"target": "broken.py", "since_us": time.time_ns() // 1_000, "error": error}
    await cluster.api.put("/load-failures", json={"failures": [failure]})
    try:
        async with tab(browser, url_of(cluster)) as opened:
            for path in ("/", "/workflows"):
                page = await opened.open(path)
                await page.get_by_role("alert").get_by_text("the import failed: SyntaxError").wait_for()
    finally:
        await cluster.api.put("/load-failures", json={"failures": []})
