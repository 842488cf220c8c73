"""A real Chromium, and pages of it that remember what went wrong in them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, async_playwright

from tests.support.cluster import ROOT, Cluster, eventually

CHROMIUM = Path(os.environ.get("HEADRACE_CHROMIUM", "/usr/bin/chromium"))
REQUIRED = "HEADRACE_REQUIRE_CHROMIUM"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # What is not on this machine is not reached, whatever a page may try.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
BUNDLE = ROOT / "coordinator/headrace_coordinator/_ui/index.html"
PATIENCE_S = 30.0
"""For what happens in a moment, on a machine that does other things besides."""
LOADING = "main [role=status][aria-label]"
"""Skeletons: data that is on its way."""
UNTIL_NOW = re.compile(r"""^\s*- '?(button "[-\d:. ]+ to [-\d:. ]+: .*|text: [-\d:. ]+'?)$""")
"""A histogram and its ends: it reaches until now, so that each look at it cuts time at other moments."""
CLOCK = re.compile(r"\d\d:\d\d:\d\d")
AGO = re.compile(r"\d+ (ms|s|min) ago")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 800}


def missing() -> str:
    """What these tests need and this machine has not; empty when all is there."""
    if not CHROMIUM.exists():
        return f"no Chromium at {CHROMIUM}: `apt-get install chromium`, or name yours in HEADRACE_CHROMIUM"
    if not BUNDLE.exists():
        return "the web UI is not built: `uv sync --reinstall-package headrace`"
    return ""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Skips the test where there is none, or fails it where there has to be one."""
    if why := missing():
        if os.environ.get(REQUIRED):
            pytest.fail(why)
        pytest.skip(why)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Tab:
    """A page, and what it complained of."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    expected: re.Pattern[str] | None = None
    """Complaints that belong to the test."""
    ticks: bool = False
    """The page shows what time it is: clock times are no part of the view then."""

    async def open(self, path: str) -> Page:
        await self.page.goto(self.url + path)
        await self.settled()
        return self.page

    async def settled(self) -> None:
        """Wait until the page shows its data."""
        main = self.page.locator("main")
        await main.locator("h1").first.wait_for(timeout=PATIENCE_S * 1000)
        await self.until(lambda: _none(self.page, LOADING), "the page still loads")

    async def live(self) -> None:
        await self.badge("live")

    async def badge(self, connection: str) -> None:
        shown: list[str | None] = []

        async def told() -> bool:
            shown[:] = await self.page.locator("[data-connection]").evaluate_all(
                "badges => badges.map(badge => badge.dataset.connection)"
            )
            return shown == [connection]

        await eventually(
            told, PATIENCE_S, lambda: f"{self.page.url} shows {shown}, not {connection}: {self.complaints}"
        )

    async def still(self, view: Locator) -> str:
        """What a screen reader is told, once it does not change any more and animations have ended."""
        seen = ""

        async def rests() -> bool:
            nonlocal seen
            before, seen = seen, await self._told(view)
            moving = "document.getAnimations().some(one => one.effect.getTiming().iterations !== Infinity)"
            return seen == before and not await self.page.evaluate(moving)

        await self.until(rests, "the page does not come to rest")
        return seen

    async def same(self, view: Locator, wanted: str) -> None:
        """Wait until the view is what it was."""
        seen = ""

        async def alike() -> bool:
            nonlocal seen
            seen = await self._told(view)
            return seen == wanted

        try:
            await self.until(alike)
        except AssertionError:
            change = difflib.unified_diff(wanted.splitlines(), seen.splitlines(), "before", "after", n=1)
            pytest.fail("\n".join([self.page.url, *change]), pytrace=False)

    async def _told(self, view: Locator) -> str:
        told = await view.aria_snapshot()
        if self.ticks:
            told = CLOCK.sub("…", told)
        return "\n".join(AGO.sub("… ago", line) for line in told.splitlines() if not UNTIL_NOW.search(line))

    async def address(self, part: str) -> None:
        async def there() -> bool:
            return part in self.page.url

        await self.until(there, f"{part} is no part of the address")

    async def until(self, holds: Callable[[], Awaitable[bool]], otherwise: str = "") -> None:
        await eventually(holds, PATIENCE_S, lambda: f"{otherwise} ({self.page.url}) {self.complaints}")

    def check(self) -> None:
        unexpected = [one for one in self.complaints if not (self.expected and self.expected.search(one))]
        assert unexpected == []


@asynccontextmanager
async def tab(
    browser: Browser, url: str, *, settings: str = "", expected: str = "", **options: object
) -> AsyncIterator[Tab]:
    """A page of its own browser profile; fails when it logs an error or asks another host for anything."""
    context = await browser.new_context(**{"viewport": DESKTOP, "timezone_id": "Europe/Berlin", **options})
    context.set_default_timeout(PATIENCE_S * 1000)
    if settings:
        # As somebody left it at an earlier visit; what is chosen later stays chosen.
        await context.add_init_script(f"localStorage['headrace.settings'] ??= `{settings}`")
    try:
        opened = Tab(await context.new_page(), url, expected=re.compile(expected) if expected else None)
        _watch(context, opened)
        yield opened
        opened.check()
    finally:
        await context.close()


def chosen(**settings: str) -> str:
    """What the settings page would have kept."""
    listed = ", ".join(f'"{name}": "{value}"' for name, value in settings.items())
    return f'{{"state": {{{listed}}}, "version": 0}}'


def port_of(cluster: Cluster) -> int:
    return cluster.api.base_url.port or 0


def url_of(cluster: Cluster) -> str:
    return f"http://127.0.0.1:{port_of(cluster)}"


async def published(cluster: Cluster, event_type: str, data: object, event_id: str) -> list[str]:
    """The runs that an event started."""
    event = {"specversion": "1.0", "id": event_id, "source": "tests/web", "type": event_type, "data": data}
    answer: httpx.Response = await cluster.api.post(
        "/events", json=event, headers={"Content-Type": "application/cloudevents+json"}
    )
    assert answer.is_success, answer.text
    return list(answer.json()["events"][0]["runs"])


def _watch(context: BrowserContext, opened: Tab) -> None:
    def asked(request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in ("data", "blob") and where.netloc != urlsplit(opened.url).netloc:
            opened.complaints.append(f"asked another host: {request.url}")

    context.on("request", asked)
    context.on(
        "console",
        lambda said: (
            opened.complaints.append(f"{said.type}: {said.text}")
            if said.type in ("error", "warning")
            else None
        ),
    )
    context.on("weberror", lambda error: opened.complaints.append(f"not caught: {error.error}"))


async def _none(page: Page, selector: str) -> bool:
    return await page.locator(selector).count() == 0
