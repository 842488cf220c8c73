"""What starts runs: `event`, `cron` and `every`. Without `id=` a trigger is named by its kind and place.

A param of a schedule is a value, or an expression that is computed for each run: `params={"day":
cel("trigger.interval.start")}`. Expressions read `trigger`: its `workflow`, `name`, `kind`, `scheduled_at`,
`interval.start` and `interval.end`, the last three timestamps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from headrace.authoring.durations import Duration, seconds
from headrace.authoring.schemas import literal
from headrace.authoring.signatures import Signature
from headrace_protocol.definition import CronTrigger, EventTrigger, EveryTrigger, Trigger
from headrace_protocol.errors import DefinitionError, ScheduleError

_KINDS: dict[type, str] = {EventTrigger: "event", CronTrigger: "cron", EveryTrigger: "every"}


class Cel(msgspec.Struct, frozen=True):
    """A CEL expression in place of a value."""

    source: str


def cel(source: str) -> Cel:
    """A param that is computed for each run, by a CEL expression over `trigger`, for `cron` and `every`."""
    return Cel(source)


def event(
    type: str, *, where: str = "", params: Mapping[str, str | Cel] | None = None, id: str = ""
) -> EventTrigger:
    """Start a run for each CloudEvent of the type for which `where` holds.

    `where` and the values of `params` are CEL expressions over `event` and `trigger`. Without `params`, the fields
    of the event's data that have a param's name are taken.
    """
    sources = {
        name: source.source if isinstance(source, Cel) else source for name, source in (params or {}).items()
    }
    return EventTrigger(id=id, type=type, where=where, params=sources)


def cron(
    expression: str, *, tz: str = "UTC", params: Mapping[str, object] | None = None, id: str = ""
) -> CronTrigger:
    """Start a run at each fire time of the cron expression in the time zone; raises ScheduleError."""
    if len(expression.split()) not in {1, 5, 6}:
        raise ScheduleError(
            "not a cron expression",
            where=f"cron({expression!r})",
            found=f"{len(expression.split())} fields",
            expected="five fields: minute, hour, day, month, weekday",
            fix='Write for example "0 6 * * *".',
        )
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(
            "unknown time zone",
            where=f"cron({expression!r})",
            found=repr(tz),
            expected='a name of the IANA database, such as "Europe/Berlin"',
            fix="Correct the name.",
        ) from error
    values, expressions = _split(params)
    return CronTrigger(id=id, expression=expression, tz=tz, params=values, expressions=expressions)


def every(interval: Duration, *, params: Mapping[str, object] | None = None, id: str = "") -> EveryTrigger:
    """Start a run each time the interval has passed since the Unix epoch; raises ScheduleError."""
    where = f"every({interval!r})"
    try:
        every_s = seconds(interval, where)
    except DefinitionError as error:
        raise ScheduleError(
            "not an interval",
            where=where,
            found=error.found,
            expected=error.expected,
            fix='Write for example every("10m").',
        ) from error
    if every_s <= 0:
        raise ScheduleError(
            "an interval is longer than nothing",
            where=where,
            found=f"{every_s} s",
            expected="> 0 s",
            fix='Write for example every("10m").',
        )
    values, expressions = _split(params)
    return EveryTrigger(id=id, every_s=every_s, params=values, expressions=expressions)


def _split(params: Mapping[str, object] | None) -> tuple[dict[str, object], dict[str, str]]:
    given = params or {}
    values = {name: value for name, value in given.items() if not isinstance(value, Cel)}
    return values, {name: value.source for name, value in given.items() if isinstance(value, Cel)}


def place_triggers(triggers: Iterable[Trigger], workflow: str, signature: Signature) -> tuple[Trigger, ...]:
    """The triggers with their ids, their fixed params checked against the workflow's parameters."""
    counts: dict[str, int] = {}
    placed: list[Trigger] = []
    for trigger in triggers:
        kind = _KINDS.get(type(trigger))
        if kind is None:
            raise DefinitionError(
                "not a trigger",
                where=f"workflow {workflow}",
                found=repr(trigger),
                expected="event(...), cron(...) or every(...)",
                fix='Write for example triggers=[cron("0 6 * * *")].',
            )
        counts[kind] = counts.get(kind, 0) + 1
        named = msgspec.structs.replace(trigger, id=trigger.id or f"{kind}-{counts[kind]}")
        placed.append(named if isinstance(named, EventTrigger) else _checked(named, workflow, signature))
    return tuple(placed)


def _checked(
    trigger: CronTrigger | EveryTrigger, workflow: str, signature: Signature
) -> CronTrigger | EveryTrigger:
    where = f"workflow {workflow}, trigger {trigger.id}"
    params = {
        name: literal(value, signature.parameters[name].type, where, f"param {name!r}")
        if name in signature.parameters
        else value
        for name, value in trigger.params.items()
    }
    return msgspec.structs.replace(trigger, params=params)
