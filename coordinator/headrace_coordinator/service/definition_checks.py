"""Everything that is checked of a definition before it may become current, in a dry run as in a deploy."""

from __future__ import annotations

from headrace_coordinator.runtime.registry import Entry
from headrace_coordinator.schedules.runner import check_schedules
from headrace_coordinator.service.edge_types import check_edge_types
from headrace_coordinator.store.records import DefinitionRow
from headrace_coordinator.triggers.events import check_event_triggers
from headrace_coordinator.triggers.params import check_schedule_params
from headrace_protocol.checks import check_definition
from headrace_protocol.definition import WorkflowDefinition


def check_deployable(definition: WorkflowDefinition) -> None:
    """Raises DefinitionError, or one of its kinds, for the first thing found wrong."""
    check_definition(definition)
    check_event_triggers(definition)
    check_schedules(definition)
    check_schedule_params(definition)
    Entry(DefinitionRow(definition, definition.version(), 0)).check()
    check_edge_types(definition)  # of schemas that are some
