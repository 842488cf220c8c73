"""A capture whose lines are kept, and attempts to print in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headrace.context import running
from headrace.runtime.attempt import CURRENT, Attempt
from headrace.runtime.capture import Capture
from headrace_protocol.messages import LogLine, TaskMessage


def attempt(node: str) -> Attempt:
    message = TaskMessage(
        run_id="r", workflow="w", node=node, attempt=1, task=node, shard=0, queue="q", queued_at_us=0
    )
    return Attempt(message, None, "", 1)


class Captured:
    """Lines by attempt, in order."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.heard: Callable[[LogLine], object] = lambda _: None
        """Is told of every line as it comes."""
        self.capture = Capture(self._sink)

    def _sink(self, _: Attempt, line: LogLine, /) -> None:
        self.lines.append(line)
        self.heard(line)

    def of(self, node: str) -> list[str]:
        return [line.message for line in self.lines if line.node == node]

    @contextmanager
    def inside(self, node: str) -> Iterator[Attempt]:
        """Run the block as an attempt, which is finished at its end."""
        own = attempt(node)
        token = CURRENT.set(own)
        try:
            with running(own.context):
                yield own
        finally:
            CURRENT.reset(token)
            self.capture.finish(own)


@contextmanager
def captured() -> Iterator[Captured]:
    kept = Captured()
    try:
        yield kept
    finally:
        kept.capture.close()


__all__ = ["Captured", "attempt", "captured"]
