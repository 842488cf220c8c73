"""Why an event found nobody: what a publisher reads when no trigger asked for its event's type."""

from __future__ import annotations

from difflib import get_close_matches

from headrace_coordinator.runtime.registry import Registry
from headrace_protocol.definition import EventTrigger

KNOWN_SHOWN = 10


def why_nobody_listens(registry: Registry, event_type: str) -> str:
    """A sentence without its end; empty when an active trigger listens to the type."""
    active: set[str] = set()
    idle: list[str] = []
    for entry in registry.current():
        name = entry.definition.name
        state = registry.state(name)
        for trigger in entry.definition.triggers:
            if not isinstance(trigger, EventTrigger):
                continue
            if state.retired is not None:
                why = f"workflow {name} is retired"
            elif trigger.id in state.holds:
                why = f"workflow {name}, trigger {trigger.id} is paused: the event is kept for it"
            else:
                active.add(trigger.type)
                continue
            if trigger.type == event_type:
                idle.append(why)
    if event_type in active:
        return ""
    if idle:
        return "; ".join(idle)
    if not registry.current():
        return "nothing is deployed"
    if not active:
        return f"no trigger listens to {event_type}; no deployed workflow listens to events"
    close = get_close_matches(event_type, sorted(active), n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    known = sorted(active)
    more = f" and {len(known) - KNOWN_SHOWN} more" if len(known) > KNOWN_SHOWN else ""
    return f"no trigger listens to {event_type}{hint}; known types are {', '.join(known[:KNOWN_SHOWN])}{more}"
