"""How a task is run, as keywords of `@task` and of `Task.options`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Literal, TypedDict

import msgspec

from headrace.authoring.durations import Duration, seconds
from headrace.authoring.retries import Retries, retry_policy
from headrace_protocol.checks import check_options
from headrace_protocol.definition import Isolation, Priority, TaskOptions
from headrace_protocol.errors import DefinitionError


class Options(TypedDict, total=False):
    """What both `@task` and one node's `Task.options` may set. `timeout` None means none. `max_lost` attempts that are
    lost with their workers fail the node or item. With `pin_code` only workers whose code is that of the deployed
    definition get the task."""

    queue: str
    priority: Priority | Literal["high", "normal", "low"]
    retries: int | Retries
    timeout: Duration | None
    isolation: Isolation | Literal["async", "thread", "process"]
    max_lost: int
    pin_code: bool


def task_options(
    given: Mapping[str, object], base: TaskOptions, *, is_async: bool, where: str
) -> TaskOptions:
    """`base` with the given keywords; raises DefinitionError for an unknown one or a wrong value."""
    changes: dict[str, object] = {}
    for name, value in given.items():
        match name:
            case "queue":
                changes["queue"] = _text(value, f"{where}, queue")
            case "priority":
                changes["priority"] = _priority(value, where)
            case "retries":
                changes["retry"] = retry_policy(value, where)
            case "timeout":
                changes["timeout_s"] = None if value is None else seconds(value, f"{where}, timeout")
            case "isolation":
                changes["isolation"] = _isolation(value, is_async, where)
            case "max_lost" | "pin_code":
                changes[name] = _exactly(value, int if name == "max_lost" else bool, f"{where}, {name}")
            case _:
                raise DefinitionError(
                    "unknown option", where=where, found=name, expected=", ".join(Options.__annotations__)
                )
    options = msgspec.structs.replace(base, **changes)
    check_options(options, where)
    return options


def default_options(function: Callable[..., object]) -> TaskOptions:
    """`async def` runs on the worker's loop, `def` in a thread."""
    is_async = inspect.iscoroutinefunction(function)
    return TaskOptions(isolation=Isolation.ASYNC if is_async else Isolation.THREAD)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise DefinitionError("not a name", where=where, found=repr(value), expected="a text")
    return value


def _exactly(value: object, kind: type[int], where: str) -> int:
    if type(value) is not kind:
        expected = "True or False" if kind is bool else "a whole number"
        raise DefinitionError("wrong type", where=where, found=repr(value), expected=expected)
    return value


def _priority(value: object, where: str) -> Priority:
    if value not in tuple(Priority):
        raise DefinitionError(
            "unknown priority", where=where, found=repr(value), expected=", ".join(Priority)
        )
    return Priority(str(value))


def _isolation(value: object, is_async: bool, where: str) -> Isolation:
    if value not in tuple(Isolation):
        raise DefinitionError(
            "unknown isolation", where=where, found=repr(value), expected=", ".join(Isolation)
        )
    isolation = Isolation(str(value))
    if isolation is Isolation.ASYNC and not is_async:
        raise DefinitionError(
            "a plain function would block the worker's event loop",
            where=where,
            found='isolation="async" on a `def`',
            expected="an `async def`",
            fix='Write `async def`, or choose isolation="thread" or "process".',
        )
    return isolation
