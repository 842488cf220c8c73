"""`headrace demo`: the flights example, end to end and checked."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.failures import ExitCode
from headrace.cli.settings import DEV_FILE

if TYPE_CHECKING:
    from headrace.cli.demo.example import Example
    from headrace.cli.rendering.progress import Progress


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Go on running afterwards, until ctrl-C.")] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Keep everything there. Default: a temporary one."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Run a year of real flights, end to end.

    Starts NATS, a coordinator and two workers. One month's file is malformed on purpose: its run fails and says
    where, and the corrected file's event makes it succeed.
    Exits with 0 only when all of it is right.
    """
    if data is not None:
        raise typer.Exit(_run(_Wish(data=data.resolve(), keep=keep, kept=True, as_json=as_json)))
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as folder:
        raise typer.Exit(_run(_Wish(data=Path(folder).resolve(), keep=keep, kept=False, as_json=as_json)))


@dataclass(frozen=True)
class _Wish:
    """What was asked for."""

    data: Path
    keep: bool
    kept: bool
    as_json: bool

    def tell(self, *lines: str) -> None:
        """Print for people; beside JSON, on stderr."""
        (output.note if self.as_json else output.say)(*lines)
        output.flush()


def _run(wish: _Wish) -> ExitCode:
    from headrace.cli.demo.example import Example, check_data, find_example
    from headrace.cli.demo.stage import Stage

    began = time.perf_counter()
    check_data()
    _end_in_order()
    folder = find_example()
    state_file = DEV_FILE.resolve() if wish.keep else wish.data / "dev.json"
    stage = Stage(folder / "pipeline.py", wish.data / "state", state_file=state_file)
    wish.tell("Starting NATS, a coordinator and two workers, and landing twelve months of flights ...")
    stage.start()
    try:
        example = Example(folder)
        files = example.land(wish.data / "landing")
        with stage:
            wish.tell(f"Ready in {stage.ready_after_s:.1f} s: API {stage.api}, NATS {stage.nats}", "")
            return _play(wish, stage.api, example, files, began)
    finally:
        stage.stop()


def _play(wish: _Wish, url: str, example: Example, files: dict[int, Path], began: float) -> ExitCode:
    from headrace.cli.api import Api
    from headrace.cli.demo import show
    from headrace.cli.demo.job import Finding, Job
    from headrace.cli.rendering.progress import Hidden, for_runs

    api = Api(url)
    job = Job(example, api, wish.data, files)
    job.took_s["start"] = time.perf_counter() - began

    def progress() -> Progress:
        return Hidden() if wish.as_json else for_runs(job.titles)

    months, failed = job.run_months(progress())
    if failed is not None:
        wish.tell("", *show.failure_lines(failed), "", "The corrected file lands:")
    months[example.malformed.month] = job.run_corrected(progress())
    problems = job.verify(months)
    finding = Finding(
        ok=not problems,
        problems=tuple(problems),
        months=months,
        failed=failed,
        slowest=tuple(job.slowest()),
        data=str(wish.data / "state"),
        results=str(job.results),
        took_s={**job.took_s, "all": time.perf_counter() - began},
    )
    if wish.as_json:
        output.say(output.as_json(finding))
    else:
        first = next(iter(months.values())).run_id
        output.say("", *show.result_lines(finding), "", "The slowest tasks:", *show.slowest_lines(finding))
        output.say(
            "", "The first month's trace:", *show.trace_lines(api, first), "", *show.verdict_lines(finding)
        )
        output.say("", *show.next_lines(finding, running=wish.keep, kept=wish.kept))
    if wish.keep:
        wish.tell("", f"Look around: {url}", "It goes on running; ctrl-C stops it.")
        _wait_for_interrupt()
    elif not wish.as_json:
        wish.tell("", f"The web UI was at {url}; with --keep it stays.")
    return ExitCode.OK if finding.ok else ExitCode.FAILED


def _end_in_order() -> None:
    """Whoever ends us with a signal ends `headrace dev` and its parts with us, as ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` leaves it
            signal.signal(number, signal.default_int_handler)


def _wait_for_interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
