"""`headrace dev`: everything on this machine, in one command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headrace_coordinator.local.site import Site, SiteSettings

DATA = Path(".headrace")


def dev(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE_OR_MODULE...]", help="Default: the files here that define workflows."),
    ] = None,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            envvar="HEADRACE_PORT",
            min=0,
            max=65_535,
            help="Of the HTTP API. Default: 8400 if free.",
        ),
    ] = None,
    nats_port: Annotated[
        int | None,
        typer.Option(
            "--nats-port", envvar="HEADRACE_NATS_PORT", min=0, max=65_535, help="Default: 4222 if free."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", envvar="HEADRACE_WORKERS", min=0, max=64, help="Worker processes.")
    ] = 1,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="HEADRACE_DATA", metavar="DIR", help="Default: .headrace here."),
    ] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Forget everything at the end.")] = False,
    reload: Annotated[
        bool, typer.Option("--reload/--no-reload", help="Load definitions again on every save.")
    ] = True,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Replace workflows that belong to another deploy set.")
    ] = False,
    open_ui: Annotated[bool, typer.Option("--open", help="Open the web UI in the browser.")] = False,
    state_file: Annotated[Path | None, typer.Option("--state-file", hidden=True)] = None,
    ready_fd: Annotated[int | None, typer.Option("--ready-fd", hidden=True)] = None,
) -> None:
    """Run everything here, reload on save.

    NATS, a coordinator and workers, with the definitions of the files named. State is kept in .headrace;
    other commands in this directory find what runs here without flags.
    """
    import tempfile

    from headrace_coordinator.local.site import SiteSettings

    if ephemeral and data is not None:
        raise typer.BadParameter("--ephemeral keeps no data: leave out --data")

    def settings(folder: Path) -> SiteSettings:
        return SiteSettings(
            data=folder.resolve(),
            state_file=(state_file or DATA / "dev.json").resolve(),
            port=port,
            nats_port=nats_port,
            workers=workers,
            take_over=take_over,
        )

    told = _Told(reload=reload, ephemeral=ephemeral, open_ui=open_ui, ready_fd=ready_fd)
    if not ephemeral:
        _run(settings(data or DATA), targets or [], told)
        return
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        _run(settings(Path(folder)), targets or [], told)


@dataclass(frozen=True)
class _Told:
    """What the flags say besides the site's settings."""

    reload: bool
    ephemeral: bool
    open_ui: bool
    ready_fd: int | None


def _run(settings: SiteSettings, targets: list[str], told: _Told) -> None:
    import asyncio
    import webbrowser

    from headrace_coordinator.cli.coordinator import teller
    from headrace_coordinator.cli.terminal import Terminal, seconds_since_start
    from headrace_coordinator.local.dev import Dev

    terminal = Terminal()

    def on_ready(site: Site) -> None:
        lines = _places(site, ephemeral=told.ephemeral)
        terminal.tell("\n".join([f"ready in {seconds_since_start():.1f} s", *lines]))
        if told.ready_fd is not None:
            teller(told.ready_fd)(f"{site.api} {site.nats.url}")
        if told.open_ui:
            webbrowser.open(site.api)

    async def main() -> None:
        await Dev(settings, targets, terminal, on_ready, reload=told.reload).run()

    asyncio.run(main())


def _places(site: Site, *, ephemeral: bool) -> list[str]:
    from headrace_coordinator.local.site import DEFAULT_NATS_PORT, DEFAULT_PORT

    settings = site.settings
    moved = f"  ({DEFAULT_PORT} is taken)" if settings.port is None and site.port != DEFAULT_PORT else ""
    nats_moved = settings.nats_port is None and site.nats.port != DEFAULT_NATS_PORT
    lines = [
        f"web UI   {site.api}{moved}",
        f"API      {site.api}/api/v1",
        f"NATS     {site.nats.url}" + (f"  ({DEFAULT_NATS_PORT} is taken)" if nats_moved else ""),
        f"data     {settings.data}" + ("  (removed at the end)" if ephemeral else ""),
    ]
    if site.workers:
        count = len(site.workers)
        lines.append(f"workers  {count} process" + ("" if count == 1 else "es"))
        lines.append(
            "try      headrace workflows list   ·   headrace run WORKFLOW --wait   ·   headrace runs list"
        )
    else:
        lines.append("try      write a workflow into a .py file here: it is loaded when you save it")
    return [*lines, "stop     ctrl-C"]
