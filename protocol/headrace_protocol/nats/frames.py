"""Frames of the NATS client protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol): those that
carry messages. The rare others are left to nats-py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

CRLF = b"\r\n"
_VERSION = b"NATS/1.0"
_M, _H = ord("M"), ord("H")


class Frame(msgspec.Struct, gc=False):
    """A message as the server sent it, or a line of another kind with everything else empty."""

    sid: int
    """The subscription's number; 0 for a line that carries no message."""
    subject: str
    reply: str
    headers: bytes
    """The header block as it is; empty when there is none."""
    body: bytes
    raw: bytes = b""
    """The line that carries no message, with its end."""


class Malformed(ValueError):
    """The server sent what is not its protocol."""


class Reader:
    """Cuts what arrives into frames. What is incomplete is kept until the rest is there."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._needed = 0

    def reset(self) -> None:
        """Forget what is incomplete: the connection is new."""
        self._kept.clear()
        self._kept_bytes = self._needed = 0

    def frames(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with this data. Raises Malformed."""
        if self._kept:
            self._kept.append(data)
            self._kept_bytes += len(data)
            if self._kept_bytes < self._needed:
                return
            data = b"".join(self._kept)
            self.reset()
        position, size = 0, len(data)
        while position < size:
            line_end = data.find(CRLF, position)
            if line_end < 0:
                break
            start = line_end + 2
            kind = data[position]
            if kind not in (_M, _H):
                yield Frame(0, "", "", b"", b"", data[position:start])
                position = start
                continue
            sid, subject, reply, header_bytes, total = _arguments(data[position:line_end], kind)
            end = start + total
            if end + 2 > size:
                self._needed = end + 2 - position
                break
            middle = start + header_bytes
            position = end + 2
            yield Frame(sid, subject, reply, data[start:middle], data[middle:end])
        if position < size:
            self._kept.append(data[position:] if position else data)
            self._kept_bytes = size - position


def _arguments(line: bytes, kind: int) -> tuple[int, str, str, int, int]:
    """`MSG <subject> <sid> [reply] <bytes>` and `HMSG <subject> <sid> [reply] <header bytes> <bytes>`."""
    try:
        _, subject, sid, *rest = line.decode().split()
        total = int(rest.pop())
        header_bytes = int(rest.pop()) if kind == _H else 0
        reply = rest.pop() if rest else ""
        return int(sid), subject, reply, header_bytes, total
    except (ValueError, IndexError) as error:
        raise Malformed(f"not a message's line: {line[:80]!r}") from error


def published(subject: str, body: bytes, reply: str, headers: Mapping[str, str] | None) -> bytes:
    """The frame that publishes a message. Raises ValueError where it would not be one frame."""
    if not subject or " " in subject or " " in reply or "\n" in subject or "\n" in reply:
        raise ValueError(f"not a subject: {subject[:80]!r}, reply {reply[:80]!r}")
    to = f"{subject} {reply}" if reply else subject
    if not headers:
        return b"PUB %b %d\r\n%b\r\n" % (to.encode(), len(body), body)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError(f"a header of a message to {subject} has a line break in it")
    block = lines.encode()
    before = len(block) + 12
    return b"HPUB %b %d %d\r\nNATS/1.0\r\n%b\r\n%b\r\n" % (
        to.encode(),
        before,
        before + len(body),
        block,
        body,
    )


def sent_bytes(body: bytes, headers: Mapping[str, str] | None) -> int:
    """What the server counts against its payload limit: the header block too."""
    if not headers:
        return len(body)
    lines = sum([len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items()])
    return len(_VERSION) + 2 + lines + 2 + len(body)


def parsed_headers(block: bytes) -> dict[str, str] | None:
    """A header block as names and values; a status that the server put into its first line is `Status` and
    `Description`, as nats-py has it. None for an empty one."""
    if not block:
        return None
    first, *lines = block.decode("utf-8", "replace").split("\r\n")
    headers: dict[str, str] = {}
    status = first[len(_VERSION) :].strip()
    if status:
        code, _, description = status.partition(" ")
        headers["Status"] = code
        if description:
            headers["Description"] = description
    for line in lines:
        name, found, value = line.partition(":")
        if found:
            headers[name.strip()] = value.strip()
    return headers
