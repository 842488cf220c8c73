"""Tasks as plain functions that ask for their context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headrace.context import TaskContext, running


@contextmanager
def attempt(
    number: int = 1,
    *,
    run_id: str = "run-1",
    workflow: str = "workflow",
    node: str = "node",
    item: int | None = None,
    queue: str = "default",
    cancelled: bool = False,
) -> Iterator[TaskContext]:
    """Make calls inside attempt `number` of something: what `context()` gives to tasks that are called plainly.

        with attempt(2):
            assert price("tea") == 4.5

    All of what it gives may be changed meanwhile: `given.cancelled = True`, `given.interval = DataInterval(...)`.
    """
    given = TaskContext(
        run_id=run_id,
        workflow=workflow,
        node=node,
        attempt=number,
        item=item,
        queue=queue,
        cancelled=cancelled,
    )
    with running(given):
        yield given
