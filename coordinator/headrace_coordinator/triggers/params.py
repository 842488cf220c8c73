"""Params that triggers compute: CEL over `trigger`, which says what fired and for which time.

`trigger.workflow`, `trigger.name` and `trigger.kind` are there for each kind of trigger. `trigger.scheduled_at`,
`trigger.interval.start` and `trigger.interval.end` are timestamps for schedules, and null for events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from headrace_protocol.codec import raw
from headrace_protocol.definition import CronTrigger, EventTrigger, EveryTrigger, WorkflowDefinition
from headrace_protocol.errors import ErrorCode, ExpressionError
from headrace_protocol.interval import Interval, moment

if TYPE_CHECKING:
    from headrace_coordinator.triggers.expressions import Expression

TRIGGER = "trigger"
_MENTIONED = re.compile(rf"\b{TRIGGER}\b")


def mentions_trigger(source: str) -> bool:
    """Whether an expression may read `trigger`; a word inside of a text counts too."""
    return _MENTIONED.search(source) is not None


def trigger_variables(
    workflow: str,
    trigger: EventTrigger | CronTrigger | EveryTrigger,
    scheduled_at_us: int | None = None,
    interval: Interval | None = None,
) -> dict[str, object]:
    """What expressions read as `trigger`."""
    kinds = {EventTrigger: "event", CronTrigger: "cron", EveryTrigger: "every"}
    return {
        "workflow": workflow,
        "name": trigger.id,
        "kind": kinds[type(trigger)],
        "scheduled_at": None if scheduled_at_us is None else moment(scheduled_at_us),
        "interval": None
        if interval is None
        else {"start": moment(interval.start_us), "end": moment(interval.end_us)},
    }


def schedule_params(
    workflow: str, schedule: CronTrigger | EveryTrigger, fire_us: int, interval: Interval
) -> msgspec.Raw:
    """The params of the run of one fire time; raises ExpressionError."""
    if not schedule.expressions:
        return raw(schedule.params)
    from headrace_coordinator.triggers.expressions import Variables

    given = Variables({TRIGGER: trigger_variables(workflow, schedule, fire_us, interval)})
    computed = {
        name: expression.evaluate(given) for name, expression in _compiled(workflow, schedule).items()
    }
    return params_of_run({**schedule.params, **computed}, f"workflow {workflow}, trigger {schedule.id}")


def check_schedule_params(definition: WorkflowDefinition) -> None:
    """Compile the expressions of a definition's schedules; raises ExpressionError at the first that does not."""
    for trigger in definition.triggers:
        if not isinstance(trigger, EventTrigger) and trigger.expressions:
            _compiled(definition.name, trigger)


def params_of_run(params: dict[str, object], where: str) -> msgspec.Raw:
    """Computed params, encoded; raises ExpressionError for what cannot be."""
    try:
        return raw(params)
    except (TypeError, OverflowError) as error:
        raise ExpressionError(
            f"the params cannot be encoded: {error}", where=where, code=ErrorCode.EXPRESSION_FAILED
        ) from error


def _compiled(workflow: str, schedule: CronTrigger | EveryTrigger) -> dict[str, Expression]:
    from headrace_coordinator.triggers.expressions import compile_expression

    place = f"workflow {workflow}, trigger {schedule.id}"
    return {
        name: compile_expression(source, where=f"{place}, param {name}", variables=(TRIGGER,))
        for name, source in schedule.expressions.items()
    }
