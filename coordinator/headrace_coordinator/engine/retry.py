"""Whether and when an attempt that failed is followed by another."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from headrace_protocol.definition import RetryPolicy
from headrace_protocol.messages import Outcome, RetryAdvice

MICROSECONDS = 1_000_000
LONGEST_S = 10 * 366 * 86_400.0
"""A longer delay, or an infinite one, is as good as this one."""


def whole_us(seconds: float) -> int:
    """A duration in whole microseconds, whatever the definition or a task's code put into it."""
    return round(min(max(0.0, seconds), LONGEST_S) * MICROSECONDS)


def matches(kinds: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether one of the error's types is meant: by its qualified name, or by its last part."""
    names = {name for kind in kinds for name in (kind, kind.rpartition(".")[2])}
    return any(name in names for name in wanted)


def may_retry(policy: RetryPolicy, outcome: Outcome, failures: int) -> bool:
    """Whether the policy allows another attempt after `failures` failed ones (this one counted)."""
    if outcome.advice is RetryAdvice.NEVER or failures >= policy.max_attempts:
        return False
    if outcome.advice is RetryAdvice.AFTER:
        return True
    kinds = outcome.error_kinds or (outcome.error.kind if outcome.error is not None else "",)
    if matches(kinds, policy.give_up_on):
        return False
    return not policy.retry_on or matches(kinds, policy.retry_on)


def delay_us(policy: RetryPolicy, outcome: Outcome, failures: int) -> int:
    """Microseconds until the next attempt.

    Full jitter (Brooker, *Exponential Backoff And Jitter*, 2015) needs a random number; here it is a hash of
    the attempt's name, so that the same history always gives the same delays.
    """
    if outcome.advice is RetryAdvice.AFTER and outcome.retry_after_s is not None:
        return whole_us(outcome.retry_after_s)
    try:
        grown = policy.backoff_s * policy.factor ** (failures - 1)
    except OverflowError:
        grown = policy.cap_s if policy.backoff_s else 0.0
    bound_s = min(policy.cap_s, grown)
    share = (
        _share(f"{outcome.run_id}/{outcome.node}/{outcome.item}/{outcome.attempt}") if policy.jitter else 1.0
    )
    return whole_us(bound_s * share)


def _share(name: str) -> float:
    """A number in [0, 1) that is evenly spread over names."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest()) / (1 << 48)
