"""Tasks whose code is in another language."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace import DefinitionError, task, workflow
from headrace.runtime.worker import _tasks


@task(name="other.add", external=True, queue="node", retries=2)
def add(left: int, right: int) -> int:
    """Adds."""
    raise NotImplementedError


@task(external=True)
def noted(text: str) -> None: ...


@task(external=True)
def described(text: str) -> None:
    """Only a docstring."""


@task
def double(value: int) -> int:
    return 2 * value


@workflow
def sums(left: int) -> int:
    noted("begun")
    return double(add(left, 2))


def test_a_workflow_calls_it_like_any_other() -> None:
    definition = sums.definition
    assert definition.tasks["other.add"].options.queue == "node"
    assert definition.tasks["other.add"].required == ("left", "right")
    assert definition.tasks["other.add"].doc == "Adds."
    assert [node.task for node in definition.nodes] == ["noted", "other.add", "double"]


def test_a_worker_does_not_serve_it() -> None:
    assert set(_tasks((str(Path(__file__)),))) == {"double"}


def test_a_call_outside_of_a_workflow_says_where_the_code_is() -> None:
    with pytest.raises(DefinitionError, match="whose code is not here") as caught:
        add(1, 2)
    assert "test_external.py" in caught.value.where


def test_a_body_is_refused() -> None:
    def one(value: int) -> int:
        return value

    def five() -> int:
        return 5

    def prints() -> None:
        print("x")

    for function in (one, five, prints):
        with pytest.raises(DefinitionError, match="has a body"):
            task(external=True)(function)


def test_its_code_cannot_be_pinned() -> None:
    def empty() -> None: ...

    with pytest.raises(DefinitionError, match="cannot be pinned"):
        task(external=True, pin_code=True)(empty)
