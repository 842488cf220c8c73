"""Every time is shown in one zone, which is named: the browser's, or the one that was chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser

from tests.support.cluster import Cluster
from tests.web.browsing import chosen, tab, url_of


def clock(at_us: int, zone: str) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).astimezone(ZoneInfo(zone)).strftime("%H:%M:%S")


@pytest.mark.parametrize(
    ("browser_zone", "name"), [("Asia/Tokyo", "GMT+9"), ("America/New_York", "EST|EDT|GMT-[45]")]
)
async def test_times_are_those_of_the_browser(
    browser: Browser, cluster: Cluster, browser_zone: str, name: str
) -> None:
    run_id = await cluster.start_run("quick", number=1)
    run = await cluster.finished(run_id)
    settings = chosen(times="absolute")
    async with tab(browser, url_of(cluster), settings=settings, timezone_id=browser_zone) as opened:
        page = await opened.open("/runs")
        created = page.locator(f"#run-{run_id} [data-column=Created]")
        assert clock(run["created_at_us"], browser_zone) in await created.inner_text()
        zone = await page.get_by_role("banner").locator("a[href='/settings']").inner_text()
        assert any(one in zone for one in name.split("|")), zone


async def test_a_zone_is_chosen_and_stays(browser: Browser, cluster: Cluster) -> None:
    run_id = await cluster.start_run("quick", number=1)
    run = await cluster.finished(run_id)
    async with tab(browser, url_of(cluster), settings=chosen(times="absolute")) as opened:
        page = await opened.open("/settings")
        zone = page.get_by_role("combobox", name="Time zone").or_(
            page.get_by_role("textbox", name="Time zone")
        )
        await zone.fill("Katmandu")
        await page.get_by_role("option", name="Asia/Katmandu").click()
        await opened.open("/runs")
        created = page.locator(f"#run-{run_id} [data-column=Created]")
        assert clock(run["created_at_us"], "Asia/Kathmandu") in await created.inner_text()
        await page.reload()
        await page.get_by_role("banner").get_by_text("GMT+5:45").wait_for()
