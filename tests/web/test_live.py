"""What is on the screen follows what happens, at once, and moves nothing that somebody looks at."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.support.cluster import Cluster
from tests.web.browsing import Tab, tab, url_of

UPDATES = 50
WATCH = """([selector, text]) => {
    window.seenAtMs = 0;
    const look = () => {
        if (window.seenAtMs || !document.querySelector(selector)?.textContent.includes(text)) return;
        window.seenAtMs = Date.now();
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


async def test_a_state_is_on_screen_within_a_second(
    browser: Browser, cluster: Cluster, tmp_path: Path
) -> None:
    """The least of five is held to the second: the others only show what else the machine does."""
    late_s = []
    async with tab(browser, url_of(cluster)) as opened:
        page = opened.page
        for number in range(5):
            gate = tmp_path / str(number)
            run_id = await cluster.start_run("held", gate=str(gate))
            await opened.open("/runs")
            await opened.live()
            state = f"#run-{run_id} [data-column=State]"
            await page.locator(state, has_text="Running").wait_for()
            await page.evaluate(WATCH, [state, "Succeeded"])
            gate.touch()
            await opened.until(lambda: page.evaluate("window.seenAtMs > 0"))
            seen_ms = await page.evaluate("window.seenAtMs")
            run = await cluster.finished(run_id)
            late_s.append(seen_ms / 1e3 - run["finished_at_us"] / 1e6)
    print("seconds from event to screen:", ", ".join(f"{late:.3f}" for late in late_s))
    assert min(late_s) <= 1.0
    assert max(late_s) <= 8.0


async def test_the_graph_of_a_run_follows_it(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run_id = await cluster.start_run("held", gate=str(gate))
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open(f"/runs/{run_id}/graph")
        await opened.live()
        await page.locator("[data-id=hold]", has_text="Running").wait_for()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        gate.touch()
        await page.locator("[data-id=finish]", has_text="Succeeded").wait_for()
        await page.get_by_role("heading", level=1).get_by_text("Succeeded").wait_for()
    assert [url for url in asked if "/graph" in url or url.endswith("/runs")] == []


async def test_an_empty_list_fills_by_itself(browser: Browser, cluster: Cluster) -> None:
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/runs?workflow=quick&label=team%3Dnone")
        await page.get_by_text("No run fits these filters").wait_for()
        await opened.open("/runs?workflow=shop")
        await opened.live()
        run_id = await cluster.start_run("shop", count=3)
        await page.locator(f"#run-{run_id}").wait_for()


async def test_scroll_and_selection_survive_live_updates(
    browser: Browser, cluster: Cluster, tmp_path: Path
) -> None:
    """Fifty runs end in sight and above it, fifty others begin; the reader's place does not move."""
    gates = [tmp_path / str(number) for number in range(UPDATES)]
    first = [await cluster.start_run("quick", number=number) for number in range(20)]
    held = await asyncio.gather(*(cluster.start_run("held", gate=str(gate)) for gate in gates))
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/runs")
        await opened.live()
        for key in ("j", "j", "j", "x", "j", "x"):
            await page.keyboard.press(key)
        await page.get_by_role("grid").evaluate("grid => grid.scrollTo(0, 700)")
        await opened.until(lambda: page.evaluate("document.querySelector('[role=grid]').scrollTop === 700"))
        before = await _resting(opened)
        assert len(before["picked"]) == 2
        for number, gate in enumerate(gates):
            gate.touch()
            await cluster.start_run("quick", number=number)
        await asyncio.gather(*(cluster.finished(run_id) for run_id in held))
        await page.get_by_role("button", name=f"{UPDATES} new").wait_for()
        visible = await page.locator("[role=row][aria-rowindex]").evaluate_all(
            "rows => rows.map(row => row.id)"
        )
        shown = [run_id for run_id in held if f"run-{run_id}" in visible]
        assert len(shown) >= 15
        for run_id in shown:
            await page.locator(f"#run-{run_id} [data-column=State]", has_text="Succeeded").wait_for()
        assert await _place(page) == before
        # Asked for, they come: each once, the newest first.
        await page.keyboard.press("n")
        await page.get_by_role("button", name=f"{UPDATES} new").wait_for(state="detached")
        await page.get_by_role("grid").evaluate("grid => grid.scrollTo(0, 0)")
        await page.locator("[aria-rowindex='1']").wait_for()
        indexes = await page.locator("[role=row][aria-rowindex]").evaluate_all(
            "rows => rows.map(row => row.id)"
        )
        assert len(indexes) == len(set(indexes))
        assert first[0] not in indexes


async def _resting(opened: Tab) -> dict[str, object]:
    """The place once it does not move any more. What rows say is no part of it: they count the seconds of runs."""
    place: dict[str, object] = {}

    async def rests() -> bool:
        nonlocal place
        before, place = place, await _place(opened.page)
        return place == before

    await opened.until(rests, "the page does not come to rest")
    return place


async def _place(page: Page) -> dict[str, object]:
    """Where the reader is: the scroll, what is where in sight, what is selected, where the keyboard is."""
    found: dict[str, object] = await page.evaluate(
        """() => {
            const grid = document.querySelector('[role=grid]');
            const rows = [...document.querySelectorAll('[role=row][aria-rowindex]')];
            return {
                top: grid.scrollTop,
                focus: document.activeElement.getAttribute('aria-label'),
                address: location.href,
                rows: rows.map(row => [row.id, Math.round(row.getBoundingClientRect().top)])
                    .filter(row => row[1] > 0 && row[1] < innerHeight),
                active: grid.getAttribute('aria-activedescendant'),
                picked: new URLSearchParams(location.search).getAll('pick'),
            };
        }"""
    )
    return found


async def test_many_updates_do_not_hold_up_the_page(browser: Browser, cluster: Cluster) -> None:
    """A hundred runs of several nodes pass by while somebody types; the list ends up right."""
    async with tab(browser, url_of(cluster)) as opened:
        await cluster.finished(await cluster.start_run("quick", number=0))
        page = await opened.open("/runs?workflow=quick&state=running&state=succeeded")
        await opened.live()
        grid = page.locator("[role=grid]")
        before = int(await grid.get_attribute("aria-rowcount") or 0)
        began = time.monotonic()
        runs = await asyncio.gather(*(cluster.start_run("quick", number=number) for number in range(100)))
        await asyncio.gather(*(cluster.finished(run_id) for run_id in runs))
        pill = page.get_by_role("button", name="new", exact=False).last

        async def all_told() -> bool:
            """Behind the pill, or, when the page had to read its list again meanwhile, in the list."""
            if await pill.count():
                await pill.click()
            return await grid.get_attribute("aria-rowcount") == str(before + 100)

        await opened.until(all_told, "not all of 100 new runs are told")
        print(f"100 runs were told after {time.monotonic() - began:.1f} s")
        newest = page.locator("[aria-rowindex='1']")
        assert ((await newest.get_attribute("id")) or "").removeprefix("run-") in runs
        await newest.locator("[data-column=State]", has_text="Succeeded").wait_for()
