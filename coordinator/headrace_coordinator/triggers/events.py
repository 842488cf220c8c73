"""Trigger events: which workflows an event starts, with which params.

The index of triggers is rebuilt at each deploy; an event looks only at triggers of its own type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from headrace_coordinator.engine.trigger import by_event
from headrace_coordinator.runtime.deadletters import understood
from headrace_coordinator.store.records import Verdict, VerdictKind
from headrace_coordinator.triggers.condition import fields_of, why_false
from headrace_coordinator.triggers.params import (
    TRIGGER,
    mentions_trigger,
    params_of_run,
    trigger_variables,
)
from headrace_protocol.cloudevent import CloudEvent, as_json, as_variables
from headrace_protocol.definition import EventTrigger, WorkflowDefinition
from headrace_protocol.errors import ExpressionError, HeadraceError
from headrace_protocol.messages import StartRun

if TYPE_CHECKING:
    from headrace_coordinator.triggers.expressions import Expression, Variables


class Failure(msgspec.Struct, frozen=True):
    """A trigger that failed on an event."""

    workflow: str
    trigger: str
    error: HeadraceError


class Match(msgspec.Struct, frozen=True):
    """What an event does."""

    starts: tuple[StartRun, ...] = ()
    filtered: tuple[Verdict, ...] = ()
    """Of triggers whose conditions are false."""
    failures: tuple[Failure, ...] = ()
    """Triggers whose expressions failed on this event."""


class _Compiled:
    """A trigger, ready to be matched."""

    def __init__(self, definition: WorkflowDefinition, trigger: EventTrigger) -> None:
        place = f"workflow {definition.name}, trigger {trigger.id}"
        self.workflow = definition.name
        self.trigger = trigger
        self.names = tuple(definition.params)
        self.where = _expression(trigger.where, f"{place}, where") if trigger.where else None
        sources = (trigger.where, *trigger.params.values())
        self.reads_trigger = any(mentions_trigger(source) for source in sources)
        self.reads = fields_of(trigger.where) if trigger.where else ()
        self.params = {
            name: _expression(source, f"{place}, param {name}") for name, source in trigger.params.items()
        }

    def matches(self, variables: Callable[[], Variables]) -> bool:
        return self.where is None or self.where.evaluate_bool(variables())

    def filtered(self, event: CloudEvent) -> Verdict:
        """Why it does not fire, when its condition is false."""
        return Verdict(
            workflow=self.workflow,
            trigger=self.trigger.id,
            kind=VerdictKind.FILTERED,
            reason=why_false(self.reads, as_variables(event)),
        )

    def evaluate(self, event: CloudEvent, variables: Callable[[], Variables]) -> dict[str, object]:
        """The run's params: by expression, or the fields of the event's data that have a param's name."""
        if self.params:
            return {name: expression.evaluate(variables()) for name, expression in self.params.items()}
        data = event.data
        return {name: data[name] for name in self.names if name in data} if isinstance(data, dict) else {}


class _Refused(_Compiled):
    """A trigger of a definition that was deployed before its expressions were refused: it fails on each event, and the
    coordinator starts."""

    def __init__(self, definition: WorkflowDefinition, trigger: EventTrigger, error: ExpressionError) -> None:
        self.workflow = definition.name
        self.trigger = trigger
        self.reads_trigger = False
        self._error = error

    def matches(self, variables: Callable[[], Variables]) -> bool:
        raise self._error.with_traceback(None)


def _compiled(definition: WorkflowDefinition, trigger: EventTrigger) -> _Compiled:
    try:
        return _Compiled(definition, trigger)
    except ExpressionError as error:
        return _Refused(definition, trigger, error)


def _expression(source: str, where: str) -> Expression:
    """CEL takes a while to import, and most coordinators start without any."""
    from headrace_coordinator.triggers.expressions import compile_expression

    return compile_expression(source, where=where, variables=("event", TRIGGER))


class _Asked:
    """The variables of an event's expressions, made when the first of them asks."""

    def __init__(self, event: CloudEvent) -> None:
        self._event = event
        self._made: Variables | None = None

    def __call__(self) -> Variables:
        if self._made is None:
            self._made = self._with({})
        return self._made

    def beside(self, compiled: _Compiled) -> Callable[[], Variables]:
        """The variables of one trigger's expressions: their own only where they say which trigger it is."""
        if not compiled.reads_trigger:
            return self
        trigger = trigger_variables(compiled.workflow, compiled.trigger)
        return cache(lambda: self._with({TRIGGER: trigger}))

    def _with(self, more: dict[str, object]) -> Variables:
        from headrace_coordinator.triggers.expressions import Variables

        return Variables({"event": as_variables(self._event), **more})


def check_event_triggers(definition: WorkflowDefinition) -> None:
    """Compile every expression of a definition; raises ExpressionError at the first that does not."""
    for trigger in definition.triggers:
        if isinstance(trigger, EventTrigger):
            _Compiled(definition, trigger)


class Matcher:
    """All event triggers of the current definitions, by type."""

    def __init__(self, namespace: str, now_us: Callable[[], int]) -> None:
        self._namespace = namespace
        self._now_us = now_us
        self._by_type: dict[str, list[_Compiled]] = {}

    def rebuild(self, definitions: Iterable[WorkflowDefinition]) -> None:
        """Take the triggers of these definitions, and no others."""
        by_type: dict[str, list[_Compiled]] = {}
        for definition in definitions:
            for trigger in definition.triggers:
                if isinstance(trigger, EventTrigger):
                    by_type.setdefault(trigger.type, []).append(_compiled(definition, trigger))
        self._by_type = by_type

    def match(self, event: CloudEvent) -> Match:
        """The runs that an event starts. A trigger that fails does not keep the others from firing."""
        triggers = self._by_type.get(event.type, ())
        if not triggers:
            return Match()
        received_at_us = self._now_us()
        starts: list[StartRun] = []
        filtered: list[Verdict] = []
        failures: list[Failure] = []
        asked = _Asked(event)
        for compiled in triggers:
            variables = asked.beside(compiled)
            try:
                if compiled.matches(variables):
                    params = compiled.evaluate(event, variables)
                    starts.append(self._start(compiled, event, params, received_at_us))
                else:
                    filtered.append(compiled.filtered(event))
            except Exception as error:
                failures.append(Failure(compiled.workflow, compiled.trigger.id, understood(error)))
        return Match(tuple(starts), tuple(filtered), tuple(failures))

    def _start(
        self, compiled: _Compiled, event: CloudEvent, params: dict[str, object], received_at_us: int
    ) -> StartRun:
        encoded = params_of_run(params, f"workflow {compiled.workflow}, trigger {compiled.trigger.id}")
        return by_event(
            self._namespace,
            compiled.workflow,
            compiled.trigger.id,
            event_id=event.id,
            source=event.source,
            params=encoded,
            trace=event.trace,
            received_at_us=received_at_us,
        )


def event_json(event: CloudEvent) -> bytes:
    """The event as it is kept: JSON in structured mode."""
    return as_json(event)
