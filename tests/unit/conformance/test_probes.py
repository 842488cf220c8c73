"""When a value that came back is the value that was sent."""

import math

import msgspec
import pytest

from headrace_coordinator.conformance import probes
from headrace_protocol import codec, tagged
from headrace_protocol.messages import TaskMessage


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        (1, 1.0),
        (math.nan, math.nan),
        ([1, {"a": b"x"}], [1, {"a": b"x"}]),
        (tagged.tag("int", str(2**64)), 2**64),
        ({"$headrace": "other", "value": 1}, {"$headrace": "other", "value": 1}),
    ],
)
def test_what_is_the_same(sent: object, back: object) -> None:
    assert probes.same(sent, back)


@pytest.mark.parametrize(
    ("sent", "back"),
    [(1, True), (2**53 + 1, float(2**53)), ([1], [1, 2]), ({"a": 1}, {}), (b"x", "x"), (math.nan, None)],
)
def test_what_is_not(sent: object, back: object) -> None:
    assert not probes.same(sent, back)


def test_new_fields_are_in_the_message_and_in_its_bindings() -> None:
    probe = probes.echo("n", "value", at_us=1, extra=True)
    assert codec.decode(probe.body, TaskMessage) == probe.message
    fields = msgspec.msgpack.decode(probe.body)
    assert set(fields) - set(TaskMessage.__struct_fields__) == {"x_conformance", "x_number"}
    assert "x_number" in fields["bindings"]["value"]
