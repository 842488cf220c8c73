from __future__ import annotations

import pytest

from headrace import TaskContext, context, task
from headrace.context import OutsideTask, running


@task
def where_am_i() -> tuple[str, int]:
    return context().node, context().attempt


def test_a_task_sees_its_attempt() -> None:
    attempt = TaskContext(run_id="r", workflow="w", node="n", attempt=2)
    with running(attempt):
        assert where_am_i() == ("n", 2)
        attempt.cancelled = True
        assert context().cancelled


def test_outside_of_a_task_the_error_says_what_to_do() -> None:
    with pytest.raises(OutsideTask) as caught:
        where_am_i()
    assert "headrace.testing.attempt" in caught.value.fix
