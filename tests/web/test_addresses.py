"""Each address opens the same view again: filters, selection, tab and what is shown live in it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser

from tests.support.cluster import ROOT, Cluster
from tests.web.browsing import chosen, tab, url_of
from tests.web.pages import PAGES, TICKING, VIEWS, Sample, full

SETTINGS = chosen(times="absolute")


@pytest.fixture(scope="module")
async def sample(cluster: Cluster) -> Sample:
    return await full(cluster)


@pytest.mark.parametrize("path", VIEWS)
async def test_a_reload_shows_the_same(browser: Browser, cluster: Cluster, sample: Sample, path: str) -> None:
    """The same as a person sees it and as a screen reader tells it, at the same address."""
    async with tab(browser, url_of(cluster), settings=SETTINGS) as opened:
        opened.ticks = path == "/" or path.startswith(TICKING[1:])
        page = await opened.open(sample.path(path))
        await opened.live()
        view = page.locator("main")
        for last in (False, False, True):
            before = await opened.still(view)
            address = page.url
            await page.reload()
            await opened.settled()
            await opened.live()
            if last or await opened.still(view) == before:  # unless something has happened meanwhile
                break
        await opened.same(view, before)
        assert page.url == address


async def test_what_was_chosen_is_in_the_address(browser: Browser, cluster: Cluster, sample: Sample) -> None:
    """Somebody who gets the address sees what the sender saw."""
    async with tab(browser, url_of(cluster), settings=SETTINGS) as opened:
        page = await opened.open("/runs")
        await page.get_by_role("group", name="State").get_by_role("button", name="Failed").click()
        await page.get_by_role("textbox", name="Search run ids and errors").fill("price list")
        await opened.address("q=price")
        await page.locator(f"#run-{sample.failed}").wait_for()
        await page.locator(f"#run-{sample.failed} input[type=checkbox]").click()
        await opened.address(f"pick={sample.failed}")
        sent = page.url.removeprefix(url_of(cluster))
        seen = await opened.still(page.locator("main"))
    async with tab(browser, url_of(cluster), settings=SETTINGS) as opened:
        page = await opened.open(sent)
        await opened.live()
        await opened.same(page.locator("main"), seen)


def test_every_route_is_looked_at() -> None:
    """A page that is new is opened by these tests, and by those of access."""
    router = (ROOT / "coordinator/web/src/app/router.tsx").read_text()
    assert sorted(set(re.findall(r'"~/pages/([^"]+)"\), "', router))) == sorted(PAGES)
