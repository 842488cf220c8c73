"""Large values that the coordinator reads for somebody: whole, or in pieces."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from headrace_coordinator.bus.port import BusError, FoundResult, ResultBucket
from headrace_protocol.errors import NotFound, Unavailable
from headrace_protocol.messages import Stored


async def fetch(results: ResultBucket, stored: Stored) -> msgspec.Raw:
    """Raises NotFound where it is gone, Unavailable where its place cannot say."""
    try:
        body = await results.get(stored.uri)
    except BusError as error:
        raise Unavailable(
            "a stored value cannot be read now",
            where=stored.uri,
            found=str(error),
            expected="an answer of the result store",
            fix="Ask again when the result store answers.",
        ) from error
    if body is None or blake2b(body, digest_size=16).hexdigest() != stored.digest:
        raise NotFound(
            "a stored value is gone" if body is None else "a stored value is not what was stored",
            where=stored.uri,
            found="nothing" if body is None else f"{len(body)} bytes of another digest",
            expected=f"{stored.size_bytes} bytes",
            fix="Retry the run: what made the value runs again.",
        )
    return msgspec.Raw(body)


async def open_result(results: ResultBucket, stored: Stored) -> FoundResult:
    """Raises NotFound where it is gone, Unavailable where its place cannot say."""
    try:
        found = await results.open(stored.uri)
    except BusError as error:
        raise Unavailable(
            "the stored value cannot be read now",
            where=stored.uri,
            found=str(error),
            expected="an answer of the place where it is stored",
            fix="Ask again; for a place outside of NATS, give the coordinator access to it.",
        ) from error
    if found is None:
        raise NotFound(
            "the stored value is gone",
            where=stored.uri,
            found="nothing",
            expected=f"{stored.size_bytes} bytes",
            fix="Start the workflow again: a run that still needs the value makes it again by itself.",
        )
    return found
