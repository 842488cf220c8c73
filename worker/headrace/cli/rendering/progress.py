"""Live progress: bars in a terminal, a line for each change in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from headrace.cli import output
from headrace.cli.failures import in_color
from headrace.cli.rendering.activity import label
from headrace.cli.rendering.units import duration, short
from headrace.cli.views import NodeView, RunDetail
from headrace_protocol.printable import printable

_ENDED = frozenset({"succeeded", "failed", "cancelled", "upstream_failed"})
_QUIET = frozenset({"waiting", "ready", "dispatched"})
_BAR_WIDTH = 32
_STYLES = {"succeeded": "green", "failed": "red", "upstream_failed": "red", "cancelled": "magenta"}

Titles = dict[str, str]
"""What to call a run, by run id."""


class Progress(Protocol):
    """Shows runs while they go on. Told of every run again and again, in any order."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def show(self, run: RunDetail) -> None: ...
    def tell(self, text: str) -> None:
        """A line above the bars."""


class Bar(msgspec.Struct, frozen=True):
    """One bar: what it is about, and how far it is."""

    key: str
    title: str
    state: str
    done: int
    total: int
    took: str = ""


def for_run() -> Progress:
    """A bar for each node of one run."""
    return Bars(node_bars) if in_color(sys.stdout) else Lines()


def for_runs(titles: Titles) -> Progress:
    """A bar for each of many runs; `titles` may grow meanwhile."""
    if not in_color(sys.stdout):
        return Lines(nodes=False, titles=titles)
    return Bars(lambda run: run_bars(run, titles))


def node_bars(run: RunDetail) -> list[Bar]:
    """A bar for each node."""
    return [
        Bar(f"{run.run_id}/{node.node}", node.node, _state(node), *units(node), _took(node.duration_s))
        for node in run.nodes
    ]


def run_bars(run: RunDetail, titles: Titles) -> list[Bar]:
    """One bar for a run: all of its nodes and items together."""
    counted = [units(node) for node in run.nodes]
    done, total = sum(one for one, _ in counted), sum(one for _, one in counted)
    return [Bar(run.run_id, _title(run, titles), run.state, done, total, _took(run.duration_s))]


def _state(node: NodeView) -> str:
    return node.state if node.activity is None else label(node.activity)


def _took(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def units(node: NodeView) -> tuple[int, int]:
    """How much of a node is done, of how much: items of a map, else one."""
    if node.map is not None:
        return node.map.done, max(node.map.total, node.map.done)
    return int(node.state in _ENDED), 1


def _title(run: RunDetail, titles: Titles) -> str:
    return titles.get(run.run_id) or f"{run.workflow} {short(run.run_id)}"


class Hidden:
    """Shows nothing: for JSON output."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def tell(self, text: str) -> None:
        return None

    def show(self, run: RunDetail) -> None:
        return None


class Notes(Hidden):
    """Shows no run, and says what has to be said where it is not the answer."""

    def tell(self, text: str) -> None:
        output.note(text)


class Lines:
    """A line when a run or node changes its state: for pipes and logs."""

    def __init__(self, *, nodes: bool = True, titles: Titles | None = None) -> None:
        self._nodes = nodes
        self._titles = titles if titles is not None else {}
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def tell(self, text: str) -> None:
        output.say(text)
        sys.stdout.flush()

    def show(self, run: RunDetail) -> None:
        for node in run.nodes if self._nodes else ():
            running = node.activity is not None and node.activity.kind == "running"
            if node.state not in _QUIET or running:
                state = "running" if node.state == "dispatched" else node.state
                self._say(f"{run.run_id}/{node.node}", state, _node_line(node, state))
        if run.finished or not self._nodes:
            took = f" in {duration(run.duration_s)}" if run.finished else ""
            self._say(run.run_id, run.state, f"{_title(run, self._titles)}: {run.state}{took}")

    def _say(self, key: str, state: str, text: str) -> None:
        if self._shown.get(key) != state:
            self._shown[key] = state
            self.tell(text)


def _node_line(node: NodeView, state: str) -> str:
    items = f" {node.map.done}/{node.map.total}" if node.map else ""
    took = f" in {duration(node.duration_s)}" if node.state in _ENDED else ""
    return f"{node.node}: {state}{items}{took}"


class Bars:
    """Rich's progress bars; what bars a run has is decided by the function given."""

    def __init__(self, bars_of: Callable[[RunDetail], Sequence[Bar]]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
        from rich.progress import Progress as RichProgress

        self._bars_of = bars_of
        self._tasks: dict[str, TaskID] = {}
        self._progress = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(_BAR_WIDTH),
            MofNCompleteColumn(),
            TextColumn("[{task.fields[colour]}]{task.fields[state]}"),
            TextColumn("[dim]{task.fields[took]}"),
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, text: str) -> None:
        self._progress.console.print(printable(text), markup=False, highlight=False)

    def show(self, run: RunDetail) -> None:
        for bar in self._bars_of(run):
            task = self._tasks.get(bar.key)
            if task is None:
                task = self._progress.add_task(printable(bar.title), state="", colour="cyan", took="")
                self._tasks[bar.key] = task
            self._progress.update(
                task,
                total=bar.total,
                completed=bar.done,
                state=bar.state,
                colour=_STYLES.get(bar.state, "cyan"),
                took=bar.took,
            )
