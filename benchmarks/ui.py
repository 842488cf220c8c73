"""The budgets of the web UI, in a real Chromium, on a real coordinator with a store that has seen much work."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from _cluster import Cluster
from _figures import Figure, run
from _ui_data import BIG, GRAPH_NODES, GRID_NODES, GRID_RUNS, LINES, RUNS, fill
from playwright.async_api import Page, async_playwright

BUNDLE = Path(__file__).parent.parent / "coordinator/headrace_coordinator/_ui"
CHROMIUM = os.environ.get("HEADRACE_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TYPING_MS = 120
"""How long the search of a log waits for the next letter."""
PAINTED = """
window.painted = (act, holds) => new Promise((resolve, reject) => {
    const began = performance.now();
    const look = () => {
        if (performance.now() - began > 30000) reject(new Error(`never: ${holds}`));
        else if (!holds()) requestAnimationFrame(look);
        else requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => resolve(performance.now() - began);
            port2.postMessage(null);
        });
    };
    act();
    look();
});
window.visit = path => {
    history.pushState({}, '', path);
    dispatchEvent(new PopStateEvent('popstate', { state: {} }));
};
// The stream of this page, into which frames can be put as if the coordinator had sent them.
delete window.SharedWorker;
const original = window.fetch;
window.fetch = async (...asked) => {
    const answer = await original(...asked);
    if (!String(asked[0]).includes('/api/v1/live?')) return answer;
    const reader = answer.body.getReader();
    const body = new ReadableStream({
        start: control => {
            window.tell = (event, data) => control.enqueue(
                new TextEncoder().encode(`event: ${event}\\ndata: ${JSON.stringify(data)}\\n\\n`));
            const pass = () => reader.read().then(
                ({ done, value }) => { if (done) control.close(); else { control.enqueue(value); pass(); } },
                error => control.error(error));
            pass();
        },
    });
    return new Response(body, { status: answer.status, headers: answer.headers });
};
"""
"""Measures from an act until what it brings has been painted."""
Act = Callable[[Page], Awaitable[float]]


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    figures = bundle()
    cluster = Cluster(workers=1)
    await fill(cluster.directory / "headrace.db")
    async with cluster, browser() as open_page:
        url = str(cluster.api.base_url).removesuffix("/api/v1/")
        for name, unit, limit, act in TIMES:
            page = await open_page(url)
            values = [await act(page) for _ in range(arguments.rounds)]
            figures.append(Figure(name=name, value=statistics.median(values), unit=unit, limit=limit))
            await page.close()
        figures += await elements(await open_page(url))
        figures.append(await lateness(cluster, await open_page(url), arguments.rounds))
    return figures


def bundle() -> list[Figure]:
    """What a first visit loads before it shows anything: the entry and what it imports at once."""
    document = (BUNDLE / "index.html").read_text()
    scripts = re.findall(r'(?:src|modulepreload"[^>]* href)="/?(assets/[^"]+\.js)"', document)
    styles = re.findall(r'href="/?(assets/[^"]+\.css)"', document)
    return [
        Figure(name="first JavaScript, gzipped", value=packed(scripts), unit="KB", limit=230),
        Figure(name="first CSS, gzipped", value=packed(styles), unit="KB", limit=45),
    ]


def packed(names: list[str]) -> float:
    if not names:
        raise ValueError(f"{BUNDLE / 'index.html'} names none")
    return sum(len(gzip.compress((BUNDLE / name).read_bytes(), 9)) for name in names) / 1000


@asynccontextmanager
async def browser() -> AsyncIterator[Callable[[str], Awaitable[Page]]]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        async def open_page(url: str) -> Page:
            context = await launched.new_context(viewport={"width": 1280, "height": 800}, base_url=url)
            await context.add_init_script(PAINTED)
            page = await context.new_page()
            await page.goto("/settings")
            await page.locator("[data-connection=live]").wait_for()
            return page

        yield open_page
        await launched.close()


async def go(page: Page, path: str, holds: str) -> float:
    """Milliseconds from going to an address inside the application until something of it is painted."""
    await page.evaluate("visit('/settings')")
    await page.get_by_role("heading", name="Settings").wait_for()
    found: float = await page.evaluate(f"path => painted(() => visit(path), () => {holds})", path)
    return found


async def runs_paint(page: Page) -> float:
    return await go(page, "/runs", "document.querySelectorAll('[role=row][aria-rowindex]').length > 15")


async def all_runs(page: Page) -> None:
    """Scroll until every run has been loaded."""
    await runs_paint(page)
    while await page.get_by_role("grid").get_attribute("aria-rowcount") != str(RUNS):
        await page.get_by_role("grid").evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
        await page.evaluate("new Promise(requestAnimationFrame)")


async def runs_filter(page: Page) -> float:
    """With all runs loaded, those that failed; then all of them again."""
    if await page.get_by_role("grid").count() == 0:
        await all_runs(page)
    found: float = await page.evaluate(
        """() => {
            const chips = [...document.querySelectorAll('[role=group][aria-label=State] button')];
            const chip = chips.find(one => one.textContent.startsWith('Failed'));
            const rows = () => [...document.querySelectorAll('[aria-rowindex] [data-column=State]')];
            const failed = () => rows().length > 15 && rows().every(row => row.textContent.includes('Failed'));
            return painted(() => chip.click(), failed);
        }"""
    )
    await page.get_by_role("group", name="State").get_by_role("button", name="Failed").click()
    await page.locator("[data-column=State]", has_text="Succeeded").first.wait_for()
    return found


async def runs_change(page: Page) -> float:
    """The newest hundred runs change their state in one frame of the stream."""
    await runs_paint(page)
    found: float = await page.evaluate(
        """async () => {
            const { runs } = await (await fetch('/api/v1/runs?limit=100')).json();
            const shown = () => document.querySelector(`#run-${runs[0].run_id} [data-column=State]`).textContent;
            const to = shown().includes('Failed') ? 'cancelled' : 'failed';
            const changed = runs.map(run => ({ ...run, state: to }));
            return painted(() => tell('runs', { runs: changed }), () => shown().toLowerCase().includes(to));
        }"""
    )
    return found


async def graph_paint(page: Page) -> float:
    return await go(page, f"/runs/{BIG}/graph", "document.querySelectorAll('.react-flow__node').length > 900")


async def graph_change(page: Page) -> float:
    """A hundred nodes of the large graph change their state in one frame of the stream, once its layout is final."""
    if await page.locator(".react-flow__node").count() == 0:
        await graph_paint(page)
        await page.locator("[data-refined]").wait_for(timeout=120_000)
    found: float = await page.evaluate(
        """runId => {
            const card = () => document.querySelector('[data-id=node-0500] [style*=hue]').getAttribute('style');
            const to = card().includes('failed') ? 'cancelled' : 'failed';
            const at_us = Date.now() * 1000;
            const events = Array.from({ length: 100 }, (_, index) => (
                { kind: `node.${to}`, at_us, node: `node-0${500 + index}`, attempt: 1 }));
            const batch = { position: at_us, run_id: runId, workflow: 'graph', events };
            return painted(() => tell('changes', { changes: [batch] }), () => card().includes(to));
        }""",
        BIG,
    )
    return found


async def logs_paint(page: Page) -> float:
    lines = "document.querySelector('[role=log]')?.textContent.includes('has flown')"
    return await go(page, f"/runs/{BIG}/logs", lines)


async def logs_search(page: Page) -> float:
    """From the last letter to the number of lines found, without the wait for another letter."""
    if await page.get_by_role("log").count() == 0:
        await logs_paint(page)
    wanted = f"line 0{time.monotonic_ns() % 90_000:05d}"
    found: float = await page.evaluate(
        """text => {
            const input = document.querySelector('[role=search] input');
            const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
            const said = () => document.querySelector('[role=search] output')?.textContent ?? '';
            const asked = () => new URLSearchParams(location.search).get('q') === text;
            return painted(
                () => { set.call(input, text); input.dispatchEvent(new Event('input', { bubbles: true })); },
                () => asked() && /^(1 line|1 of 1)$/.test(said()));
        }""",
        wanted,
    )
    return found - TYPING_MS


async def grid_paint(page: Page) -> float:
    cell = "document.querySelector('[role=gridcell]') && document.querySelector('canvas')?.width > 300"
    return await go(page, f"/workflows/grid/grid?runs={GRID_RUNS}", cell)


TIMES: tuple[tuple[str, str, float, Act], ...] = (
    (f"{RUNS:,} runs: the list is painted", "ms", 300, runs_paint),
    (f"{RUNS:,} runs: a filter is painted", "ms", 100, runs_filter),
    ("100 runs change their state", "ms", 100, runs_change),
    (f"graph of {GRAPH_NODES:,} nodes is painted", "ms", 1000, graph_paint),
    (f"100 of {GRAPH_NODES:,} nodes change their state", "ms", 100, graph_change),
    (f"{LINES:,} log lines: the log is painted", "ms", 1000, logs_paint),
    (f"{LINES:,} log lines: a search is answered", "ms", 150, logs_search),
    (f"grid of {GRID_RUNS * GRID_NODES:,} cells is painted", "ms", 1000, grid_paint),
)


async def elements(page: Page) -> list[Figure]:
    """How much a page holds, however much it shows."""
    found = []
    count = "root => root.querySelectorAll('*').length"
    await logs_paint(page)
    found.append(("elements of 100,000 log lines", await page.get_by_role("log").evaluate(count), 300))
    await grid_paint(page)
    found.append(("elements of 100,000 grid cells", await page.locator("main").evaluate(count), 300))
    await all_runs(page)
    found.append(("elements of 10,000 runs", await page.get_by_role("grid").evaluate(count), 1500))
    await graph_paint(page)
    found.append(("elements of 1,000 graph nodes", await page.locator("main").evaluate(count), 6_000))
    await page.close()
    return [Figure(name=name, value=value, unit="elements", limit=limit) for name, value, limit in found]


async def lateness(cluster: Cluster, page: Page, rounds: int) -> Figure:
    """From the end of a run to its new state on the screen."""
    await page.goto("/runs?workflow=three")
    await page.locator("[data-connection=live]").wait_for()
    late = []
    for number in range(rounds):
        watched = page.evaluate(
            """async number => {
                const rows = () => [...document.querySelectorAll('[aria-rowindex] [data-column=State]')];
                const done = () => rows().filter(one => one.textContent.includes('Succeeded')).length > number;
                const buttons = () => [...document.querySelectorAll('button')];
                const pill = () => buttons().find(one => /^\\s*1 new/.test(one.textContent));
                await painted(() => {}, () => { pill()?.click(); return done(); });
                return Date.now();
            }""",
            number,
        )
        shown = asyncio.ensure_future(watched)
        run_id = await cluster.run("three", number=number)
        seen_ms = await shown
        ended_us = (await cluster.api.get(f"/runs/{run_id}")).json()["finished_at_us"]
        late.append(seen_ms - ended_us / 1000)
    return Figure(
        name="state on screen after its event", value=statistics.median(late), unit="ms", limit=1000
    )


if __name__ == "__main__":
    run(
        "ui",
        "the web UI keeps its budgets",
        measure,
        ("--rounds", {"type": int, "default": 5}),
        gate=True,
    )
