"""What the bus takes."""

from __future__ import annotations

import pytest

from headrace_coordinator.bus.limits import MAX_HEADER_BYTES, check_size
from headrace_protocol.errors import ErrorCode, ProtocolError


def test_headers_have_a_limit_of_their_own() -> None:
    check_size("s", {"ce-id": "i" * (MAX_HEADER_BYTES - 100)}, b"", 10_000_000)
    with pytest.raises(ProtocolError) as refused:
        check_size("s", {"ce-source": "/s", "ce-id": "i" * MAX_HEADER_BYTES}, b"", 10_000_000)
    assert refused.value.code == ErrorCode.PROTOCOL_TOO_LARGE
    assert "ce-id" in refused.value.found
