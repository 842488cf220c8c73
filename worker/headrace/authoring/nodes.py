"""Recording a call of a task as a node of the workflow being defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import GenericAlias

import msgspec

from headrace.authoring.binding import Edge, bind, bind_map, own
from headrace.authoring.handles import Handle, Reference
from headrace.authoring.places import caller_place
from headrace.authoring.signatures import Signature, match_arguments
from headrace.authoring.tracing import TaskSpec, Trace
from headrace_protocol.checks import check_name
from headrace_protocol.definition import (
    DEFAULT_MAP_WINDOW,
    Binding,
    Item,
    MapOver,
    NodeDefinition,
    Output,
    TaskOptions,
)
from headrace_protocol.errors import DefinitionError


class Placement(msgspec.Struct, frozen=True):
    """What `Task.options` says about the node rather than about how it runs."""

    after: tuple[object, ...] = ()
    window: int | None = None
    id: str | None = None


def placement(base: Placement, after: object, window: object, node_id: str | None, where: str) -> Placement:
    """`base` with what is given; raises DefinitionError for wrong values."""
    listed: object = (after,) if isinstance(after, Handle) else after
    if not isinstance(listed, Iterable):
        raise DefinitionError(
            "`after` takes handles",
            where=where,
            found=repr(after),
            expected="a list of what tasks returned",
            fix="Write after=[first], where first = some_task(...).",
        )
    if window is not None and (not isinstance(window, int) or isinstance(window, bool) or window < 1):
        raise DefinitionError(
            "a map's window holds at least one item",
            where=where,
            found=repr(window),
            expected=">= 1",
            fix="Write window=100, or leave it out: then it is 1,000.",
        )
    if node_id is not None:
        check_name(node_id, "node's id", where)
    return Placement((*base.after, *listed), window or base.window, node_id or base.id)


def record(
    trace: Trace,
    spec: TaskSpec,
    options: TaskOptions,
    place: Placement,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> Handle:
    """A node that runs once; returns the handle of its result."""
    where = caller_place()
    if place.window is not None:
        raise DefinitionError(
            "a window belongs to a map",
            where=where,
            found=f"{spec.name}.options(window=...)(...)",
            expected=f"{spec.name}.options(window=...).map(...)",
            fix="Map the task, or leave the window out.",
        )
    arguments = match_arguments(spec.signature, args, kwargs, spec.name, where)
    bindings = _bindings(trace, spec, arguments, where)
    return _add(trace, spec, options, place, bindings, None, spec.signature.returns)


def record_map(
    trace: Trace,
    spec: TaskSpec,
    options: TaskOptions,
    place: Placement,
    items: object,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> Handle:
    """A node that runs once for each item; returns the handle of the list of their results."""
    where = caller_place()
    first = next(
        (name for name, parameter in spec.signature.parameters.items() if parameter.positional), None
    )
    if first is None:
        raise DefinitionError(
            f"{spec.name} has no parameter to give the items to",
            where=where,
            expected="a first parameter, which takes one item",
            fix=f"Give {spec.name} a first parameter: def {spec.name.rpartition('.')[2]}(item).",
        )
    if first in kwargs:
        raise DefinitionError(
            f"{spec.name} was given its parameter {first!r} twice",
            where=where,
            found=first,
            expected=f"{first!r} only from the items",
            fix="Drop it from the shared arguments.",
        )
    shared = match_arguments(_without(spec.signature, first), args, kwargs, f"{spec.name}.map", where)
    form = spec.signature.parameters[first].type
    over = bind_map(items, form, Edge(trace, where, f"{spec.name}({first})"))
    bindings: dict[str, Binding] = {first: Item(), **_bindings(trace, spec, shared, where)}
    window = place.window or DEFAULT_MAP_WINDOW
    returns = GenericAlias(list, (spec.signature.returns,))
    return _add(trace, spec, options, place, bindings, MapOver(over=over, window=window), returns)


def _bindings(
    trace: Trace, spec: TaskSpec, arguments: Mapping[str, object], where: str
) -> dict[str, Binding]:
    return {
        name: bind(value, spec.signature.parameters[name].type, Edge(trace, where, f"{spec.name}({name})"))
        for name, value in arguments.items()
    }


def _add(
    trace: Trace,
    spec: TaskSpec,
    options: TaskOptions,
    place: Placement,
    bindings: dict[str, Binding],
    mapped: MapOver | None,
    returns: object,
) -> Handle:
    node_id = trace.new_id(spec, place.id)
    after = tuple(_node_of(trace, handle) for handle in place.after)
    node = NodeDefinition(
        id=node_id, task=spec.name, bindings=bindings, after=after, map=mapped, options=options
    )
    trace.add(spec, node)
    return Handle(Reference(Output(node_id), returns, trace))


def _node_of(trace: Trace, handle: object) -> str:
    where = caller_place()
    if isinstance(handle, Handle):
        binding = own(handle, Edge(trace, where, "after")).binding
        if isinstance(binding, Output):
            return binding.node
    raise DefinitionError(
        "`after` takes handles of nodes",
        where=where,
        found=repr(handle),
        expected="what a task returned",
        fix="Leave it out: a param is there from the start."
        if isinstance(handle, Handle)
        else "Give what the task returned: first = some_task(...), then after=[first].",
    )


def _without(signature: Signature, name: str) -> Signature:
    rest = {other: parameter for other, parameter in signature.parameters.items() if other != name}
    return Signature(rest, signature.returns)
