"""A page of another site whose name leads to this machine: it can neither read nor command."""

from __future__ import annotations

from playwright.async_api import async_playwright

from tests.support.cluster import Cluster
from tests.web.browsing import CHROMIUM, FLAGS, missing, port_of
from tests.web.browsing import chromium as required

REBOUND = "--host-resolver-rules=MAP evil.test 127.0.0.1"
COMMAND = """async () => (await fetch("/api/v1/workflows/shop/runs", {method: "POST", body: "{}"})).status"""


async def test_a_name_that_leads_here_reaches_nothing(cluster: Cluster) -> None:
    if missing():
        async with required():
            raise AssertionError("it skips or fails")
    flags = [flag for flag in FLAGS if "host-resolver" not in flag]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, REBOUND])
        page = await browser.new_page()
        answer = await page.goto(f"http://evil.test:{port_of(cluster)}/api/v1/runs")
        assert answer is not None
        assert answer.status == 403
        assert "not served under this name" in await answer.text()
        assert await page.evaluate(COMMAND) == 403
        answer = await page.goto(f"http://localhost:{port_of(cluster)}/api/v1/runs")
        assert answer is not None
        assert answer.status == 200
        await browser.close()
