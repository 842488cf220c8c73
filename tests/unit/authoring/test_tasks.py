from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from headrace import AsyncTask, DefinitionError, Fail, Retries, Retry, Task, task
from headrace.authoring.retries import exception_name
from headrace_protocol.definition import Isolation, Priority, RetryPolicy


class Landed(msgspec.Struct):
    month: int


@task
def validate(month: int, path: str = "x") -> Landed:
    """Check a month."""
    return Landed(month)


@task
async def fetch(url: str) -> bytes:
    return url.encode()


def test_outside_of_a_workflow_a_task_is_its_function() -> None:
    assert validate(1) == Landed(1)
    assert validate.map([1, 2], path="y") == [Landed(1), Landed(2)]
    assert validate.options(priority="high")(3) == Landed(3)
    assert validate.__doc__ == "Check a month."


async def test_a_call_of_an_async_task_gives_the_coroutine() -> None:
    assert await fetch.coroutine("a") == b"a"
    made: Any = fetch("b")
    assert await made == b"b"


def test_what_the_worker_needs() -> None:
    assert isinstance(validate, Task)
    assert validate.name == "validate"
    assert validate.parameters == {"month": int, "path": str}
    assert validate.returns is Landed
    assert not validate.is_async
    assert validate.function(1) == Landed(1)
    assert validate.definition.required == ("month",)
    assert validate.definition.params == {"month": {"type": "integer"}, "path": {"type": "string"}}
    assert validate.definition.returns["$ref"] == "#/$defs/Landed"
    assert validate.definition.doc == "Check a month."
    assert validate.options_.isolation is Isolation.THREAD
    assert isinstance(fetch, AsyncTask)
    assert fetch.is_async
    assert fetch.options_.isolation is Isolation.ASYNC
    assert repr(fetch) == "<task fetch>"


def test_options_of_a_task() -> None:
    class Custom(Exception):
        pass

    @task(
        name="etl.load",
        queue="big",
        priority="high",
        timeout="1m30s",
        isolation="process",
        retries=Retries(
            max_attempts=5,
            backoff="2s",
            factor=3,
            cap="1m",
            jitter=False,
            retry_on=(Custom,),
            give_up_on=(ValueError,),
        ),
    )
    def load() -> None: ...

    options = load.options_
    assert load.name == "etl.load"
    assert (options.queue, options.priority, options.timeout_s) == ("big", Priority.HIGH, 90.0)
    assert options.isolation is Isolation.PROCESS
    assert options.retry == RetryPolicy(
        max_attempts=5,
        backoff_s=2.0,
        factor=3.0,
        cap_s=60.0,
        jitter=False,
        retry_on=(exception_name(Custom),),
        give_up_on=("builtins.ValueError",),
    )


def test_a_number_of_retries_does_not_count_the_first_attempt() -> None:
    @task(retries=3)
    def load() -> None: ...

    assert load.options_.retry == RetryPolicy(max_attempts=4)
    assert load.options(retries=0).options_.retry == RetryPolicy(max_attempts=1)


def test_a_copy_for_one_node_leaves_the_task_as_it_is() -> None:
    changed = validate.options(queue="big", timeout=5).options(priority="low", timeout=None)
    assert (changed.options_.queue, changed.options_.priority) == ("big", Priority.LOW)
    assert changed.options_.timeout_s is None
    assert validate.options_.queue == "default"
    assert changed.definition is validate.definition
    assert changed.function is validate.function


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue": "a b"}, "queue's name"),
        ({"queue": 3}, "not a name"),
        ({"priority": "urgent"}, "unknown priority"),
        ({"retries": -1}, "not a number of retries"),
        ({"retries": True}, "not a number of retries"),
        ({"retries": Retries(max_attempts=0)}, "max_attempts is out of range"),
        ({"retries": Retries(factor=0.5)}, "factor is out of range"),
        ({"retries": Retries(retry_on=("ValueError",))}, "not an exception"),  # type: ignore[arg-type]
        ({"timeout": "soon"}, "not a duration"),
        ({"timeout": 0}, "timeout is out of range"),
        ({"isolation": "vm"}, "unknown isolation"),
        ({"isolation": "async"}, "would block the worker's event loop"),
        ({"retrys": 3}, "unknown option"),
        ({"window": 0}, "at least one item"),
        ({"id": "a.b"}, "node's id"),
        ({"after": 3}, "`after` takes handles"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        validate.options(**options)
    assert "task validate" in caught.value.where


def variadic(*args: int) -> None: ...
def keywords(**kwargs: int) -> None: ...
def positional_only(a: int, /) -> None: ...
def unresolved(a: Missing) -> None: ...  # type: ignore[name-defined] # noqa: F821
def takes_a_function(callback: Callable[[], int]) -> None: ...
def takes_a_class(other: list[Iterator[int]]) -> None: ...
def returns_a_generator() -> Iterator[int]: ...
def yields() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (variadic, "every parameter needs a name"),
        (keywords, "every parameter needs a name"),
        (positional_only, "every parameter needs a name"),
        (unresolved, "'Missing' is not defined"),
        (takes_a_function, "parameter 'callback' has the type Callable"),
        (takes_a_class, "parameter 'other' has the type list"),
        (returns_a_generator, "the result has the type Iterator"),
        (yields, "a generator cannot be a task"),
        (Landed, "only a function can be a task"),
        (lambda: 1, "not a task's name"),
    ],
)
def test_functions_that_cannot_be_tasks(function: Callable[..., object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        task(function)
    assert "test_tasks.py" in caught.value.where


def test_without_annotations_anything_is_taken() -> None:
    @task
    def loose(a, b: object, c: dict[str, object]):  # type: ignore[no-untyped-def]
        return a

    assert loose.parameters["a"] is Any
    assert loose.definition.params["a"] == {}
    assert loose.definition.params["b"] == {}
    assert loose.definition.returns == {}


def test_what_tasks_raise_survives_pickling() -> None:
    """A process sends them to the worker."""
    retry: Retry = pickle.loads(pickle.dumps(Retry("busy", after="30s")))
    assert (retry.message, retry.after_s) == ("busy", 30.0)
    assert Retry().after_s is None
    fail: Fail = pickle.loads(pickle.dumps(Fail("bad row", row=3)))
    assert (fail.message, fail.details) == ("bad row", {"row": "3"})


def test_retry_checks_its_duration() -> None:
    with pytest.raises(DefinitionError, match="not a duration"):
        Retry(after="soon")


def test_a_task_may_call_another() -> None:
    @task
    async def outer() -> bytes:
        return await fetch.coroutine("a")

    assert asyncio.run(outer.coroutine()) == b"a"
