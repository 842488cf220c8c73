"""Why a message could not be stored, and what its sender can do: each cause has its own remedy."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.bus.port import Bus, BusError, Disconnected
from headrace_protocol.errors import ConfigError, ErrorCode, HeadraceError, ProtocolError, Unavailable

_HEADER_BYTES = 64
"""The header block's first line, its end, and what the client adds."""
_AGAIN = "Then send it again with the same id."


def check_payload(bus: Bus, subject: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises ProtocolError for a message that the server would not take, and would hang up on."""
    lines = sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())
    size = len(body) + lines + _HEADER_BYTES
    if size > bus.max_payload_bytes:
        raise ProtocolError(
            "the message is larger than NATS takes",
            where=subject,
            found=f"{size:,} bytes",
            expected=f"at most {bus.max_payload_bytes:,}, the server's max_payload",
            fix="Put large data into a file or an object store, and send its address.",
            code=ErrorCode.PROTOCOL_TOO_LARGE,
        )


def not_stored(error: Exception, subject: str, server: str, complaint: Exception | None) -> HeadraceError:
    """The error for a message that no stream has confirmed. `complaint` is what the server said last of the
    connection: a publication that is not allowed is answered there, and nowhere else."""
    said = str(complaint or "")
    if "permissions violation" in said.lower() and subject in said:
        return ConfigError(
            "NATS does not let this user publish here",
            where=subject,
            found=said,
            expected=f"a user with the permission to publish on {subject}",
            fix=f'Add "{subject}" to the user\'s permissions.publish.allow, or connect as another user.',
        )
    text = str(error)
    if isinstance(error, Disconnected):
        return Unavailable(
            f"the connection to NATS was lost: {text}",
            where=subject,
            found=server,
            expected="a connection that lasts until the message is confirmed",
            fix=f"See that the NATS server runs. {_AGAIN}",
        )
    if "no stream takes" in text:
        return Unavailable(
            "the streams of this namespace do not exist",
            where=subject,
            found=server,
            expected=f"a stream that takes {subject}",
            fix=f"Start a coordinator for this namespace, which makes them, or correct the namespace. {_AGAIN}",
        )
    if isinstance(error, BusError):
        return Unavailable(
            f"the stream does not take the message: {text}",
            where=subject,
            found=server,
            expected="a stream with room",
            fix="A stream is full of messages that nobody has read: start a coordinator, which reads them, or raise "
            f"the stream's bound. {_AGAIN}",
        )
    return Unavailable(
        "NATS has not confirmed the message in time",
        where=subject,
        found=server,
        expected="a confirmation by JetStream",
        fix=f"See that the server is not overloaded and that JetStream has its leader. {_AGAIN}",
    )
