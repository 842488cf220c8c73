"""When an attempt that failed is followed by another: the policy, and what a task may raise."""

from __future__ import annotations

import msgspec

from headrace.authoring.durations import Duration, seconds
from headrace_protocol.definition import RetryPolicy
from headrace_protocol.errors import DefinitionError


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """A retry policy. The delay before a retry is drawn from [0, min(cap, backoff * factor**n)].

    `max_attempts` counts the first attempt too. `retry_on` empty means every exception; `give_up_on` wins
    over it. Both match subclasses.
    """

    max_attempts: int = 3
    backoff: Duration = 1.0
    factor: float = 2.0
    cap: Duration = 300.0
    jitter: bool = True
    retry_on: tuple[type[BaseException], ...] = ()
    give_up_on: tuple[type[BaseException], ...] = ()


class Retry(Exception):
    """Raised by a task: try again, `after` a given time, or after the policy's delay when it is None.

    An attempt that was the last one allowed is not followed by another.
    """

    def __init__(self, message: str = "", *, after: Duration | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.after_s = None if after is None else seconds(after, "Retry(after=...)")


class Fail(Exception):
    """Raised by a task: no retry can help. The details are shown with the failed run."""

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = {name: str(value) for name, value in details.items()}


def exception_name(kind: type[BaseException]) -> str:
    """The qualified name by which policies and outcomes name an exception: `builtins.ValueError`."""
    return f"{kind.__module__}.{kind.__qualname__}"


def retry_policy(retries: object, where: str) -> RetryPolicy:
    """The policy of `retries=`: a number of retries after the first attempt, or Retries."""
    match retries:
        case bool():
            pass
        case int() if retries >= 0:
            return RetryPolicy(max_attempts=retries + 1)
        case Retries():
            return RetryPolicy(
                max_attempts=retries.max_attempts,
                backoff_s=seconds(retries.backoff, f"{where}, Retries(backoff=...)"),
                factor=float(retries.factor),
                cap_s=seconds(retries.cap, f"{where}, Retries(cap=...)"),
                jitter=retries.jitter,
                retry_on=_names(retries.retry_on, f"{where}, Retries(retry_on=...)"),
                give_up_on=_names(retries.give_up_on, f"{where}, Retries(give_up_on=...)"),
            )
        case _:
            pass
    raise DefinitionError(
        "not a number of retries",
        where=where,
        found=repr(retries),
        expected="a number of retries after the first attempt, such as 3, or Retries(...)",
    )


def _names(kinds: object, where: str) -> tuple[str, ...]:
    listed = kinds if isinstance(kinds, tuple | list) else (kinds,)
    for kind in listed:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise DefinitionError(
                "not an exception", where=where, found=repr(kind), expected="a tuple of exception classes"
            )
    return tuple(exception_name(kind) for kind in listed)
