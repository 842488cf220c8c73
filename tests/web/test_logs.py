"""The log of a run: followed, late lines too, without gap or duplicate, and with no more in the page than is seen."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.async_api import Browser, Page

from headrace_protocol import codec
from headrace_protocol.messages import LogBatch, LogLine
from tests.support.cluster import Cluster, eventually
from tests.web.browsing import port_of, tab, url_of
from tests.web.proxy import Proxy
from tests.web.test_connection import BROKEN

ROWS = "[role=log] [data-index]"


async def tell(cluster: Cluster, run_id: str, messages: list[str]) -> None:
    """Log lines of a run as a worker sends them, whatever has become of the run."""
    lines = tuple(
        LogLine(
            run_id=run_id, node="tell", attempt=1, at_us=time.time_ns() // 1000, level="info", message=message
        )
        for message in messages
    )
    connection = await cluster.connect()
    try:
        body = codec.encode(LogBatch(worker="tests", lines=lines))
        headers = {"Content-Type": "application/msgpack"}
        await connection.jetstream().publish("hr.default.log.default", body, headers=headers)
    finally:
        await connection.close()


async def kept(cluster: Cluster, run_id: str, count: int) -> None:
    total = 0

    async def there() -> bool:
        nonlocal total
        answer = await cluster.api.get(f"/runs/{run_id}/logs/summary")
        total = answer.json()["total"]
        return total == count

    await eventually(there, 30, lambda: f"{total} lines of {count}")


async def shown(page: Page) -> list[str]:
    return await page.locator(ROWS).all_inner_texts()


async def test_late_lines_appear_after_the_end(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    run_id = await cluster.start_run("talking", lines=3, gate=str(gate))
    await cluster.finished(run_id)
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open(f"/runs/{run_id}/logs")
        await opened.live()
        await page.get_by_role("log").get_by_text("line 00002").wait_for()
        await page.get_by_text("Complete at").wait_for()
        await tell(cluster, run_id, ["a line that came late"])
        await page.get_by_role("log").get_by_text("a line that came late").wait_for()


async def test_a_cut_loses_and_repeats_no_line(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    """Cut in the middle of lines, again and again: at the end each line is there once, in order."""
    run_id = await cluster.start_run("talking", lines=5, gate=str(tmp_path / "never"))
    await kept(cluster, run_id, 5)
    async with Proxy(port_of(cluster)) as proxy, tab(browser, proxy.url, expected=BROKEN) as opened:
        page = await opened.open(f"/runs/{run_id}/logs")
        await opened.live()
        for cut in range(4):
            await tell(cluster, run_id, [f"more {cut} {number}" for number in range(3)])
            proxy.cut()
            await tell(cluster, run_id, [f"late {cut} {number}" for number in range(2)])
            await page.get_by_role("log").get_by_text(f"late {cut} 1").wait_for()
        wanted = [f"line {number:05d}" for number in range(5)]
        for cut in range(4):
            wanted += [f"more {cut} {number}" for number in range(3)]
            wanted += [f"late {cut} {number}" for number in range(2)]
        found = await shown(page)
        assert [next((text for text in wanted if text in line), line) for line in found] == wanted
    await cluster.api.post(f"/runs/{run_id}/cancel", json={})


async def test_many_lines_are_few_elements(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    """Followed to the end of five thousand; a search finds what is far from what is in the page."""
    run_id = await cluster.start_run("talking", lines=5_000, gate=str(tmp_path / "never"))
    await kept(cluster, run_id, 5_000)
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open(f"/runs/{run_id}/logs")
        await opened.live()
        await page.keyboard.press("/")
        await page.keyboard.type("line 02500")
        await page.get_by_role("search").get_by_text("1 line").wait_for()
        await page.keyboard.press("Enter")
        await page.get_by_role("log").get_by_text("line 02500").first.wait_for()
        assert await page.get_by_role("log").evaluate("log => log.querySelectorAll('*').length") <= 300
        assert len(await shown(page)) < 100
        await opened.address("q=line+02500")
        await page.reload()
        await page.get_by_role("log").get_by_text("line 02500").first.wait_for()
    await cluster.api.post(f"/runs/{run_id}/cancel", json={})
