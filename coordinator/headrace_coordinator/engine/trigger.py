"""Triggers, pure: what an event or a schedule's fire time starts, and where a schedule goes from there.

A run that a trigger starts is named after the trigger and what fired it, so that the same cause always names the
same run, however often and by however many coordinators it is seen (I2).
"""

from __future__ import annotations

import msgspec

from headrace_protocol.headers import TraceContext
from headrace_protocol.ids import derived_run_id
from headrace_protocol.interval import Interval
from headrace_protocol.messages import StartRun


def caused_run_id(namespace: str, command: StartRun) -> str | None:
    """The id that the run of an event or a fire time must have; None for runs started by hand, which may say for
    which time they are."""
    kind, _, trigger = command.trigger.partition(":")
    if command.event_id:
        key = f"{command.event_source}\0{command.event_id}"
        return derived_run_id(namespace, command.workflow, trigger, key)
    if command.scheduled_at_us is not None and kind not in {"", "manual"}:
        return derived_run_id(namespace, command.workflow, trigger, str(command.scheduled_at_us))
    return None


def by_event(
    namespace: str,
    workflow: str,
    trigger: str,
    *,
    event_id: str,
    source: str,
    params: msgspec.Raw,
    trace: TraceContext | None,
    received_at_us: int,
) -> StartRun:
    """The run that one event starts through one trigger."""
    return StartRun(
        run_id=derived_run_id(namespace, workflow, trigger, f"{source}\0{event_id}"),
        workflow=workflow,
        params=params,
        trigger=f"event:{trigger}",
        event_id=event_id,
        event_source=source,
        trace=trace,
        received_at_us=received_at_us,
    )


def by_schedule(
    namespace: str,
    workflow: str,
    trigger: str,
    *,
    kind: str,
    params: msgspec.Raw,
    fire_us: int,
    interval: Interval,
    now_us: int,
) -> StartRun:
    """The run that one fire time of a schedule starts."""
    return StartRun(
        run_id=derived_run_id(namespace, workflow, trigger, str(fire_us)),
        workflow=workflow,
        params=params,
        trigger=f"{kind}:{trigger}",
        scheduled_at_us=fire_us,
        interval=interval,
        received_at_us=now_us,
    )
