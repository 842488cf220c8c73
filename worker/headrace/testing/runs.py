"""A run as a test sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import msgspec

from headrace.testing import stories
from headrace.testing.clock import moment
from headrace.testing.errors import NothingFound, RunNotSucceeded
from headrace.testing.traces import Trace
from headrace_protocol.errors import ErrorInfo
from headrace_protocol.messages import LogLine

if TYPE_CHECKING:
    from headrace.testing.environment import Environment
    from headrace.testing.site import Site

R_co = TypeVar("R_co", covariant=True)


class State(str):
    """`running`, `succeeded`, `failed` or `cancelled`: a str that also knows why, and says so where it is shown."""

    __slots__ = ("why",)

    def __new__(cls, state: str, why: Callable[[], str]) -> State:
        made = super().__new__(cls, state)
        made.why = why
        return made

    why: Callable[[], str]
    """The run's story, for whoever expected another state."""

    def __repr__(self) -> str:
        return f"'{self}'"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt that ended."""

    node: str
    item: int | None
    number: int
    state: str
    """`succeeded`, `failed`, `cancelled`, or `ignored` when its outcome came too late to count."""
    delivery: int
    """More than 1 when a worker died with it, or was silent for too long."""
    worker: str
    queued_at: datetime
    started_at: datetime
    finished_at: datetime
    error: ErrorInfo | None

    @property
    def duration(self) -> timedelta:
        return self.finished_at - self.started_at

    def __repr__(self) -> str:
        return f"<{stories.attempt(self)}>"


class Attempts(list[Attempt]):
    """Attempts in the order in which they ended."""

    def __repr__(self) -> str:
        told = "; ".join(map(stories.attempt, self)) or "none"
        return f"<attempts ({len(self)}): {told}>"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a run."""

    id: str
    task: str
    state: str
    """`waiting`, `ready`, `dispatched`, `retrying`, `mapping`, `collecting`, `succeeded`, `failed`, `cancelled` or
    `upstream_failed`."""
    attempts: Attempts
    error: ErrorInfo | None
    result: object
    """Decoded to what the task declares, a list for a map; None while there is none."""
    retry_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line that a task logged or printed."""

    node: str
    item: int | None
    attempt: int
    at: datetime
    level: str
    text: str
    stream: str
    """`logging`, `stdout` or `stderr`."""
    trace_id: str
    span_id: str


class Run(Generic[R_co]):
    """One run. Everything is read when it is asked for: a run that goes on is seen as it is then, also after the end
    of its environment."""

    def __init__(self, environment: Environment, run_id: str, returns: object) -> None:
        """`returns` is the type that its output is decoded to."""
        self.id = run_id
        self._environment = environment
        self._site: Site = environment.site
        self._returns = returns

    # -- how it is ---------------------------------------------------------------------------------

    @property
    def workflow(self) -> str:
        return self._site.in_process.head(self.id).workflow

    @property
    def state(self) -> State:
        head = self._site.in_process.head(self.id)
        return State(head.state.value, lambda: self.story)

    @property
    def output(self) -> R_co:
        """What the workflow returned, decoded to its type; raises RunNotSucceeded, which tells the run's story."""
        __tracebackhide__ = True
        if self.state != "succeeded":
            raise RunNotSucceeded(self.story, where=f"run {self.id}")
        body = self._site.in_process.output(self.id)
        return cast(R_co, None if body is None else msgspec.msgpack.decode(body, type=self._returns))

    @property
    def error(self) -> ErrorInfo | None:
        """Why it failed or was cancelled: `code`, `message`, `kind` of the exception, `traceback`, `details`."""
        return self._site.in_process.head(self.id).error

    @property
    def params(self) -> dict[str, object]:
        return msgspec.msgpack.decode(self._site.in_process.head(self.id).params, type=dict[str, object])

    @property
    def labels(self) -> Mapping[str, str]:
        return self._site.in_process.head(self.id).labels

    @property
    def trigger(self) -> str:
        """`event:event-1`, `cron:cron-1`, `every:every-1`, or `manual`."""
        return self._site.in_process.head(self.id).trigger

    @property
    def scheduled_at(self) -> datetime | None:
        """The schedule's time that it was started for."""
        at_us = self._site.in_process.head(self.id).scheduled_at_us
        return None if at_us is None else moment(at_us)

    @property
    def created_at(self) -> datetime:
        return moment(self._site.in_process.head(self.id).created_at_us)

    @property
    def finished_at(self) -> datetime | None:
        at_us = self._site.in_process.head(self.id).finished_at_us
        return None if at_us is None else moment(at_us)

    @property
    def duration(self) -> timedelta:
        """In virtual time; up to now while it runs."""
        return (self.finished_at or moment(self._site.clock.now_us())) - self.created_at

    @property
    def explanation(self) -> str:
        """Why it is not finished, or how it ended: what `headrace runs explain` says."""
        return stories.explanation(self._site, self.id)

    @property
    def story(self) -> str:
        """Nodes, attempts and errors, as failed assertions show them."""
        return stories.story(self._site, self.id)

    # -- what it is made of ------------------------------------------------------------------------

    def nodes(self) -> dict[str, Node]:
        """Nodes by id, in the order of the graph."""
        detail = self._site.in_process.detail(self.id)
        attempts = self.attempts()
        return {
            node.node: Node(
                id=node.node,
                task=node.task,
                state=node.state.value,
                attempts=Attempts(attempt for attempt in attempts if attempt.node == node.node),
                error=node.error,
                result=self._result(node.node, node.task, mapped=node.map is not None),
                retry_at=None if node.retry_at_us is None else moment(node.retry_at_us),
            )
            for node in detail.nodes
        }

    def node(self, name: str) -> Node:
        """A node by its id; raises NothingFound."""
        nodes = self.nodes()
        if name not in nodes:
            raise NothingFound(
                "the run has no such node", where=f"run {self.id}", found=name, expected=", ".join(nodes)
            )
        return nodes[name]

    def attempts(self, node: str | None = None, *, item: int | None = None) -> Attempts:
        """Attempts that ended: of the run, of a node, or of one item of a map node; raises NothingFound."""
        known = [planned.node for planned in self._site.in_process.detail(self.id).nodes]
        if node is not None and node not in known:
            raise NothingFound(
                "the run has no such node", where=f"run {self.id}", found=node, expected=", ".join(known)
            )
        return Attempts(
            Attempt(
                node=record.node,
                item=record.item,
                number=record.attempt,
                state=record.state,
                delivery=record.delivery,
                worker=record.worker,
                queued_at=moment(record.queued_at_us),
                started_at=moment(record.started_at_us),
                finished_at=moment(record.finished_at_us),
                error=record.error,
            )
            for record in self._site.in_process.attempts(self.id, node)
            if item is None or record.item == item
        )

    @property
    def logs(self) -> list[Line]:
        """What its tasks logged and printed, in the order in which it arrived."""
        self._site.settle()
        return [_line(line) for line in self._site.lines.get(self.id, ())]

    @property
    def trace(self) -> Trace:
        self._site.settle()
        head = self._site.in_process.head(self.id)
        kept = self._site.spans.get(head.trace.trace_id, []) if head.trace is not None else []
        nodes = [node.node for node in self._site.in_process.detail(self.id).nodes]
        return Trace(self._site.in_process.trace(self.id, kept).spans, nodes)

    def _result(self, node: str, task: str, *, mapped: bool) -> object:
        body = self._site.in_process.result(self.id, node)
        if body is None:
            return None
        known = self._site.tasks.get(task)
        kind = object if known is None else known.returns
        found: object = msgspec.msgpack.decode(body, type=list[kind] if mapped else kind)  # type: ignore[valid-type]
        return found

    # -- what one does with it ---------------------------------------------------------------------

    def wait(self) -> Run[R_co]:
        """Let time go by until it is finished; raises RunStuck when it is not after the environment's patience."""
        __tracebackhide__ = True
        self._environment.wait(self)
        return self

    def cancel(self, reason: str = "") -> None:
        """Cancel it, and return when that is committed; its tasks are told at this instant."""
        self._environment.cancel(self, reason)

    def retry(self, reason: str = "") -> Run[R_co]:
        """Begin it again, as an operator does: what has succeeded stays. Raises Conflict unless it failed or was
        cancelled."""
        self._environment.retry(self, reason)
        return self

    def __repr__(self) -> str:
        return f"<{stories.summary(self._site, self.id)}>"


def _line(line: LogLine) -> Line:
    return Line(
        node=line.node,
        item=line.item,
        attempt=line.attempt,
        at=moment(line.at_us),
        level=line.level,
        text=line.message,
        stream=line.stream,
        trace_id=line.trace_id,
        span_id=line.span_id,
    )
