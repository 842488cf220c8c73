"""Headrace for people who write workflows.

`@task` makes a function something workers run, `@workflow` a function the graph of its tasks' calls. See
`headrace.authoring` for how a function becomes a graph, `headrace.context` for what a running task can ask.
Importing this package loads neither NATS nor OpenTelemetry: what needs them is imported when it is used.
"""

from headrace.authoring.loader import Definitions, load, load_all
from headrace.authoring.retries import Fail, Retries, Retry
from headrace.authoring.tasks import AsyncTask, Task, task
from headrace.authoring.triggers import cel, cron, event, every
from headrace.authoring.workflows import Workflow, workflow
from headrace.context import TaskContext, context
from headrace.programs import Completed, ProgramFailed, ProgramTimeout, shell, shell_async
from headrace.serializers import Serializer, register_serializer
from headrace.times import DataInterval, ScheduledAt
from headrace_protocol.errors import (
    DefinitionError,
    HandleUsedAsValue,
    HeadraceError,
    ScheduleError,
    TypeMismatch,
)

__all__ = [
    "AsyncTask",
    "Completed",
    "DataInterval",
    "DefinitionError",
    "Definitions",
    "Fail",
    "HandleUsedAsValue",
    "HeadraceError",
    "ProgramFailed",
    "ProgramTimeout",
    "Retries",
    "Retry",
    "ScheduleError",
    "ScheduledAt",
    "Serializer",
    "Task",
    "TaskContext",
    "TypeMismatch",
    "Workflow",
    "cel",
    "context",
    "cron",
    "event",
    "every",
    "load",
    "load_all",
    "register_serializer",
    "shell",
    "shell_async",
    "task",
    "workflow",
]
