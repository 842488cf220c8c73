"""Makes the screens of the README: a real Chromium on what `headrace demo` leaves behind."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("HEADRACE_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
SIZE = {"width": 1280, "height": 800}
LARGEST_BYTES = 150_000
SCREENS = {
    "overview": "/?window=15m",
    "runs": "/runs",
    "run-graph": "/runs/{run}/graph?task=carrier_statistics",
    "run-timeline": "/runs/{run}/timeline",
    "run-trace": "/runs/{run}/trace",
    "run-logs": "/runs/{run}/logs",
    "run-failed": "/runs/{failed}/graph",
    "workflows": "/workflows",
    "workflow-grid": "/workflows/flights_month/grid",
    "events": "/events",
    "workers": "/workers",
    "queues": "/queues",
    "dead-letters": "/dead-letters",
    "settings": "/settings",
}
KEPT = ("overview", "run-graph", "run-trace", "workflow-grid")
"""Those that documents show."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", metavar="DIR", type=Path, help="every page at two widths, into a directory")
    parser.add_argument("--url", help="a coordinator that runs; default: a demo of our own")
    arguments = parser.parse_args()
    if arguments.url:
        draw(arguments.url, arguments.all)
        return
    with tempfile.TemporaryDirectory() as folder:
        demo = subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", "demo", "--keep"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        try:
            draw(address(demo), arguments.all)
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait()


def address(demo: subprocess.Popen[str]) -> str:
    for line in demo.stdout or ():
        if line.startswith("Look around: "):
            return line.split()[-1]
    raise RuntimeError("the demo did not get to its end")


def draw(url: str, everything: Path | None) -> None:
    names = fill_in(url)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for theme in ("light", "dark"):
            for name, path in SCREENS.items():
                if everything is not None:
                    for width in (1280, 375):
                        size = {"width": width, "height": 800}
                        shoot(
                            browser,
                            url + path.format_map(names),
                            everything / f"{name}-{width}-{theme}.png",
                            theme,
                            size,
                        )
                elif name in KEPT:
                    file = HERE / f"{name}-{theme}.webp"
                    shoot(browser, url + path.format_map(names), file, theme, SIZE)
        browser.close()


def fill_in(url: str) -> dict[str, str]:
    """The runs that the addresses name."""
    runs = httpx.get(f"{url}/api/v1/runs?limit=100").json()["runs"]
    succeeded = [run["run_id"] for run in runs if run["state"] == "succeeded"]
    failed = [run["run_id"] for run in runs if run["state"] == "failed"]
    return {"run": succeeded[-1], "failed": failed[0]}


def shoot(browser: Browser, address: str, file: Path, theme: str, size: dict[str, int]) -> None:
    context = browser.new_context(
        viewport=size, color_scheme=theme, timezone_id="UTC", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(address)
    rest(page)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".webp":
        from base64 import b64decode

        session = context.new_cdp_session(page)
        shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
        file.write_bytes(b64decode(shot["data"]))
        if (found := file.stat().st_size) > LARGEST_BYTES:
            raise ValueError(f"{file} has {found:,} bytes, at most {LARGEST_BYTES:,}")
    else:
        page.screenshot(path=file)
    print(f"{file}  {file.stat().st_size / 1000:.0f} KB")
    context.close()


def rest(page: Page) -> None:
    """Wait until the data is there, a graph has its final layout, and nothing moves any more."""
    page.locator("[data-connection=live]").wait_for()
    page.locator("main h1").first.wait_for()
    while page.locator("main [role=status][aria-label]").count():
        page.evaluate("new Promise(requestAnimationFrame)")
    if page.locator("main .react-flow").count():
        page.locator("[data-refined]").wait_for()
    still, before = 0, ""
    while still < 20:
        page.evaluate("new Promise(requestAnimationFrame)")
        now = page.locator("main").inner_html()
        still, before = (still + 1 if now == before else 0), now
    page.evaluate(
        """Promise.all(document.getAnimations()
            .filter(one => one.effect.getTiming().iterations !== Infinity)
            .map(one => one.finished))"""
    )


if __name__ == "__main__":
    main()
