"""Bodies of requests: JSON or msgpack, with one error for whatever is wrong with them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from headrace_coordinator.api.problems import Incoming, UnsupportedMediaType
from headrace_protocol.codec import decode
from headrace_protocol.errors import ErrorCode, RequestError
from headrace_protocol.headers import CONTENT_TYPE, Encoding
from headrace_protocol.tagged import INT_MAX, INT_MIN, KEY, VALUE, long_integer

T = TypeVar("T", bound=msgspec.Struct)


async def read_body(request: Incoming, kind: type[T]) -> T:
    """The body of a request; an absent one is an empty object.

    Raises ProtocolError for one that does not fit, UnsupportedMediaType for neither JSON nor msgpack.
    """
    body = await request.body()
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body and not stated:
        return decode(b"{}", kind, {CONTENT_TYPE: Encoding.JSON}, where="body")
    # A browser sends forms and plain text to other sites without asking them, so neither is taken for JSON.
    if stated not in {Encoding.JSON, Encoding.MSGPACK}:
        raise UnsupportedMediaType(
            "the body's format is not read here",
            where=CONTENT_TYPE,
            found=stated or "nothing",
            expected=f"{Encoding.JSON} or {Encoding.MSGPACK}",
            fix=f"Send the header Content-Type: {Encoding.JSON}.",
        )
    if stated == Encoding.JSON and _LONG_DIGITS.search(body):
        _refuse_long_integers(body)
    return decode(body, kind, {CONTENT_TYPE: stated}, where="body")


_LONG_DIGITS = re.compile(rb"\d{19}")


def _refuse_long_integers(body: bytes) -> None:
    """Most JSON readers round such a number without a word, so nobody can know that it is what its sender meant."""
    try:
        found = long_integer(msgspec.json.decode(body))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return  # which the decoder says better
    if found is not None:
        place, number = found
        shown = str(number)
        raise RequestError(
            "an integer beyond 64 bits is not written as a number",
            where=place,
            found=shown if len(shown) <= 80 else f"an integer of {len(shown)} digits",
            expected=f"{INT_MIN} to {INT_MAX}, or the tagged form",
            fix=f'Send {{"{KEY}": "int", "{VALUE}": "<its digits>"}}, which is exact everywhere.',
            code=ErrorCode.PARAMS_INVALID if place.startswith("params") else None,
        )


def parse_time(text: str | None, where: str) -> int | None:
    """Microseconds since the epoch, from a number of them or an RFC 3339 time; raises RequestError."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 16:
        return int(text)
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6)
    except (ValueError, OverflowError):
        raise RequestError(
            "not a time",
            where=where,
            found=repr(text[:80]),
            expected="microseconds since the epoch, or a time such as 2026-01-31T12:00:00Z",
        ) from None


def parse_label(text: str | None) -> tuple[str, str] | None:
    """Key and value of `key=value`; raises RequestError."""
    if not text:
        return None
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise RequestError("not a label", where="label", found=repr(text[:80]), expected="key=value")
    return key, value
