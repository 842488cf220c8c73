"""The trace of a run as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from headrace.testing.clock import moment
from headrace.testing.errors import NothingFound
from headrace_protocol import messages


@dataclass(frozen=True)
class Span:
    """A span with what happened inside it, in order of start."""

    name: str
    """`run fulfil`, `task price`, `attempt price`, or what the task's own code calls its span."""
    start: datetime
    end: datetime
    attributes: Mapping[str, object]
    error: str
    """Empty when it ended well."""
    trace_id: str
    span_id: str
    children: list[Span] = field(default_factory=list)

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def walk(self) -> Iterator[Span]:
        """This span and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, name: str) -> Span:
        """The first span of that name here or below; raises NothingFound with the tree."""
        return _only_found(self.walk(), name, self.outline())

    def outline(self) -> str:
        """Names, indented by depth: made to be compared."""
        return "\n".join(_lines(self, 0, timed=False))

    def __repr__(self) -> str:
        return "\n".join(_lines(self, 0, timed=True))


class Trace:
    """All spans of a run."""

    def __init__(self, spans: Iterable[messages.Span], nodes: Sequence[str] = ()) -> None:
        """`nodes` is the order of the graph, in which tasks are listed that began at the same instant."""
        known = {span.span_id: _span(span) for span in spans}
        parents = {span.span_id: span.parent_span_id for span in spans}
        self.roots: list[Span] = []
        """Spans whose parent is not part of the run's trace: most of the time one."""
        for span_id, span in known.items():
            parent = known.get(parents[span_id])
            (self.roots if parent is None else parent.children).append(span)
        for span in known.values():
            span.children.sort(key=lambda child: (child.start, _place(child, nodes), child.end))
        self.roots.sort(key=lambda root: root.start)

    @property
    def trace_id(self) -> str:
        return self.roots[0].trace_id if self.roots else ""

    def walk(self) -> Iterator[Span]:
        for root in self.roots:
            yield from root.walk()

    def find(self, name: str) -> Span:
        """The first span of that name; raises NothingFound with the tree."""
        return _only_found(self.walk(), name, self.outline())

    def all(self, name: str) -> list[Span]:
        """Every span of that name, parents first."""
        return [span for span in self.walk() if span.name == name]

    def outline(self) -> str:
        """Names, indented by depth: made to be compared."""
        return "\n".join(root.outline() for root in self.roots)

    def __repr__(self) -> str:
        return "\n".join(repr(root) for root in self.roots) or "<no spans>"


def _place(span: Span, nodes: Sequence[str]) -> int:
    node = span.attributes.get("headrace.node")
    return nodes.index(node) if isinstance(node, str) and node in nodes else len(nodes)


def _span(span: messages.Span) -> Span:
    return Span(
        span.name,
        moment(span.start_us),
        moment(span.end_us),
        dict(span.attributes),
        span.error,
        span.trace_id,
        span.span_id,
    )


def _lines(span: Span, depth: int, *, timed: bool) -> Iterator[str]:
    told = f"{'  ' * depth}{span.name}"
    if timed:
        told += f"  {span.duration.total_seconds():g} s" + (f"  ! {span.error}" if span.error else "")
    yield told
    for child in span.children:
        yield from _lines(child, depth + 1, timed=timed)


def _only_found(spans: Iterator[Span], name: str, tree: str) -> Span:
    for span in spans:
        if span.name == name:
            return span
    raise NothingFound("the trace has no such span", where="trace", found=f"\n{tree}", expected=name)
