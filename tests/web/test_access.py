"""Axe finds nothing on any page, light and dark, full and empty; nothing is wider than the window."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import resources
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page

from tests.support.cluster import Cluster
from tests.web.browsing import DESKTOP, PHONE, Tab, tab, url_of
from tests.web.pages import PAGES, VIEWS, Sample, full

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
BAD = '<p style="color:#999;background:#aaa">hardly to be read</p><img src="/favicon.svg">'
EMPTY = [paths[0] for paths in PAGES.values() if paths[0].count("/") == 1]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
async def sample(cluster: Cluster) -> Sample:
    return await full(cluster)


@pytest.fixture(scope="module")
async def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A coordinator that has seen nothing yet."""
    async with Cluster(tmp_path_factory.mktemp("empty")) as started:
        yield started


@pytest.mark.parametrize("path", VIEWS)
async def test_full_pages(browser: Browser, cluster: Cluster, sample: Sample, path: str) -> None:
    async with tab(browser, url_of(cluster)) as opened:
        await opened.open(sample.path(path))
        await clean(opened)


@pytest.mark.parametrize("path", EMPTY)
async def test_empty_pages(browser: Browser, empty: Cluster, path: str) -> None:
    async with tab(browser, url_of(empty)) as opened:
        await opened.open(path)
        await clean(opened)


async def test_what_opens_over_pages(browser: Browser, cluster: Cluster, sample: Sample) -> None:
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/runs")
        for key in ("Control+k", "?", "c"):
            await page.keyboard.press(key)
            await page.get_by_role("dialog").wait_for()
            await clean(opened)
            await page.keyboard.press("Escape")
            await page.get_by_role("dialog").wait_for(state="detached")


@pytest.mark.parametrize("path", ["/runs/{missing}/graph", "/nowhere"])
async def test_what_is_not_there(browser: Browser, cluster: Cluster, sample: Sample, path: str) -> None:
    async with tab(browser, url_of(cluster), expected="404") as opened:
        page = await opened.open(path.format(missing="0" * 26))
        await page.locator("main h2, main h1").last.wait_for()
        await clean(opened)


async def test_axe_would_say_so(browser: Browser, cluster: Cluster) -> None:
    """An image without a text and grey on grey are found."""
    async with tab(browser, url_of(cluster)) as opened:
        page = await opened.open("/settings")
        await page.locator("main h1").evaluate(
            "(heading, html) => heading.insertAdjacentHTML('afterend', html)", BAD
        )
        await page.evaluate(AXE)
        found = await violations(page, RULES)
        assert {one.partition(":")[0] for one in found} >= {"color-contrast", "image-alt"}


async def clean(opened: Tab) -> None:
    """Nothing for axe to find once the page has come to rest, and no sideways scrolling at either width. Themes differ
    in colours alone."""
    await opened.page.evaluate(AXE)
    for theme, rules in zip(THEMES, (RULES, COLOURS), strict=True):
        await opened.page.emulate_media(color_scheme=theme)
        await opened.still(opened.page.locator("main"))
        assert [theme, *await violations(opened.page, rules)] == [theme]
    for size in (PHONE, DESKTOP):
        await opened.page.set_viewport_size(size)
        wider = await opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{wider} px wider than {size['width']} px"


async def violations(page: Page, rules: list[str]) -> list[str]:
    found: dict[str, Any] = await page.evaluate(
        "async rules => await axe.run(document, { resultTypes: ['violations'], runOnly: rules })", rules
    )
    return [
        f"{one['id']}: {one['help']}: " + "; ".join(str(node["target"]) for node in one["nodes"][:4])
        for one in found["violations"]
    ]
