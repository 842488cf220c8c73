"""The variables of evaluations: measured for the bound of their cost, and as the library reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from headrace_coordinator.triggers.cel.bound import Sizes
from headrace_coordinator.triggers.cel.functions import CHARACTERS
from headrace_coordinator.triggers.cel.library import RUNTIME
from headrace_protocol.errors import ErrorCode, ExpressionError

DEEPEST = 200
"""Levels of lists and maps in the variables: the evaluator reads them recursively."""


class Variables:
    """Variables of several expressions on the same event.

    They are measured here, and converted once, for the first expression that reads them.
    """

    __slots__ = ("activation", "plain", "sizes")

    def __init__(self, variables: Mapping[str, object]) -> None:
        self.plain = variables
        measure = _Measure(variables)
        self.sizes = measure.sizes
        self.activation = RUNTIME.Activation(
            {name: _converted(value) for name, value in variables.items()}
            if measure.is_foreign
            else dict(variables)
        )


class _Measure:
    """The sizes of variables. Refuses what the library would misread: it cuts texts at a zero character."""

    def __init__(self, variables: Mapping[str, object]) -> None:
        self.is_foreign = False
        total = characters = text = longest = depth = 0
        level: list[object] = list(variables.values())
        while level:
            depth += 1
            if depth > DEEPEST:
                raise _refused(f"more than {DEEPEST} levels of lists and maps", f"at most {DEEPEST}")
            total += len(level)
            inner: list[object] = []
            for value in level:
                if isinstance(value, str):
                    length = len(value) if value.isascii() and "\0" not in value else _length(value)
                    characters += length
                    text = max(text, length)
                elif isinstance(value, dict):
                    longest = max(longest, len(value))
                    inner += value
                    inner += value.values()
                elif isinstance(value, list):
                    longest = max(longest, len(value))
                    inner += value
                elif isinstance(value, bytes):
                    self.is_foreign = True
                    characters += len(value)
                    text = max(text, len(value))
                elif isinstance(value, datetime):
                    self.is_foreign = True
                elif type(value) not in SCALARS:
                    raise _refused(f"{type(value).__name__} is not a value of CEL", KNOWN)
            level = inner
        self.sizes = Sizes(
            total=total + characters / CHARACTERS, longest=float(longest), text=1 + text / CHARACTERS
        )


def _length(text: str) -> int:
    """In bytes of UTF-8."""
    if "\0" in text:
        raise _refused(f"the text {text[:40]!r} with a zero character", "texts without zero characters")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise _refused(f"the text {text[:40]!r} with half a surrogate pair", "Unicode text") from None


SCALARS = frozenset({type(None), bool, int, float})
KNOWN = "null, bool, number, string, bytes, time, list or map"


def _refused(found: str, expected: str) -> ExpressionError:
    return ExpressionError(
        "the variables hold a value that CEL does not know",
        found=found,
        expected=expected,
        code=ErrorCode.EXPRESSION_FAILED,
    )


def _converted(value: object) -> object:
    """The library cuts `bytes` at a zero byte but reads a `bytearray` whole, and knows times only as messages."""
    if isinstance(value, bytes):
        return bytearray(value)
    if isinstance(value, datetime):
        time = Timestamp()
        time.FromDatetime(value)
        return time
    if isinstance(value, dict):
        return {key: _converted(inner) for key, inner in value.items()}
    return [_converted(inner) for inner in value] if isinstance(value, list) else value
