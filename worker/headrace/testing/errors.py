"""What goes wrong in a test, beside what the test is about."""

from __future__ import annotations

from headrace_protocol.errors import ErrorCode, HeadraceError


class RunStuck(HeadraceError, AssertionError):
    """What was waited for did not happen, however much virtual time went by."""

    default_code = ErrorCode.CONFLICT


class RunNotSucceeded(HeadraceError, AssertionError):
    """A run's output was read, and there is none. Its text is the run's story."""

    default_code = ErrorCode.CONFLICT

    def __str__(self) -> str:
        return self.message


class FaultUnused(HeadraceError, AssertionError):
    """A fault was planned and never happened: the test did not show what it seems to show."""

    default_code = ErrorCode.CONFLICT


class NothingFound(HeadraceError, LookupError):
    """A run has no such node, attempt or span."""

    default_code = ErrorCode.NOT_FOUND
