"""`@workflow`: a function that is run once, at decoration, to record which tasks call which."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Generic, ParamSpec, Protocol, TypeVar, overload

import msgspec

from headrace.authoring.binding import Edge, bind
from headrace.authoring.code_hash import code_hash_of
from headrace.authoring.durations import Duration, seconds
from headrace.authoring.handles import Handle, Reference
from headrace.authoring.places import caller_place, function_place
from headrace.authoring.schemas import literal, shared_schemas
from headrace.authoring.signatures import Signature, signature_of
from headrace.authoring.tasks import Task, task_from
from headrace.authoring.tracing import TaskSpec, Trace, current_trace, inline, tracing
from headrace.authoring.triggers import place_triggers
from headrace_protocol.checks import check_definition
from headrace_protocol.definition import Param, TaskDefinition, Trigger, WorkflowDefinition
from headrace_protocol.errors import DefinitionError

P = ParamSpec("P")
R = TypeVar("R")


class WorkflowOptions(msgspec.Struct, frozen=True):
    """Keywords of `@workflow`."""

    name: str | None = None
    triggers: tuple[Trigger, ...] = ()
    deadline: Duration | None = None


class Workflow(Generic[P, R]):
    """A workflow. Called, it and its tasks run as plain functions in this process: a way to test it."""

    def __init__(self, function: Callable[P, R], options: WorkflowOptions) -> None:
        self.function = function
        """The undecorated function."""
        self.definition, self.tasks = _define(function, options)
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        return self.definition.name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if current_trace() is not None:
            raise DefinitionError(
                f"the workflow {self.name} was called inside another workflow",
                where=caller_place(),
                found=f"{self.name}(...)",
                expected="calls of tasks",
                fix="Call its tasks here, or move what both need into a plain function that calls the tasks.",
            )
        with inline(True):
            return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"


class WorkflowDecorator(Protocol):
    """What `@workflow(...)` with options returns."""

    def __call__(self, function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *, name: str | None = None, triggers: Iterable[Trigger] = (), deadline: Duration | None = None
) -> WorkflowDecorator: ...
def workflow(
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    triggers: Iterable[Trigger] = (),
    deadline: Duration | None = None,
) -> object:
    """Make a function a workflow: it runs once, now, with handles for its parameters.

    Raises DefinitionError when the graph that it describes cannot be run, TypeMismatch for a wrong edge, and
    HandleUsedAsValue when it uses a result as a value.
    """
    options = WorkflowOptions(name, tuple(triggers), deadline)
    if function is not None:
        return Workflow(function, options)
    return lambda decorated: Workflow(decorated, options)


def _define(
    function: Callable[..., object], options: WorkflowOptions
) -> tuple[WorkflowDefinition, dict[str, Task[..., object]]]:
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function) or _yields(function):
        raise DefinitionError(
            "only a plain function can be a workflow",
            where=caller_place(),
            found=repr(function),
            expected="a `def` without yield",
            fix="Drop `async`: a workflow says what depends on what, its tasks do the waiting.",
        )
    name = options.name or function.__name__
    where = f"workflow {name} ({function_place(function)})"
    signature = signature_of(function, f"workflow {name}")
    schemas, shared = shared_schemas(
        {parameter.name: parameter.type for parameter in signature.parameters.values()}, where
    )
    trace = Trace(name)
    with tracing(trace):
        returned: object = function(**_handles(signature, trace))
    output = None if returned is None else bind(returned, signature.returns, Edge(trace, where, "the output"))
    definition = WorkflowDefinition(
        name=name,
        nodes=tuple(trace.nodes.values()),
        tasks={spec.name: _definition(spec, trace) for spec in trace.tasks.values()},
        params=schemas,
        required=signature.required,
        defaults=_defaults(signature, where),
        schema_definitions=shared,
        output=output,
        triggers=place_triggers(options.triggers, name, signature),
        deadline_s=None if options.deadline is None else seconds(options.deadline, f"{where}, deadline"),
        doc=inspect.getdoc(function) or "",
        source=_source(function),
    )
    check_definition(definition)
    return definition, {spec.name: task_from(spec) for spec in trace.tasks.values()}


def _definition(spec: TaskSpec, trace: Trace) -> TaskDefinition:
    """The task's, with the hash of its code where a node pins it: other code is another version then."""
    if any(node.task == spec.name and node.options.pin_code for node in trace.nodes.values()):
        return msgspec.structs.replace(spec.definition, code=code_hash_of(spec.function))
    return spec.definition


def _handles(signature: Signature, trace: Trace) -> dict[str, object]:
    return {
        name: Handle(Reference(Param(name), parameter.type, trace))
        for name, parameter in signature.parameters.items()
    }


def _defaults(signature: Signature, where: str) -> dict[str, object]:
    return {
        name: literal(parameter.default, parameter.type, where, f"param {name!r} (its default)")
        for name, parameter in signature.parameters.items()
        if not parameter.required
    }


def _yields(function: Callable[..., object]) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _source(function: Callable[..., object]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # typed at a prompt, or made by exec
        return ""
