"""Finding workflows and tasks in a user's files and modules."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType

import msgspec

from headrace.authoring import modules
from headrace.authoring.places import function_place
from headrace.authoring.tasks import Task
from headrace.authoring.workflows import Workflow
from headrace_protocol.errors import DefinitionError, HeadraceError

EXAMPLE = """Write, for example:

    from headrace import task, workflow

    @task
    def greet(name: str) -> str:
        return f"Hello, {name}"

    @workflow
    def hello(name: str = "world") -> str:
        return greet(name)
"""


class Definitions(msgspec.Struct, frozen=True):
    """Workflows and tasks by name. The tasks are those of the modules and those that the workflows call."""

    workflows: dict[str, Workflow[..., object]]
    tasks: dict[str, Task[..., object]]


def load(target: str) -> Definitions:
    """What `FILE.py` or `package.module` defines.

    Raises DefinitionError when the file is not there, cannot be imported (with the user's traceback), holds
    nothing of ours, or two workflows or tasks of one name.
    """
    return load_all([target])


def load_all(targets: Iterable[str]) -> Definitions:
    """What several files and modules define together; raises like `load`."""
    found = Definitions({}, {})
    for target in targets:
        module = _imported(target)
        ours = [value for value in vars(module).values() if isinstance(value, Task | Workflow)]
        for value in ours:
            _collect(value, found)
        if not ours:
            raise DefinitionError(
                "no workflow and no task was found",
                where=target,
                expected="functions decorated with @workflow or @task, at the top level of the module",
                fix=EXAMPLE,
            )
    return found


def reload_all(targets: Iterable[str]) -> Definitions:
    """Like `load_all`, with the targets and the modules beside them imported again from their files."""
    listed = list(targets)
    for target in listed:
        modules.forget(target)
    return load_all(listed)


def _imported(target: str) -> ModuleType:
    try:
        return modules.import_target(target)
    except HeadraceError:
        raise
    except (Exception, SystemExit) as error:
        raise DefinitionError(
            f"the import failed: {type(error).__name__}: {error}",
            where=target,
            found="\n" + users_traceback(error),
            fix="Fix the error in the file; `python FILE` shows it too.",
        ) from error


def users_traceback(error: BaseException) -> str:
    """The traceback without the frames of the import machinery and of ours above the user's."""
    frames: TracebackType | None = error.__traceback__
    own = str(Path(modules.__file__).parent)
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith((own, "<frozen importlib")):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames)).rstrip()


def _collect(value: Task[..., object] | Workflow[..., object], found: Definitions) -> None:
    for task in _tasks_of(value):
        known = found.tasks.setdefault(task.name, task)
        if known.function is not task.function:
            raise _twice("tasks", task.name, function_place(known.function), function_place(task.function))
    if isinstance(value, Workflow):
        other = found.workflows.setdefault(value.name, value)
        if other is not value:
            raise _twice(
                "workflows", value.name, function_place(other.function), function_place(value.function)
            )


def _tasks_of(value: object) -> Iterator[Task[..., object]]:
    if isinstance(value, Task):
        yield value
    elif isinstance(value, Workflow):
        yield from value.tasks.values()


def _twice(what: str, name: str, first: str, second: str) -> DefinitionError:
    return DefinitionError(
        f"two {what} have the name {name!r}",
        where=second,
        found=f"{first} and {second}",
        expected=f"one of the {what} with a name",
        fix="Rename one of them, or give it another `name=`.",
    )
