"""Everything works without a mouse: no test in here clicks."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, Page

from tests.support.cluster import Cluster, eventually
from tests.web.browsing import tab, url_of
from tests.web.pages import dead_letter


async def focus_on(page: Page, name: str) -> None:
    """Tab until something of that name has the focus."""
    for _ in range(60):
        focused = "(one => one === document.body ? '' : one.innerText || one.ariaLabel || '')(document.activeElement)"
        if (await page.evaluate(focused)).strip().startswith(name):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name}")


async def test_a_run_is_found_and_cancelled(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    run_id = await cluster.start_run("held", gate=str(tmp_path / "never"))
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/settings")
        await opened.live()
        await page.keyboard.press("g")
        await page.keyboard.press("r")
        await page.locator(f"#run-{run_id}").wait_for()
        await page.keyboard.press("j")
        await opened.address(f"/runs?at={run_id}")
        await page.keyboard.press("Enter")
        await opened.address(f"/runs/{run_id}/graph")
        await page.get_by_role("heading", level=1).get_by_text("Running").wait_for()
        await page.keyboard.press("c")
        dialog = page.get_by_role("dialog", name="Cancel runs")
        await dialog.get_by_text("will be cancelled").wait_for()
        await page.keyboard.type("it has waited long enough")
        await dialog.get_by_text(f"headrace runs cancel {run_id} --reason").wait_for()
        await page.keyboard.press("Enter")
        await dialog.wait_for(state="detached")
        await page.get_by_role("heading", level=1).get_by_text("Cancelled").wait_for()
    run = await cluster.finished(run_id)
    assert run["state"] == "cancelled"


async def test_a_failed_run_is_retried(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    mark = tmp_path / "prices.csv"
    run_id = await cluster.start_run("picky", mark=str(mark))
    await cluster.finished(run_id)
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open(f"/runs/{run_id}/graph")
        await opened.live()
        await page.get_by_text("the price list prices.csv has not come").first.wait_for()
        mark.touch()
        await page.keyboard.press("r")
        dialog = page.get_by_role("dialog", name="Retry the run")
        await dialog.get_by_text(f"headrace runs retry {run_id}").wait_for()
        await focus_on(page, "Retry")
        await page.keyboard.press("Enter")
        await dialog.wait_for(state="detached")
        await page.get_by_role("heading", level=1).get_by_text("Succeeded").wait_for()
    assert (await cluster.run(run_id))["state"] == "succeeded"


async def test_a_dead_letter_is_redriven(browser: Browser, cluster: Cluster) -> None:
    letter = await dead_letter(cluster, "for the keyboard")
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/dead-letters")
        await opened.live()
        await page.keyboard.press("j")
        await opened.address(f"at={letter}")
        await page.keyboard.press("r")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("headrace deadletters redrive").wait_for()
        await focus_on(page, "Redrive")
        await page.keyboard.press("Enter")
        await dialog.wait_for(state="detached")

    async def redriven() -> bool:
        found = (await cluster.api.get("/dead-letters?limit=50")).json()["dead_letters"]
        return any(one["letter_id"] == letter and one["state"] == "redriven" for one in found)

    await eventually(redriven, 30)


async def test_many_runs_are_cancelled(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    """Selected by keys, and only they."""
    runs = [await cluster.start_run("held", gate=str(tmp_path / "never")) for _ in range(4)]
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/runs")
        await opened.live()
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        for _ in range(2):
            await page.keyboard.press("Shift+ArrowDown")
        await page.keyboard.press("c")
        dialog = page.get_by_role("dialog", name="Cancel runs")
        await dialog.get_by_role("button", name="Cancel 3 runs").wait_for()
        await page.keyboard.press("Enter")
        await dialog.wait_for(state="detached")
    newest_first = runs[::-1]
    for run_id in newest_first[:3]:
        assert (await cluster.finished(run_id))["state"] == "cancelled"
    assert (await cluster.run(runs[0]))["state"] == "running"


async def test_the_palette_goes_anywhere_and_help_lists_the_keys(browser: Browser, cluster: Cluster) -> None:
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/runs")
        await page.keyboard.press("Control+k")
        await page.get_by_role("dialog").wait_for()
        await page.keyboard.type("settings")
        await page.locator("[role=option][aria-selected=true]", has_text="Settings").wait_for()
        await page.keyboard.press("Enter")
        await opened.address("/settings")
        await page.keyboard.press("?")
        await page.get_by_role("dialog").get_by_text("Command palette").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("dialog").wait_for(state="detached")


async def test_the_graph_is_walked_by_keys(browser: Browser, cluster: Cluster) -> None:
    run_id = await cluster.start_run("shop", count=3)
    await cluster.finished(run_id)
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open(f"/runs/{run_id}/graph")
        await page.locator(".react-flow__node").first.wait_for()
        await focus_on(page, "accept")
        await page.keyboard.press("Enter")
        await opened.address("task=accept")
        await page.keyboard.press("v")
        await opened.address("view=table")
        await page.get_by_role("table").get_by_text("price").first.wait_for()
