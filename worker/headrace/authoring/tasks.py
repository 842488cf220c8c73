"""`@task`: a function that runs on workers, and in a workflow becomes a node."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from contextvars import copy_context
from threading import Thread
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, Unpack, cast, overload

from headrace.authoring.external import declared
from headrace.authoring.methods import check_no_method
from headrace.authoring.nodes import Placement, placement, record, record_map
from headrace.authoring.options import Options, default_options, task_options
from headrace.authoring.places import caller_place, function_place
from headrace.authoring.schemas import schema_of
from headrace.authoring.signatures import signature_of
from headrace.authoring.tracing import TaskSpec, current_trace, inline, is_inline
from headrace_protocol.checks import check_task_name
from headrace_protocol.definition import TaskDefinition, TaskOptions
from headrace_protocol.errors import DefinitionError

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")
T = TypeVar("T")


class Task(Generic[P, R]):
    """A task. Called in a workflow it records a node and returns a handle, which type checkers see as the
    result; called anywhere else it is the plain function."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec
        self.options_: TaskOptions = spec.definition.options
        """The task's options, with those of this copy when `options` made it."""
        self._placement = Placement()
        functools.update_wrapper(self, spec.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = current_trace()
        if trace is None:
            return cast(R, self._run(args, kwargs))
        return cast(R, record(trace, self.spec, self.options_, self._placement, args, kwargs))

    # Callable rather than Task as the type of self: only so does mypy find T from the first parameter.
    def map(
        self: Callable[Concatenate[T, P2], R], items: Iterable[T], /, *args: P2.args, **kwargs: P2.kwargs
    ) -> list[R]:
        """Run the task for each item, given as its first parameter; the other arguments are shared.

        The results keep the order of the items, which may be known only at run time.
        """
        task = cast("Task[..., object]", self)
        trace = current_trace()
        if trace is None:
            return [cast(R, task._run((item, *args), kwargs)) for item in items]
        recorded = record_map(trace, task.spec, task.options_, task._placement, items, args, kwargs)
        return cast("list[R]", recorded)

    def options(
        self,
        *,
        after: Iterable[object] = (),
        window: int | None = None,
        id: str | None = None,
        **overrides: Unpack[Options],
    ) -> Self:
        """A copy for one node, with other options than the task's.

        `after` holds handles of nodes that must have succeeded before, though nothing of theirs is read;
        `window` is how many items of a map may be dispatched at once; `id` names the node.
        """
        where = f"task {self.name} ({caller_place()})"
        changed = copy.copy(self)
        changed.options_ = task_options(dict(overrides), self.options_, is_async=self.is_async, where=where)
        changed._placement = placement(self._placement, after, window, id, where)
        return changed

    def _run(self, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        with inline(False):
            return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def function(self) -> Callable[..., object]:
        """The undecorated function."""
        return self.spec.function

    @property
    def definition(self) -> TaskDefinition:
        return self.spec.definition

    @property
    def parameters(self) -> dict[str, object]:
        """Types of the parameters; Any where there is no annotation."""
        return {name: parameter.type for name, parameter in self.spec.signature.parameters.items()}

    @property
    def returns(self) -> object:
        """Type of the result; Any where there is no annotation."""
        return self.spec.signature.returns

    @property
    def is_async(self) -> bool:
        return self.spec.is_async

    def __repr__(self) -> str:
        return f"<task {self.name}>"


class AsyncTask(Task[P, R]):
    """A task whose function is `async def`.

    In a workflow there is nothing to await, so type checkers see a call give the result itself. Outside of
    one the call gives the coroutine, like the plain function; `coroutine` is that same call, typed as such.
    """

    def coroutine(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, R]:
        """Call the plain function: `await fetch.coroutine(url)`."""
        return cast("Coroutine[object, None, R]", self.function(*args, **kwargs))

    def _run(self, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        made = self.function(*args, **kwargs)
        return _value_of(cast("Coroutine[Any, Any, object]", made)) if is_inline() else made


class TaskDecorator(Protocol):
    """What `@task(...)` with options returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(*, name: str | None = None, external: bool = False, **options: Unpack[Options]) -> TaskDecorator: ...
def task(
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    external: bool = False,
    **options: Unpack[Options],
) -> object:
    """Make a function a task; its name is the function's unless given.

    With `external` a worker in another language runs it: the function has a signature and no body, and the workers that
    load its module do not serve it.

    Raises DefinitionError when a parameter or the result cannot be sent between machines.
    """
    if function is not None:
        return task_from(_spec(function, name, dict(options), external=external))
    return lambda decorated: task_from(_spec(decorated, name, dict(options), external=external))


def task_from(spec: TaskSpec) -> Task[..., object]:
    """The task object of a spec."""
    return AsyncTask(spec) if spec.is_async else Task(spec)


def _spec(
    function: Callable[..., object], name: str | None, options: dict[str, object], *, external: bool
) -> TaskSpec:
    if not inspect.isfunction(function):
        raise DefinitionError(
            "only a function can be a task",
            where=caller_place(),
            found=repr(function),
            expected="def or async def",
            fix="Write @task above a `def`: not above a class, another decorator's object, or a workflow.",
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            "a generator cannot be a task",
            where=function_place(function),
            found=function.__name__,
            expected="a function that returns its result",
            fix="Return a list.",
        )
    known = name or function.__name__
    what = f"task {known}"
    where = f"{what} ({function_place(function)})"
    check_no_method(function, where)
    check_task_name(known, where)
    signature = signature_of(function, what)
    is_async = inspect.iscoroutinefunction(function)
    definition = TaskDefinition(
        name=known,
        params={
            parameter.name: schema_of(parameter.type, where, f"parameter {parameter.name!r}")
            for parameter in signature.parameters.values()
        },
        required=signature.required,
        returns=schema_of(signature.returns, where, "the result"),
        options=task_options(options, default_options(function), is_async=is_async, where=where),
        doc=inspect.getdoc(function) or "",
    )
    if external:
        function = declared(function, where, pinned=definition.options.pin_code)
    return TaskSpec(function, signature, definition, is_async, external)


def _value_of(coroutine: Coroutine[Any, Any, object]) -> object:
    """Run a coroutine to its value, also where a loop already runs in this thread."""
    import asyncio  # here, because most programs that import tasks never need it

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _in_thread(functools.partial(copy_context().run, asyncio.run, coroutine))


def _in_thread(work: Callable[[], object]) -> object:
    values: list[object] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            values.append(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return values[0]
