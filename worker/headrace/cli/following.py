"""Reading on: pages of logs and history, to their end or for as long as the run goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from headrace.cli.api import Api
from headrace.cli.views import HistoryPage, LogPage
from headrace_protocol.messages import LifecycleBatch, LogLine

PAGE = 500
POLL_S = 0.3
"""Log lines come in batches every fraction of a second: asking more often shows nothing sooner."""


def log_lines(api: Api, path: str, *, node: str | None, item: int | None, follow: bool) -> Iterator[LogLine]:
    """The lines of a run, oldest first; with `follow`, until it is finished and no line can come any more."""
    after = 0
    while True:
        query = {"node": node, "item": item, "after": after, "limit": PAGE}
        page = api.get(f"{path}/logs", LogPage, query)
        yield from (view.line for view in page.lines)
        after = page.next
        if len(page.lines) == PAGE:
            continue
        if not follow or page.complete:
            return
        time.sleep(POLL_S)


def history_batches(api: Api, path: str) -> Iterator[LifecycleBatch]:
    """Everything that has happened to a run so far, oldest first."""
    after: int | None = 0
    while after is not None:
        page = api.get(f"{path}/history", HistoryPage, {"after": after, "limit": PAGE})
        yield from page.history
        after = page.next
