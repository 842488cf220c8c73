"""The generated documents hold together, and the golden frames fit them."""

import json
from collections.abc import Iterator

import jsonschema_rs
import msgspec
import pytest

from headrace_protocol.channels import CHANNELS, PARAMETERS
from headrace_protocol.cloudevent import CloudEvent, encode_structured
from headrace_protocol.definition import Priority
from headrace_protocol.json_schema import components
from headrace_protocol.schemas import MESSAGE_TYPES, WIRE_TYPES, asyncapi, json_schemas
from headrace_protocol.subjects import Subjects
from tests.wire.frames import golden

ASYNCAPI = asyncapi()
SCHEMAS = json_schemas()


def references(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(reference := document.get("$ref"), str):
            yield reference
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def resolve(document: object, reference: str) -> object:
    assert reference.startswith("#/")
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


@pytest.mark.parametrize("document", [ASYNCAPI, SCHEMAS], ids=["asyncapi", "json schemas"])
def test_every_reference_resolves(document: dict[str, object]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        resolve(document, reference)


def test_documents_are_json() -> None:
    assert json.loads(json.dumps(ASYNCAPI)) == ASYNCAPI
    assert json.loads(json.dumps(SCHEMAS)) == SCHEMAS


def test_schemas_are_valid_json_schemas() -> None:
    jsonschema_rs.meta.validate(SCHEMAS)


@pytest.mark.parametrize("kind", MESSAGE_TYPES, ids=lambda kind: kind.__name__)
def test_golden_frames_fit_their_schema(kind: type[msgspec.Struct]) -> None:
    validator = jsonschema_rs.validator_for(SCHEMAS | {"$ref": f"#/$defs/{kind.__name__}"})
    document = json.loads(golden(kind.__name__)[1])
    validator.validate(document)
    for name in SCHEMAS["$defs"][kind.__name__]["required"]:
        assert not validator.is_valid({key: value for key, value in document.items() if key != name})


def test_structured_events_fit_their_schema() -> None:
    validator = jsonschema_rs.validator_for(SCHEMAS | {"$ref": "#/$defs/CloudEvent"})
    for event in (
        CloudEvent(id="1", source="/", type="a", data={"a": 1}, extensions={"n": 1, "b": True}),
        CloudEvent(id="1", source="/", type="a", data=b"\x00", subject="s", time="2018-04-05T17:31:00Z"),
    ):
        validator.validate(json.loads(encode_structured(event)[1]))
    assert not validator.is_valid({"specversion": "1.0", "id": "1", "source": "/"})
    assert not validator.is_valid({"specversion": "1.0", "id": "1", "source": "/", "type": "a", "Ext": "x"})


def test_every_channel_has_messages_parties_and_parameters() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    for name, channel in ASYNCAPI["channels"].items():
        assert bool(channel["messages"]) is (name != "rollcall"), name
        assert (channel["address"] is None) == (name in ("reply", "redundant"))
        assert set(channel.get("parameters", {})) <= set(PARAMETERS)
    assert {message for channel in CHANNELS.values() for message in channel.messages} == {
        kind.__name__ for kind in WIRE_TYPES
    }


def test_every_channel_is_sent_on_and_received_from() -> None:
    for name in CHANNELS:
        reference = {"$ref": f"#/channels/{name}"}
        operations = [o for o in ASYNCAPI["operations"].values() if o["channel"] == reference]
        assert {operation["action"] for operation in operations} == {"send", "receive"}


def test_addresses_are_what_the_grammar_builds() -> None:
    subjects = Subjects("n")
    built = {
        "task": subjects.task("q", Priority.HIGH),
        "outcome": subjects.input(3, "outcome", "q"),
        "command": subjects.input(3, "command", "s"),
        "event": subjects.event("t"),
        "lifecycle": subjects.lifecycle("w", "x"),
        "log": subjects.log("q"),
        "span": subjects.span("q"),
        "heartbeat": subjects.heartbeat,
        "started": subjects.started,
        "cancel": subjects.cancel,
        "task_of_code": subjects.task("q", Priority.HIGH, "c"),
        "redelivered": subjects.input(3, "redelivered", "q"),
        "rollcall": subjects.rollcall,
        "wanted": subjects.wanted,
        "needed": subjects.needed,
    }
    values = {"namespace": "n", "queue": "q", "priority": "high", "shard": 3, "source": "s", "type": "t"}
    values["code"] = "c"
    values |= {"workflow": "w", "what": "x"}
    addresses = {name: channel.address for name, channel in CHANNELS.items() if channel.address}
    assert {name: address.format(**values) for name, address in addresses.items()} == built


def test_streams_are_those_of_the_topology() -> None:
    streams = {name: channel.get("x-jetstream") for name, channel in ASYNCAPI["channels"].items()}
    assert streams["task"]["stream"] == "HR_TASKS_{namespace}"
    assert streams["task"]["retention"] == "workqueue"
    assert streams["span"]["stream"] == "HR_LOGS_{namespace}"
    assert streams["heartbeat"] is None


def test_a_type_that_the_contract_does_not_use_is_refused() -> None:
    class Odd(msgspec.Struct):
        """Holds what JSON Schema is not asked to say."""

        value: bytes

    with pytest.raises(TypeError, match="BytesType"):
        components((Odd,), "#")
