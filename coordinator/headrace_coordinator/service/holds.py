"""Paused triggers when the definition changes beneath them."""

from __future__ import annotations

import msgspec

from headrace_coordinator.store.records import Hold, WorkflowState
from headrace_protocol.definition import WorkflowDefinition


def holds_for(
    state: WorkflowState, definition: WorkflowDefinition, position: int, now_us: int
) -> WorkflowState:
    """The state with the holds that fit a definition: those of triggers that are gone end, and a trigger that is new
    in a paused workflow is paused from now on.

    `position` is that of the last event: what came before a trigger was there is not for it.
    """
    ids = [trigger.id for trigger in definition.triggers]
    holds = {trigger: state.holds[trigger] for trigger in ids if trigger in state.holds}
    if state.paused is not None:
        mark = msgspec.structs.replace(state.paused, at_us=now_us)
        holds |= {
            trigger: Hold(mark=mark, position=position) for trigger in ids if trigger not in state.holds
        }
    return state if holds == state.holds else msgspec.structs.replace(state, holds=holds)
