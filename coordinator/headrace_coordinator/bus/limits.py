"""What a message may be for NATS to take it. A client that sends more is disconnected, and would send it again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from headrace_protocol.errors import ErrorCode, ProtocolError
from headrace_protocol.topology import MAX_PAYLOAD_BYTES

_SUBJECT = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")
_HEADER_BYTES = 64
"""The header block's first line, its end, and what the client adds."""


def is_subject(text: str) -> bool:
    """Whether a message can be sent there."""
    return _SUBJECT.fullmatch(text) is not None


MAX_HEADER_BYTES = 65_535
"""JetStream stores no more than that of a message, whatever its payload limit."""


def size_of(headers: Mapping[str, str] | None, body: bytes) -> int:
    """What the server counts against its payload limit: headers too."""
    lines = sum(len(name.encode()) + len(value.encode()) + 4 for name, value in (headers or {}).items())
    return len(body) + lines + _HEADER_BYTES


def check_size(
    subject: str, headers: Mapping[str, str], body: bytes, limit_bytes: int = MAX_PAYLOAD_BYTES
) -> None:
    """Raises ProtocolError for a message that the bus would never take."""
    size = size_of(headers, body)
    if size - len(body) > MAX_HEADER_BYTES:
        longest = max(headers, key=lambda name: len(headers[name]))
        raise ProtocolError(
            "the headers of a message are larger than JetStream stores",
            where=subject,
            found=f"{size - len(body)} bytes, the longest of them {longest}",
            expected=f"at most {MAX_HEADER_BYTES}",
            fix="Shorten the attributes of the event (id, source, subject, extensions), or put them into its data.",
            code=ErrorCode.PROTOCOL_TOO_LARGE,
        )
    if size > limit_bytes:
        raise ProtocolError(
            "a message is larger than the bus takes",
            where=subject,
            found=f"{size} bytes",
            expected=f"at most {limit_bytes}, which is what the NATS server takes (max_payload)",
            fix="Send less, or a reference to where the data is.",
            code=ErrorCode.PROTOCOL_TOO_LARGE,
        )
