"""What CloudEvents 1.0 allows in context attributes: names, types and values, each with its own error."""

from __future__ import annotations

import re
from codecs import lookup
from datetime import datetime

from headrace_protocol.errors import ErrorCode, ProtocolError

ExtensionValue = str | int | bool

ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
_NAME = re.compile(r"[a-z0-9]+")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that a string attribute may not hold (CloudEvents 1.0, "Type System")."""
_NOT_IN_URI = re.compile(r"[\s<>\"{}|\\^`]")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:(?P<second>[0-5]\d|60)(\.\d+)?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_LARGEST_INTEGER = 2**31 - 1


def wrong(
    attribute: str, found: object, expected: str, fix: str, code: ErrorCode = ErrorCode.PROTOCOL_MALFORMED
) -> ProtocolError:
    """The error for one attribute of an event."""
    return ProtocolError(
        f"the CloudEvent's {attribute} is wrong",
        where=attribute,
        found=str(found),
        expected=expected,
        fix=fix,
        code=code,
    )


def check_string(name: str, value: object) -> str:
    """A non-empty string without control characters."""
    if not isinstance(value, str) or not value:
        raise wrong(name, repr(value), "a non-empty string", f"Give {name} a value, or leave it out.")
    if not value.isprintable() and (control := _CONTROL.search(value)):
        raise wrong(name, repr(value), f"no {control.group()!r}", f"Remove the character from {name}.")
    return value


def check_uri(name: str, value: object, *, absolute: bool = False) -> str:
    """A URI reference (RFC 3986; letters beyond ASCII pass, as IRIs are common), or an absolute URI."""
    text = check_string(name, value)
    if _NOT_IN_URI.search(text) or (absolute and _ABSOLUTE_URI.fullmatch(text) is None):
        expected = "an absolute URI" if absolute else "a URI reference, such as /sensors/7"
        raise wrong(name, repr(text), expected, "Percent-encode what a URI may not hold.")
    return text


def check_time(value: str) -> str:
    """A timestamp of RFC 3339, a leap second included."""
    shape = _TIME.fullmatch(value)
    try:
        if shape is None:
            raise ValueError(value)
        second = shape.start("second")
        # Python's calendar has no second 60 and no nanoseconds: it checks day and month alone.
        datetime.fromisoformat(value[: second - 1])
    except ValueError:
        raise wrong(
            "time", repr(value), "RFC 3339, such as 2026-01-31T12:00:00Z", "Write date, T, time and offset."
        ) from None
    return value


def check_extension(name: str, value: object) -> ExtensionValue:
    """The value of an extension attribute; its name may hold lower-case letters and digits only."""
    if _NAME.fullmatch(name) is None or name in ATTRIBUTES or name == "data":
        raise wrong(
            name,
            f"the extension name {name!r}",
            "lower-case letters and digits, and no attribute's name",
            "Rename the extension.",
        )
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER:
            raise wrong(name, value, "an integer of 32 bits", "Send it as a string.")
        return value
    if not isinstance(value, str):
        raise wrong(
            name, f"a {type(value).__name__}", "a string, an integer or a boolean", "Move it to data."
        )
    return check_string(name, value) if value else value


def media_type(content_type: str) -> str:
    """The type and subtype of a content type, lower-case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def charset_of(content_type: str) -> str:
    """The charset that a content type names, UTF-8 when it names none; raises ProtocolError for an unknown one."""
    named = _CHARSET.search(content_type)
    charset = named[1] if named else "utf-8"
    try:
        found = lookup(charset)
        "".encode(found.name)  # refuses codecs that are not of text
    except LookupError as error:
        fix = "Send the text as UTF-8, or name one of Python's encodings."
        raise wrong("datacontenttype", charset[:80], "a charset", fix) from error
    return found.name


def is_json(kind: str) -> bool:
    """Whether a media type is JSON (RFC 6839's `+json` suffix included)."""
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind == "application/xml" or kind.endswith("+xml")
