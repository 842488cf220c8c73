"""Which form of a proof this process is part of: the only place that reads `HEADRACE_PROOF`."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Protocol, TypeVar

T = TypeVar("T")
VARIABLE = "HEADRACE_PROOF"


class Form(StrEnum):
    SHORT = "short"
    LONG = "long"


FORM = Form(os.environ.get(VARIABLE, Form.SHORT))


class Size(Protocol):
    """The type of `size`, as a fixture gives it."""

    def __call__(self, short: T, *, long: T) -> T: ...


def size(short: T, *, long: T) -> T:
    """How much of something a test does: the same test is short in CI and long in `just proof`."""
    return long if FORM is Form.LONG else short
