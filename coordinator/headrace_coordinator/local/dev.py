"""What `headrace dev` does: start everything, load definitions now and on every save, stop in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from headrace_coordinator.local import state_file
from headrace_coordinator.local.loading import KnownFiles
from headrace_coordinator.local.site import Reporter, Site, SiteSettings
from headrace_coordinator.local.targets import Contents, watched_folders
from headrace_protocol.tasks import end

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
        self._folder = Path.cwd()
        self._given = list(targets)
        self._files = KnownFiles(targets, self._folder, settings.data / "files.json")
        self._loading = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None
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
        await self.site.start()
        watch = _Watch(watched_folders(self._given, self._folder)) if self._reload else None
        try:
            if watch is not None:
                await watch.start()  # before the first load: what is saved from now on is not missed
            await self._load()
            if not await self.site.workers_ready():
                self._reporter.tell("a worker is not ready yet: see what it printed")
            self._on_ready(self.site)
            while watch is not None:
                await self._on_save(await watch.saved())
            await asyncio.Event().wait()
        finally:
            if watch is not None:
                await watch.stop()
            if self._later is not None:
                self._later.cancel()
            await self.site.stop()

    async def _on_save(self, saved: Sequence[Path]) -> None:
        if not self._files.look().targets and not self._running:
            return
        names = ", ".join(path.name for path in saved[:3]) + (" …" if len(saved) > 3 else "")
        self._reporter.tell(f"saved: {names}")
        await self._load()

    async def _load(self) -> None:
        """Deploy and run what is there. A file that cannot be loaded leaves what was deployed of it as it is, and
        holds up no other one."""
        async with self._loading:
            look = self._files.look()
            result = await self.site.deploy(look)
            for failure in result.failures:
                self._reporter.tell(f"not loaded: {failure.target}; what was deployed of it goes on")
            failed = {failure.target for failure in result.failures}
            self._files.loaded([one for one in result.loaded if one not in failed], look.gone)
            if look.next_look_s is not None:
                self._look_again(look.next_look_s)
            if look.targets and not result.loaded:
                kept = "what was deployed before goes on" if self._running else "waiting for the next save"
                self._reporter.tell(f"nothing was loaded: {kept}")
                return
            self._running = list(result.loaded)
            await self.site.replace_workers(result.loaded)

    def _look_again(self, wait_s: float) -> None:
        """A file is missing: when it does not come back, what it defined is retired."""
        if self._later is not None and self._later is not asyncio.current_task():
            self._later.cancel()

        async def look() -> None:
            await asyncio.sleep(wait_s)
            gone = self._files.look().gone
            if gone:
                self._reporter.tell(f"gone: {', '.join(gone)}")
                await self._load()

        self._later = asyncio.create_task(look(), name="look for missing files")


class _Watch:
    """Python files that are saved with another content, a batch at a time."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._changes: asyncio.Queue[set[Path]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._contents = Contents(())

    async def start(self) -> None:
        """Watch first, and look at the contents then: what is saved in between is loaded, or told."""
        self._task = asyncio.create_task(self._watch(), name="watch of files")
        self._task.add_done_callback(lambda done: self._changes.put_nowait(set()))
        await asyncio.sleep(0)
        self._contents = Contents(self._folders)

    async def stop(self) -> None:
        await end(self._task)

    async def saved(self) -> list[Path]:
        """Wait for a save that changes something."""
        while True:
            paths = await self._changes.get()
            if self._task is not None and self._task.done():
                self._task.result()  # why it cannot watch
            while not self._changes.empty():
                paths |= self._changes.get_nowait()
            if saved := self._contents.changed(paths):
                return saved

    async def _watch(self) -> None:
        from watchfiles import PythonFilter, awatch

        async for changes in awatch(
            *self._folders, watch_filter=PythonFilter(), step=STEP_MS, debounce=1_000
        ):
            self._changes.put_nowait({Path(path) for _, path in changes})
