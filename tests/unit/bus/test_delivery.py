"""Acknowledgement subjects of both formats."""

import pytest

from headrace_coordinator.bus.delivery import Delivery, delivery_of
from headrace_coordinator.bus.port import Incoming


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.HR_INPUTS_default.shard_0.3.17.21.1700000000000000000.0",
        "$JS.ACK.hub.ACCHASH.HR_INPUTS_default.shard_0.3.17.21.1700000000000000000.0.token",
        "$JS.ACK.hub.ACCHASH.HR_INPUTS_default.shard_0.3.17.21.1700000000000000000.0",
    ],
)
def test_what_an_acknowledgement_subject_tells(reply: str) -> None:
    assert delivery_of(Incoming("hr.default.in.0.command.x", {}, b"", reply)) == Delivery(17, 3)
