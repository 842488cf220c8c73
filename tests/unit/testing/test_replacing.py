"""Tasks replaced by a test."""

from __future__ import annotations

from unittest.mock import AsyncMock, Mock

import pytest

from headrace.testing import Environment
from headrace_protocol.errors import ConfigError
from tests.unit.testing.shop import accept, fulfil, price


def test_a_fake_is_called_instead_and_put_away_again() -> None:
    with Environment(fulfil) as env:
        env.replace(price, lambda sku: 2.0)
        assert env.run(fulfil, 7, ["tea", "milk"]).output == "order 7: 4.00"
        env.replace(price, None)
        assert env.run(fulfil, 7, ["tea", "milk"]).output == "order 7: 10.50"


def test_fakes_may_be_coroutines_or_mocks() -> None:
    async def free(sku: str) -> float:
        return 0.0

    with Environment(fulfil) as env:
        env.replace(price, free)
        assert env.run(fulfil, 7, ["tea"]).output == "order 7: 0.00"
        mock = AsyncMock(return_value=1.0)
        env.replace(price, mock)
        assert env.run(fulfil, 7, ["tea"]).output == "order 7: 1.00"
        mock.assert_awaited_once_with(sku="tea")
        broken = Mock(side_effect=[OSError("no stock"), OSError("no stock"), {"number": 1, "skus": ["x"]}])
        env.replace(accept, broken)
        run = env.run(fulfil, 7, ["tea"])
        assert [attempt.state for attempt in run.attempts("accept")] == ["failed", "failed", "succeeded"]


def test_a_fake_is_held_to_the_tasks_types() -> None:
    with Environment(fulfil) as env:
        env.replace(price, lambda sku: "free")  # type: ignore[arg-type, return-value]
        run = env.run(fulfil, 7, ["tea"])
        assert run.error is not None
        assert run.error.code == "task.result_invalid"


def test_a_fake_with_other_parameters_is_refused() -> None:
    with Environment(fulfil) as env, pytest.raises(ConfigError, match=r"expected: parameters named sku"):
        env.replace(price, lambda: 1.0)  # type: ignore[arg-type, misc]


def test_a_task_is_replaced_before_its_workflow_is_deployed() -> None:
    with Environment() as env:
        env.replace(price, lambda sku: 2.0)
        assert env.run(fulfil, 7, ["tea"]).output == "order 7: 2.00"
