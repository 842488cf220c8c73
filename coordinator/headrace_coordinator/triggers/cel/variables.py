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
        self._total = self._text = self._longest = 0
        characters = depth = 0
        level: list[object] = list(variables.values())
        while level:
            depth += 1
            if depth > DEEPEST:
                raise _refused(f"more than {DEEPEST} levels of lists and maps", f"at most {DEEPEST}")
            self._total += len(level)
            inner: list[object] = []
            for value in level:
                kind = type(value)
                if kind is str:
                    length = self._length(value)  # type: ignore[arg-type]
                    characters += length
                    self._text = max(self._text, length)
                elif kind is dict:
                    self._longest = max(self._longest, len(value))  # type: ignore[arg-type]
                    inner.extend(value)  # type: ignore[arg-type]
                    inner.extend(value.values())  # type: ignore[attr-defined]
                elif kind is list:
                    self._longest = max(self._longest, len(value))  # type: ignore[arg-type]
                    inner.extend(value)  # type: ignore[arg-type]
                elif kind is bytes:
                    self.is_foreign = True
                    characters += len(value)  # type: ignore[arg-type]
                    self._text = max(self._text, len(value))  # type: ignore[arg-type]
                elif kind is datetime:
                    self.is_foreign = True
                elif kind not in SCALARS:
                    raise _refused(f"{kind.__name__} is not a value of CEL", KNOWN)
            level = inner
        self.sizes = Sizes(
            total=self._total + characters / CHARACTERS,
            longest=float(self._longest),
            text=1 + self._text / CHARACTERS,
        )

    def _length(self, text: str) -> int:
        if "\0" in text:
            raise _refused(f"the text {text[:40]!r} with a zero character", "texts without zero characters")
        if text.isascii():
            return len(text)
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
