"""Whether and when a failed attempt is followed by another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_coordinator.engine.effects import StartTimer
from headrace_coordinator.engine.inputs import AttemptOverdue
from headrace_coordinator.engine.retry import LONGEST_S, delay_us, may_retry, whole_us
from headrace_coordinator.engine.state import NodeState, RunState
from headrace_protocol.definition import RetryPolicy
from headrace_protocol.errors import ErrorCode, ErrorInfo
from headrace_protocol.messages import Outcome, OutcomeState, RetryAdvice
from tests.engine.building import Driver, node, plan_of

S = 1_000_000
KINDS = ("shop.errors.Busy", "shop.errors.ShopError", "builtins.OSError", "builtins.Exception")


def failed(run_id: str = "r", attempt: int = 1, **what: object) -> Outcome:
    return Outcome(
        **{
            "run_id": run_id,
            "node": "n",
            "attempt": attempt,
            "state": OutcomeState.FAILED,
            "started_at_us": 0,
            "finished_at_us": 0,
            "worker": "w",
            "error_kinds": KINDS,
            **what,
        }
    )


@given(
    policy=st.builds(
        RetryPolicy,
        backoff_s=st.floats(0, 1e6),
        factor=st.floats(1, 100),
        cap_s=st.floats(0, 1e6) | st.just(float("inf")),
        jitter=st.booleans(),
    ),
    failures=st.integers(1, 5_000),
)
def test_a_delay_is_within_its_bounds(policy: RetryPolicy, failures: int) -> None:
    delay = delay_us(policy, failed(), failures)
    assert 0 <= delay <= whole_us(min(policy.cap_s, LONGEST_S)) <= whole_us(LONGEST_S)
    if not policy.backoff_s:
        assert delay == 0
    if failures == 1:
        assert delay <= whole_us(policy.backoff_s)


def test_without_jitter_it_grows_to_the_cap() -> None:
    policy = RetryPolicy(backoff_s=1, factor=3, cap_s=20, jitter=False)
    assert [delay_us(policy, failed(), n) // S for n in range(1, 6)] == [1, 3, 9, 20, 20]
    assert delay_us(policy, failed(), 100_000) == 20 * S


def test_jitter_is_spread_evenly_and_always_the_same() -> None:
    policy = RetryPolicy(backoff_s=1, cap_s=1)
    delays = [delay_us(policy, failed(f"run-{number}"), 1) for number in range(2_000)]
    assert delays == [delay_us(policy, failed(f"run-{number}"), 1) for number in range(2_000)]
    tenths = [sum(n * S // 10 <= delay < (n + 1) * S // 10 for delay in delays) for n in range(10)]
    assert sum(tenths) == 2_000
    assert all(140 < count < 260 for count in tenths), tenths
    assert delay_us(policy, failed(attempt=1), 1) != delay_us(policy, failed(attempt=2), 1)
    assert delay_us(policy, failed(item=1), 1) != delay_us(policy, failed(item=2), 1)


@pytest.mark.parametrize(
    ("after_s", "expected_us"),
    [(2.5, 2_500_000), (0.0, 0), (-1.0, 0), (float("nan"), 0), (float("inf"), whole_us(LONGEST_S))],
)
def test_a_task_that_says_when_is_obeyed(after_s: float, expected_us: int) -> None:
    outcome = failed(advice=RetryAdvice.AFTER, retry_after_s=after_s)
    assert delay_us(RetryPolicy(cap_s=1), outcome, 1) == expected_us


@pytest.mark.parametrize(
    ("retry_on", "give_up_on", "again"),
    [
        ((), (), True),
        (("shop.errors.Busy",), (), True),
        (("Busy",), (), True),
        (("builtins.OSError",), (), True),
        (("builtins.ValueError",), (), False),
        (("other.errors.Busy",), (), False),
        ((), ("shop.errors.ShopError",), False),
        (("shop.errors.Busy",), ("builtins.OSError",), False),
        ((), ("builtins.ValueError",), True),
    ],
)
def test_error_types_are_matched_with_their_bases(
    retry_on: tuple[str, ...], give_up_on: tuple[str, ...], again: bool
) -> None:
    policy = RetryPolicy(max_attempts=3, retry_on=retry_on, give_up_on=give_up_on)
    assert may_retry(policy, failed(), 1) is again
    assert not may_retry(policy, failed(), 3)
    assert not may_retry(policy, failed(advice=RetryAdvice.NEVER), 1)
    assert may_retry(policy, failed(advice=RetryAdvice.AFTER), 1)


def test_a_worker_that_names_only_the_error_itself_is_understood() -> None:
    policy = RetryPolicy(max_attempts=3, retry_on=("pkg.Busy",))
    error = ErrorInfo(code="task.failed", message="", kind="pkg.Busy")
    assert may_retry(policy, failed(error_kinds=(), error=error), 1)
    assert not may_retry(policy, failed(error_kinds=(), error=None), 1)


@pytest.mark.parametrize(
    ("advice", "kind"),
    [(RetryAdvice.AFTER, "headrace.Retry"), (RetryAdvice.POLICY, "headrace.authoring.retries.Retry")],
)
def test_a_retry_that_the_policy_does_not_allow_says_how_to_allow_it(advice: RetryAdvice, kind: str) -> None:
    d = Driver(plan_of(node("a")))
    error = ErrorInfo(code=ErrorCode.TASK_FAILED, message="later", kind=kind, fix="Read the logs.")
    d.fail("a", error=error, advice=advice, retry_after_s=1.0, error_kinds=(kind,))
    assert d.run.head.state is RunState.FAILED
    assert d.run.head.error is not None
    assert "@task(retries=5)" in d.run.head.error.fix


def test_a_timeout_is_retried_as_a_timeout_error() -> None:
    d = Driver(plan_of(node("a", max_attempts=2, retry_on=("builtins.TimeoutError",))))
    d.feed(AttemptOverdue("r", "a", None, 1, "w"))
    assert d.run.nodes["a"].state is NodeState.RETRYING
    assert [record.state for record in d.last.attempts] == ["failed"]
    assert any(isinstance(effect, StartTimer) for effect in d.last.effects)
