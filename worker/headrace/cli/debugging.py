"""An attempt without a worker: its function called in the main thread, with the arguments that a worker would pass."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pdb
import sys
import traceback
from bdb import BdbQuit
from collections.abc import Iterable
from types import TracebackType

import msgspec

from headrace.authoring.loader import load_all
from headrace.cli import output
from headrace.context import TaskContext, running
from headrace.runtime.values import TaskCodec
from headrace.times import interval_from
from headrace_protocol.errors import HeadraceError, NotFound
from headrace_protocol.interval import Interval, moment

SHOWN = 2_000
"""Characters of a result."""
SUCCEEDED, FAILED = 0, 1


class NodeInput(msgspec.Struct, frozen=True, kw_only=True):
    """What the API says of an attempt's input; each value as msgpack."""

    run_id: str
    workflow: str
    node: str
    task: str
    values: dict[str, msgspec.Raw]
    item: int | None = None
    queue: str = "default"
    attempt: int = 1
    scheduled_at_us: int | None = None
    interval: Interval | None = None
    trace_id: str = ""


class LocalAttempt(msgspec.Struct, frozen=True):
    """A task with its arguments, decoded."""

    codec: TaskCodec
    arguments: dict[str, object]
    context: TaskContext


def prepare(given: NodeInput, targets: Iterable[str]) -> LocalAttempt:
    """Import the targets and decode the input. Raises DefinitionError, NotFound when they lack the task, InputInvalid
    for a value that does not fit a parameter."""
    listed = tuple(targets)
    tasks = load_all(listed).tasks
    task = tasks.get(given.task)
    if task is None:
        raise NotFound(
            f"these files do not have the task {given.task!r}",
            where=f"node {given.node}",
            found=f"{', '.join(sorted(tasks)) or 'no tasks'} from {', '.join(listed)}",
            expected=given.task,
            fix="Name the file or module that defines it, as the run's workers do.",
        )
    codec = TaskCodec(task)
    at_us = given.scheduled_at_us
    context = TaskContext(
        run_id=given.run_id,
        workflow=given.workflow,
        node=given.node,
        attempt=given.attempt,
        item=given.item,
        queue=given.queue,
        trace_id=given.trace_id,
        scheduled_at=None if at_us is None else moment(at_us),
        interval=interval_from(given.interval),
    )
    return LocalAttempt(codec, codec.arguments(given.values), context)


def run_here(attempt: LocalAttempt, *, post_mortem: bool, step: bool) -> int:
    """Call the task, and say how it ended; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)-7s %(name)s: %(message)s")
    try:
        with running(attempt.context):
            value = _call(attempt, step=step)
    except BdbQuit:
        output.note("The debugger was left: the attempt did not end.")
        return FAILED
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # as on a worker, sys.exit() in a task is its failure
        users = _users_part(error.__traceback__)
        output.note("".join(traceback.format_exception(type(error), error, users)).rstrip())
        output.note("The attempt failed. A worker would have recorded this error; here nothing is.")
        if post_mortem and users is not None:
            pdb.post_mortem(users)
        return FAILED
    return _judged(attempt, value)


def _call(attempt: LocalAttempt, *, step: bool) -> object:
    function = attempt.codec.task.function
    if inspect.iscoroutinefunction(function):
        if step:
            return asyncio.run(_stepped(attempt))
        return asyncio.run(function(**attempt.arguments))
    return pdb.Pdb().runcall(function, **attempt.arguments) if step else function(**attempt.arguments)


async def _stepped(attempt: LocalAttempt) -> object:
    debugger = pdb.Pdb()
    debugger.set_trace()
    return await attempt.codec.task.function(**attempt.arguments)  # type: ignore[misc]


def _judged(attempt: LocalAttempt, value: object) -> int:
    """A result is checked as a worker checks it, and shown."""
    try:
        produced = attempt.codec.produced(value, ())
    except HeadraceError as error:
        output.note(str(error))
        output.note("The task returned, but a worker would have recorded this as a failure; here nothing is.")
        return FAILED
    shown = repr(value)
    output.say(shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}… ({len(shown)} characters)")
    size = memoryview(produced.raw).nbytes
    output.note(f"The attempt succeeded with this result ({size:,} bytes encoded); it is not recorded.")
    return SUCCEEDED


def _users_part(entry: TracebackType | None) -> TracebackType | None:
    """The traceback from the task's own frame on."""
    while entry is not None and entry.tb_frame.f_globals.get("__name__", "").partition(".")[0] in {
        "headrace",
        "asyncio",
        "pdb",
        "bdb",
    }:
        entry = entry.tb_next
    return entry
