"""What `headrace dev` does: start everything, load definitions now and on every save, stop in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from headrace_coordinator.local import state_file
from headrace_coordinator.local.site import Reporter, Site, SiteSettings
from headrace_coordinator.local.targets import Contents, find_targets, watched_folders

STEP_MS = 50
"""Saves that follow each other this closely are one: editors write, rename and touch."""


class Dev:
    """One `headrace dev`. `on_ready` is called when the API answers and definitions are deployed."""

    def __init__(
        self,
        settings: SiteSettings,
        targets: Sequence[str],
        reporter: Reporter,
        on_ready: Callable[[Site], None],
        *,
        reload: bool = True,
    ) -> None:
        state_file.refuse_second(settings.state_file, settings.data)
        self.site = Site(settings, reporter)
        self._given = list(targets)
        self._reporter = reporter
        self._on_ready = on_ready
        self._reload = reload
        self._running: list[str] = []

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP; a second one does not wait for work in progress."""
        work = asyncio.ensure_future(self._work())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._interrupt, work)
        with contextlib.suppress(asyncio.CancelledError):
            await work

    def _interrupt(self, work: asyncio.Future[None]) -> None:
        if work.cancelling() if isinstance(work, asyncio.Task) else work.done():
            self.site.kill()
            return
        finishing = "workers finish what they have; " if self.site.workers else ""
        self._reporter.tell(f"stopping ({finishing}ctrl-C again: at once)")
        work.cancel()

    async def _work(self) -> None:
        folder = Path.cwd()
        await self.site.start()
        try:
            await self._load(self._targets(folder))
            self._on_ready(self.site)
            if self._reload:
                async for saved in _saves(watched_folders(self._given, folder)):
                    await self._on_save(saved, folder)
            await asyncio.Event().wait()
        finally:
            await self.site.stop()

    def _targets(self, folder: Path) -> list[str]:
        return self._given or find_targets(folder)

    async def _on_save(self, saved: Sequence[Path], folder: Path) -> None:
        targets = self._targets(folder)
        if not targets and not self._running:
            return
        names = ", ".join(path.name for path in saved[:3]) + (" …" if len(saved) > 3 else "")
        self._reporter.tell(f"saved: {names}")
        await self._load(targets)

    async def _load(self, targets: Sequence[str]) -> None:
        """Deploy and run the targets; what cannot be loaded leaves the old ones as they are."""
        if targets and not await self.site.deploy(targets):
            kept = "what was deployed before goes on" if self._running else "waiting for the next save"
            self._reporter.tell(f"not loaded: {kept}")
            return
        self._running = list(targets)
        await self.site.replace_workers(targets)


async def _saves(folders: Sequence[Path]) -> AsyncIterator[list[Path]]:
    """Python files that were saved with another content, a batch at a time."""
    from watchfiles import PythonFilter, awatch

    contents = Contents(folders)
    async for changes in awatch(*folders, watch_filter=PythonFilter(), step=STEP_MS, debounce=1_000):
        saved = contents.changed({Path(path) for _, path in changes})
        if saved:
            yield saved
